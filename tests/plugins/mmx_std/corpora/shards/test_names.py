from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora.shards.names import check_all_named, key_of, key_split, shard_split

ROOT = Path("/data/corpus")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train/0001.jpg", ("train/0001", "jpg")),
        ("./00000.JPG", ("00000", "jpg")),
        ("v1.2/a.left.png", ("v1.2/a", "left.png")),
        ("./._00000.jpg", None),
        ("__MACOSX/00000.jpg", None),
        (".git/config.txt", None),
        ("__meta__.json", None),
        ("00000", None),
    ],
)
def test_the_key_of_a_member(name: str, found: tuple[str, str] | None) -> None:
    assert key_of(name) == found


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-000000.tar", "train"),
        ("toy1k-train-0000.tar", "train"),
        ("toy1k-validation-00000-of-00002.tar", "val"),
        ("cc3m_Valid_0007.tar", "val"),
        ("cocoTrain2017.tar", "train"),
        ("test0000.tar", "test"),
        ("testset_3.tar", "test"),
        ("traindata.tar", "train"),
        ("train/0000.tar", "train"),
        ("val/shard-0000.tar", "val"),
        ("audioset/test/train0.wav/0.tar", None),
        ("dev/a.tar", "val"),
        ("00000.tar", ""),
        ("latest-0000.tar", ""),
        ("retrieval-0000.tar", ""),
        ("train-test-0.tar", None),
        ("mytrain-0.tar", None),
        ("testimages4.tar", "test"),
        ("testlike-0.tar", None),
    ],
)
def test_the_split_that_a_shard_tells(name: str, split: str | None) -> None:
    if split is None:
        with pytest.raises(DataError, match=r"'corpus\.splits="):
            shard_split(ROOT, ROOT / name, {})
        assert shard_split(ROOT, ROOT / name, {"*.tar": "Validation"}) == "val"
    else:
        assert shard_split(ROOT, ROOT / name, {}) == split


def test_the_folder_that_was_asked_for_tells_too() -> None:
    assert shard_split(Path("/data/test"), Path("/data/test/0000.tar"), {}) == "test"
    assert shard_split(Path("/data/test"), Path("/data/test/train-0.tar"), {}) == "train"
    assert shard_split(Path("/data/val/0.tar"), Path("/data/val/0.tar"), {}) == "val"


def test_the_split_that_a_key_tells() -> None:
    assert key_split("validation_00000") == "val"
    assert key_split("corpus/test/00000") == "test"
    assert key_split("00000") == key_split("latest/testimony_1") == ""


def test_shards_of_which_some_tell_no_split_are_refused() -> None:
    check_all_named({"a.tar": "", "b.tar": ""}, ["a.tar"])
    check_all_named({"train-0.tar": "train", "b.tar": ""}, [])
    with pytest.raises(DataError, match=r"eval-0\.tar: which split is it of\? train-0\.tar is of train; say it"):
        check_all_named({"train-0.tar": "train", "eval-0.tar": ""}, ["eval-0.tar"])
