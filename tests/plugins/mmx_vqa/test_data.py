"""The data of easy-vqa: a tiny folder in its form."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.media.audio_image import write_image
from mmx_vqa.data import EasyVqa


def easy(folder: Path) -> Path:
    (folder / "answers.txt").parent.mkdir(parents=True, exist_ok=True)
    (folder / "answers.txt").write_text("circle\nred\nyes\nno\nblue\n")
    rows = [["what shape is in the image?", "circle"], ["what color is the circle?", "red"], ["is it blue?", "no"]]
    for split, images in (("train", 12), ("test", 4)):
        (folder / split / "images").mkdir(parents=True)
        asked = [[question, answer, image] for image in range(images) for question, answer in rows]
        (folder / split / "questions.json").write_text(json.dumps(asked))
        for image in range(images):
            write_image(folder / split / "images" / f"{image}.png", np.full((64, 64, 3), image, np.uint8))
    return folder


def test_questions_images_and_types(tmp_path: Path) -> None:
    corpus = EasyVqa(str(easy(tmp_path)))
    assert isinstance(corpus, Corpus)
    assert corpus.targets["label"] == ("blue", "circle", "no", "red", "yes")
    assert [len(corpus.split(name)) for name in ("train", "val", "test")] == [30, 6, 12]
    shape, colour, presence = corpus.split("test")[3:6]
    assert (shape.targets["label"], colour.targets["label"], presence.targets["label"]) == (1, 3, 2)
    assert [sample.targets["type"] for sample in (shape, colour, presence)] == [1, 0, 2]
    assert shape.fields["image"][0, 0, 0] == 1
    assert {sample.targets["image_id"] for sample in (shape, colour)} == {"test-1"}
    trained = {sample.targets["image_id"] for sample in corpus.split("train")}
    assert not trained & {sample.targets["image_id"] for sample in corpus.split("val")}


def test_some_questions_of_the_test_split(tmp_path: Path) -> None:
    folder = str(easy(tmp_path))
    some = EasyVqa(folder, most=4)
    assert len(some.split("test")) == 4
    assert some.digest != EasyVqa(folder).digest


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="needed is the folder `data` of easy-vqa"):
        EasyVqa(str(tmp_path))
    folder = easy(tmp_path / "there")
    (folder / "test" / "questions.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="no list of"):
        EasyVqa(str(folder))
    with pytest.raises(DataError, match="trian"):
        EasyVqa(str(easy(tmp_path / "whole"))).split("trian")
    monkeypatch.setattr("mmx_vqa.data.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install --no-deps easy-vqa"):
        EasyVqa()


def test_the_installed_package_is_found_without_being_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    easy(tmp_path / "easy_vqa" / "data")
    (tmp_path / "easy_vqa" / "__init__.py").write_text("raise RuntimeError('never run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert len(EasyVqa().split("test")) == 12
