"""Features in folders of .npz files, beside the items of a manifest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_std.corpora.folders.features import FeatureFolders, read_features
from mmx_std.corpora.manifest import Manifest


@pytest.fixture
def items(tmp_path: Path) -> Manifest:
    rows = [
        {"id": name, "text": name, "split": "train", "subtitles": [{"start": 0, "end": 1, "text": "hello"}]}
        for name in ("a", "b", "c")
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Manifest(path=str(path))


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    for folder, columns, frames in (("flat", 5, 8), ("deep", 3, 7)):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            np.savez(tmp_path / folder / f"{name}.npz", features=rng.normal(size=(frames, columns)).astype(np.float16))
    return [str(tmp_path / "flat"), str(tmp_path / "deep")]


def test_features_stand_side_by_side_cut_to_the_shortest(items: Manifest, folders: list[str]) -> None:
    corpus = FeatureFolders(items, folders)
    assert isinstance(corpus, Corpus)
    assert corpus.fields == {"text": "text", "subtitles": "cues", "frames": "signal"}
    sample = corpus.split("train")[0]
    signal = sample.fields["frames"]
    assert signal.values_TC.shape == (7, 8)
    assert signal.rate == pytest.approx(1 / 1.5)
    flat = np.load(Path(folders[0]) / "a.npz")["features"]
    assert np.array_equal(signal.values_TC[:, :5], flat[:7].astype(np.float32)), (
        "in the order of the folders, as they are"
    )
    assert sample.fields["subtitles"][0].text == "hello"


def test_a_missing_file_costs_its_item_and_is_named(items: Manifest, folders: list[str]) -> None:
    with pytest.raises(DataError, match=r"c\.npz: no such file"):
        FeatureFolders(items, folders).split("train")[2].fields["frames"]
    with pytest.raises(DataError, match=r"no \.npz files there"):
        FeatureFolders(items, [f"{folders[0]}/none"])


def test_the_digest_changes_with_the_files(items: Manifest, folders: list[str]) -> None:
    before = FeatureFolders(items, folders).digest
    assert FeatureFolders(items, folders).digest == before
    np.savez(Path(folders[0]) / "a.npz", features=np.zeros((2, 5)))
    assert FeatureFolders(items, folders).digest != before


def test_what_is_no_table_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"is no \.npz file"):
        read_features(path)
    for content, message in (
        ({"features": np.zeros(3)}, "no table"),
        ({"features": np.array([["a"]])}, "no table"),
        ({"features": np.array([[np.nan]])}, "not finite"),
    ):
        np.savez(path, **content)
        with pytest.raises(DataError, match=message):
            read_features(path)
    np.savez(path, features=np.array([[object()]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"is no \.npz file"):
        read_features(path)
    np.savez(path, anything=np.ones((2, 3)))
    assert read_features(path).shape == (2, 3)
