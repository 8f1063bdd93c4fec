"""Features in folders of .npz files, beside the items of a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_std.corpora.folders.features import FeatureFolders, read_features
from mmx_std.corpora.manifest import Manifest
from mmx_std.encoders.regions import Regions


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


@pytest.mark.parametrize("size", [{"size": [200, 100]}, {"image_w": 200, "image_h": 100}])
def test_regions_have_their_boxes_first_in_shares(items: Manifest, tmp_path: Path, size: dict[str, Any]) -> None:
    (tmp_path / "regions").mkdir()
    boxes = np.array([[0, 0, 100, 100], [150, 25, 201, 50]], np.float32)
    np.savez(tmp_path / "regions" / "a.npz", features=np.ones((2, 3)), boxes=boxes, **size)
    corpus = FeatureFolders(items, [str(tmp_path / "regions")], field="regions", boxes=True)
    assert corpus.digest != FeatureFolders(items, [str(tmp_path / "regions")], field="regions").digest
    rows = corpus.split("train")[0].fields["regions"].values_TC
    np.testing.assert_allclose(rows, [[0, 0, 0.5, 1, 1, 1, 1], [0.75, 0.25, 1, 0.5, 1, 1, 1]])
    assert Regions(3).prepare(corpus.split("train")[0].fields["regions"]).shape == (2, 7)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "needs arrays boxes"),
        ({"boxes": np.zeros((2, 4))}, "needs arrays boxes"),
        ({"boxes": np.zeros((2, 5)), "size": [9, 9]}, "needed is"),
        ({"boxes": np.full((2, 4), 90.0), "size": [9, 9]}, "lie outside"),
    ],
)
def test_boxes_that_cannot_be_used_are_one_line(
    items: Manifest, tmp_path: Path, content: dict[str, Any], told: str
) -> None:
    (tmp_path / "regions").mkdir()
    np.savez(tmp_path / "regions" / "a.npz", features=np.ones((2, 3)), **content)
    with pytest.raises(DataError, match=told):
        FeatureFolders(items, [str(tmp_path / "regions")], boxes=True).split("train")[0].fields["frames"]


def test_a_detectors_class_distributions_are_a_target(items: Manifest, tmp_path: Path) -> None:
    (tmp_path / "regions").mkdir()
    for name in ("a", "b"):
        scores = np.array([[0.9, 0.1], [0.3, 0.7]])
        np.savez(tmp_path / "regions" / f"{name}.npz", features=np.ones((2, 3)), cls_prob=scores)
    corpus = FeatureFolders(items, [str(tmp_path / "regions")], field="regions", scores="cls_prob")
    np.testing.assert_allclose(corpus.split("train")[0].targets["region_scores"], [[0.9, 0.1], [0.3, 0.7]])
    assert "region_scores" in corpus.targets
    other = FeatureFolders(items, [str(tmp_path / "regions")], field="regions", scores="nothing")
    with pytest.raises(DataError, match="holds no table nothing"):
        other.split("train")[0]


def test_several_expressions_of_an_image_share_its_file_and_name_their_boxes(tmp_path: Path) -> None:
    rows = [
        {"id": f"{name}-{number}", "text": "one", "group": name, "box": box, "split": "train"}
        for name in ("a", "b")
        for number, box in enumerate(("0,0,100,50", "[50, 25, 150, 100]", "9,9,500,500", "left"))
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "regions").mkdir()
    for name in ("a", "b"):
        boxes = np.array([[0, 0, 100, 100]], np.float32)
        np.savez(tmp_path / "regions" / f"{name}.npz", features=np.ones((1, 3)), boxes=boxes, size=[200, 100])
    items = Manifest(path=str(path), fields={"text": "text", "box": "box"}, modalities={"box": "text"})
    options: dict[str, Any] = {"folders": [str(tmp_path / "regions")], "field": "regions", "boxes": True}
    samples = FeatureFolders(items, **options, referred="box").split("train")
    assert samples[4].fields["regions"].values_TC.shape == (1, 7)
    found = [samples[place].targets["referred_box"].tolist() for place in (0, 5)]
    assert found == [[0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 1]]
    for place, told in ((2, "none in an image of 200 x 100"), (3, "'left' is no box")):
        with pytest.raises(DataError, match=told):
            samples[place]
    with pytest.raises(DataError, match="referred=nothing"):
        FeatureFolders(items, **options, referred="nothing")
    read = Regions.read_file(tmp_path / "regions" / "b.npz")
    assert read.values_TC.tolist() == samples[4].fields["regions"].values_TC.tolist(), "what predict reads is the same"
