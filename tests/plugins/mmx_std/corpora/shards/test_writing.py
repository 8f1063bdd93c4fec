from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora.decoding import FileSource, Media
from mmx_std.corpora.items import Item
from mmx_std.corpora.shards.writing import pack


def items(media: Path) -> list[Item]:
    sound = {"audio": Media("audio", FileSource(media / "low.wav"), 0.05, None)}
    return [
        Item("first", 1, sound, {"query": "a low tone"}, {"label": "low", "labels": ("x",)}, "tape", "train"),
        Item("second", 2, {}, {"query": "words only"}, {}, "second", "train"),
        Item("third", 3, {"image": Media("image", FileSource(media / "red.png"))}, {}, {}, "third", "te st"),
    ]


def test_members_hold_the_files_as_they_are(media: Path, tmp_path: Path) -> None:
    written = pack(items(media), tmp_path / "out", size=1)
    assert [path.name for path in written] == ["te_st-000000.tar", "train-000000.tar", "train-000001.tar"]
    with tarfile.open(written[1]) as archive:
        assert archive.getnames() == ["000000000.audio.wav", "000000000.json"]
        assert archive.extractfile("000000000.audio.wav").read() == (media / "low.wav").read_bytes()
        described = json.loads(archive.extractfile("000000000.json").read())
    assert described == {
        "id": "first",
        "split": "train",
        "group": "tape",
        "media": {"audio": {"modality": "audio", "start": 0.05, "end": None}},
        "texts": {"query": "a low tone"},
        "labels": {"label": "low", "labels": ["x"]},
    }


def test_the_same_items_give_the_same_bytes(media: Path, tmp_path: Path) -> None:
    first, second = (pack(items(media), tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_nothing_is_overwritten_or_half_written(media: Path, tmp_path: Path) -> None:
    pack(items(media), tmp_path / "out")
    with pytest.raises(DataError, match="holds shards already"):
        pack(items(media), tmp_path / "out")
    (media / "low.wav").unlink()
    with pytest.raises(DataError, match=r"low.wav"):
        pack(items(media)[:1], tmp_path / "gone")
    assert list((tmp_path / "gone").iterdir()) == []
    with pytest.raises(DataError, match="two splits"):
        pack([Item("a", 1, texts={"t": "x"}, split="a b"), Item("b", 2, texts={"t": "x"}, split="a?b")], tmp_path / "x")
