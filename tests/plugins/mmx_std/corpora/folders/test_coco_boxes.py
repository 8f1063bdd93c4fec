"""COCO's JSON as prompts and boxes: shares of the padded square, names of what is and is not there, one-line faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.media.audio_image import write_image
from mmx_std.corpora.folders.coco_boxes import CocoBoxes


def instances() -> dict[str, Any]:
    return {
        "images": [{"id": number, "file_name": f"{number}.png", "width": 40, "height": 20} for number in range(12)],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "red ball"}, {"id": 5, "name": "cat"}],
        "annotations": [
            *({"image_id": number, "category_id": 7, "bbox": [10, 0, 20, 10]} for number in range(10)),
            *({"image_id": number, "category_id": 3, "bbox": [0, 5, 4, 15]} for number in range(10)),
            {"image_id": 10, "category_id": 5, "bbox": [0, 0, 40, 20], "iscrowd": 1},
            {"image_id": 11, "category_id": 5, "bbox": [0, 0, 0, 20]},
        ],
    }


def written(folder: Path, content: dict[str, Any]) -> str:
    (folder / "instances.json").write_text(json.dumps(content))
    for number in range(12):
        write_image(folder / f"{number}.png", np.full((20, 40, 3), number, np.uint8))
    return str(folder / "instances.json")


def test_boxes_are_shares_of_the_padded_square_and_phrases_name_them(tmp_path: Path) -> None:
    corpus = CocoBoxes(written(tmp_path, instances()), boxes=3, absent=1)
    assert isinstance(corpus, Corpus) and (corpus.used, corpus.expected) == (10, 12)
    samples = [sample for name in ("train", "val", "test") for sample in corpus.split(name)]
    assert sorted(sample.id for sample in samples) == sorted(f"{number}.png" for number in range(10))
    prompts = set()
    for sample in samples:
        assert sample.fields["image"].shape == (20, 40, 3)
        phrases, of = sample.fields["prompt"].rstrip(".").split(". "), sample.targets["box_phrases"]
        assert [phrases[place] for place in of[:2]] == ["dog", "red ball"] and of[2] == -1  # the larger first
        np.testing.assert_allclose(
            sample.targets["phrase_boxes"], [[0.25, 0, 0.75, 0.25], [0, 0.125, 0.1, 0.5], [0, 0, 0, 0]]
        )
        assert set(phrases) <= {"dog", "red ball", "cat"}
        prompts.add(sample.fields["prompt"])
    assert len(prompts) > 2
    again = CocoBoxes(str(tmp_path / "instances.json"), boxes=3, absent=1)
    assert again.digest == corpus.digest != CocoBoxes(str(tmp_path / "instances.json"), boxes=2).digest
    assert again.split("train")[0].fields["prompt"] == corpus.split("train")[0].fields["prompt"]


def test_only_the_largest_boxes_are_kept(tmp_path: Path) -> None:
    corpus = CocoBoxes(written(tmp_path, instances()), boxes=1, absent=0)
    assert {sample.fields["prompt"] for sample in corpus.split("train")} == {"dog."}


def broken(**changed: Any) -> dict[str, Any]:
    return {**instances(), **changed}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"images": []}, "not of COCO's form"),
        (broken(annotations=[{"image_id": 0, "category_id": 9, "bbox": [0, 0, 1, 1]}]), "no known category"),
        (broken(annotations=[{"image_id": 0, "category_id": 7, "bbox": [0, 0, 1]}]), "four numbers"),
        (broken(annotations=[]), "no image has a box"),
        (
            broken(categories=[{"id": 7, "name": "St. Bernard"}, {"id": 3, "name": "x"}, {"id": 5, "name": "y"}]),
            "full stop",
        ),
    ],
)
def test_faults_are_one_line(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        CocoBoxes(written(tmp_path, content))


def test_a_missing_file_and_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; give"):
        CocoBoxes(str(tmp_path / "none.json"))
    with pytest.raises(DataError, match="splits: train, val, test"):
        CocoBoxes(written(tmp_path, instances())).split("novel")
