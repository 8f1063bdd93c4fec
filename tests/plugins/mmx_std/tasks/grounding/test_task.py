"""The grounding task on a model that finds everything: its values, controls, pictures, and answers in pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError, UserError
from mmx.interfaces import Task
from mmx.media.audio_image import write_image
from mmx.types import Metric, Report
from mmx_std.tasks.grounding.task import Grounding
from tests.plugins.mmx_std.judges import Judged, Listed
from tests.plugins.mmx_std.tasks.grounding.quadrants import QUADRANTS, make, painted, world

TASK = Grounding(splits=["novel"], shown=2)


@pytest.fixture(scope="module")
def report() -> Report:
    run: Any = Judged(make(trained=False))
    return TASK.evaluate(make(trained=True), world(), run)


def metric(report: Report, name: str) -> Metric:
    return next(each for each in report.metrics if each.name == name)


def test_every_phrase_is_found_and_controls_are_not(report: Report) -> None:
    assert isinstance(TASK, Task)
    first = report.metrics[0]
    assert first.name == "recall_at_1" and first.value == 1.0 and first.unit == "images" and first.units == 24
    assert first.untrained is not None and 0 < first.untrained < 0.6  # one quadrant of four, for every phrase
    assert set(first.controls) == {"without_image", "without_prompt", "shuffled_prompt"}
    assert max(first.controls.values()) < 0.75
    assert set(first.baselines) == {"centre_box", "nearest_colours"}
    assert first.baselines["centre_box"] == 0.0 and first.baselines["nearest_colours"] > 0.9
    assert metric(report, "recall_at_5").controls["without_image"] == 1.0  # all four quadrants are looked at
    area = metric(report, "presence_auc")
    assert (area.value, area.chance, area.untrained) == (1.0, 0.5, 0.5)
    assert metric(report, "recall_at_1_novel").value == 1.0
    assert (report.used, report.expected) == (24, 24)


def test_rows_and_pictures(report: Report) -> None:
    row = report.predictions[0]
    assert list(row) == ["id", "phrase", "score", "box", "right"]
    assert row["right"] is True and row["box"] in QUADRANTS.tolist()
    assert report.predictions[1]["right"] is None  # asked for, and not there
    assert [figure.key for figure in report.figures] == ["boxes_0", "boxes_1", "boxes_novel_0", "boxes_novel_1"]


def test_a_phrase_counts_by_its_own_box(report: Report) -> None:
    samples = world().split("test")
    for sample in samples:
        sample.targets["box_phrases"][:2] = [0, 2]  # the boxes of the two phrases, exchanged
    run: Any = Judged(make(trained=False))
    wrong = Grounding(simple=False, shown=0).evaluate(make(trained=True), Listed({"test": samples}, {}), run)
    assert wrong.metrics[0].value == 0.0


def test_a_prompt_of_another_image_counts_with_its_own_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts of one phrase and of three: what is padded was never asked for."""
    samples = world().split("test")
    for sample in samples[::2]:
        sample.fields["prompt"] = sample.fields["prompt"].partition(" ")[0]
        sample.targets["box_phrases"][:] = [-1, 0, -1]
    counted: list[tuple[list[int], list[int]]] = []
    found = Grounding._found

    def spied(task: Grounding, outputs: Any, asked: Any) -> Any:
        encoded = outputs.encoded["prompt"]
        every = torch.ones(encoded.tokens_BTD.shape[:2])
        counted.append((list(asked), (every if encoded.mask_BT is None else encoded.mask_BT).sum(1).tolist()))
        return found(task, outputs, asked)

    monkeypatch.setattr(Grounding, "_found", spied)
    run: Any = Judged(make(trained=False))
    Grounding(simple=False, shown=0).evaluate(make(trained=True), Listed({"test": samples}, {}), run)
    told = [(asked, there) for asked, there in counted if set(asked) != {1}]  # but for the prompt removed
    assert len(told) == 4 and all(asked == there for asked, there in told)


def test_boxes_of_a_wide_photo_are_in_its_pixels(tmp_path: Path) -> None:
    """64 x 32 pixels, the square of which is padded below: a quadrant is 32 pixels wide and high."""
    small = painted({0: "red", 1: "blue"})[:8]
    photo = small.repeat(4, axis=0).repeat(4, axis=1)
    write_image(tmp_path / "photo.png", photo)
    raw = TASK.read(make(trained=True), tmp_path / "photo.png", {"texts": Path("red. blue; green")})
    assert raw["prompt"] == "red. blue. green."
    answer = TASK.predict(make(trained=True), raw)
    found = [row for row in answer.rows if row["left"] is not None]
    edges = [(row["phrase"], row["left"], row["top"], row["right"], row["bottom"]) for row in found]
    assert edges == [("red", 0, 0, 32, 32), ("blue", 32, 0, 64, 32)]
    assert answer.rows[-1]["phrase"] == "green"
    assert list(answer.notes) == ["no box scores 0.3 or more for: green"]
    assert isinstance(answer.clips[0].media, np.ndarray) and answer.clips[0].media.ndim == 3


def test_what_is_found_in_the_padding_is_not_told() -> None:
    """A wide red photo: its padding is as red."""
    photo = np.zeros((16, 32, 3), np.uint8)
    photo[:, :] = (250, 10, 10)
    answer = TASK.predict(make(trained=True), {"image": photo, "prompt": "red."})
    assert [(row["left"], row["top"], row["right"], row["bottom"]) for row in answer.rows] == [
        (0, 0, 16, 16),
        (16, 0, 32, 16),
    ]


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    model = make(trained=True)
    write_image(tmp_path / "photo.png", painted({}))
    with pytest.raises(UserError, match="which phrases to look for in"):
        TASK.read(model, tmp_path / "photo.png", {})
    with pytest.raises(UserError, match="nothing to do with 'promt'; did you mean 'prompt'"):
        TASK.read(model, tmp_path / "photo.png", {"promt": "red."})
    with pytest.raises(UserError, match="give an image and the phrases"):
        TASK.predict(model, {"prompt": "red."})
    with pytest.raises(PortError, match="finds no regions"):
        model.heads["regions"].forward = lambda fused, batch: {}
        TASK.predict(model, {"prompt": "red.", "image": painted({})})
    samples = world(4).split("test")
    for sample in samples:
        sample.targets["box_phrases"][:] = -1
    run: Any = Judged(make(trained=False))
    with pytest.raises(DataError, match="no phrase of split 'test' has a box"):
        Grounding(simple=False).evaluate(make(trained=True), Listed({"test": samples}, {}), run)
