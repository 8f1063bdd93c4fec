"""Referring expressions on a model that compares colours exactly: its values, controls, baselines and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx import Signal
from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.model.model import Model
from mmx.types import Batch, Features, Metric, Report, Sample
from mmx_std.encoders.regions import Regions
from mmx_std.fusers.pooled import NoFusion
from mmx_std.tasks.grounding.referring import Referring
from tests.plugins.mmx_std.judges import Judged, Listed
from tests.plugins.mmx_std.tasks.grounding.quadrants import COLOURS, QUADRANTS, Named, painted

TASK = Referring(shown=2)


def world(count: int = 40) -> Listed:
    """Two bright quadrants, or one beside a detector's box of nothing; a colour is named."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        first, second = (int(each) for each in rng.choice(4, 2, replace=False))
        one, two = (str(each) for each in rng.permutation(list(COLOURS))[:2])
        rows = [[*QUADRANTS[place].tolist(), *COLOURS[name]] for place, name in ((first, one), (second, two))]
        extra = [[0.25, 0.25, 0.75, 0.75, 0, 0, 1]] * (number % 2)
        regions = Signal(np.array(rows + extra, np.float32)[rng.permutation(2 + number % 2)], 1.0)
        fields = {"image": painted({first: one, second: two}), "text": one, "regions": regions}
        targets = {"referred_box": np.array(rows[0][:4], np.float32), "kind": number % 2}
        samples.append(Sample(f"item-{number}", fields, targets))
    return Listed({"test": samples, "train": samples}, {"referred_box": None, "kind": ("two", "three")})


class Scores(nn.Module):
    """How near a region's colour is to the named one; untrained, one score for all."""

    needs = ("encoded.regions", "encoded.text")

    def __init__(self, trained: bool, boxes: bool) -> None:
        super().__init__()
        self.trained, self.boxes = nn.Parameter(torch.tensor(float(trained))), boxes

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Any:
        scores = -(batch.inputs["regions"][..., 4:] - fused["text"].pooled_BD[:, None]).abs().sum(-1) * self.trained
        if self.boxes:
            return {"boxes": batch.inputs["regions"][..., :4], "scores": scores[..., None]}
        return scores


class Text(Named):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x[:, 0], x, mask_BT)


def make(trained: bool = True, boxes: bool = False) -> Model:
    encoders = {"regions": Regions(3, width=4), "text": Text()}
    fuser = NoFusion({"regions": 4, "text": 3})
    fields = {"regions": "regions", "text": "text"}
    return Model(encoders, fuser, {"region_scores": Scores(trained, boxes)}, fields)


@pytest.fixture(scope="module")
def report() -> Report:
    run: Any = Judged(make(trained=False))
    return TASK.evaluate(make(), world(), run)


def metric(report: Report, name: str) -> Metric:
    return next(each for each in report.metrics if each.name == name)


def test_every_expression_is_understood_and_controls_are_not(report: Report) -> None:
    assert isinstance(TASK, Task)
    first = report.metrics[0]
    assert (first.name, first.value, first.units) == ("accuracy", 1.0, 40)
    assert first.chance == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert first.untrained is not None and 0.2 < first.untrained < 0.7  # the first region, in a random order
    assert set(first.controls) == {"without_regions", "without_text", "shuffled_text"}
    assert max(first.controls.values()) < 0.75
    assert set(first.baselines) == {"common_place", "nearest_colours", "nearest_place", "nearest_both"}
    assert first.baselines["nearest_colours"] > 0.95 and first.baselines["common_place"] < 0.7
    assert first.references == {"best_candidate": 1.0}
    assert metric(report, "accuracy_two").chance == pytest.approx(1 / 2)
    assert metric(report, "accuracy_three").chance == pytest.approx(1 / 3)
    assert (report.used, report.expected) == (40, 40) and report.predictions[0]["right"] is True
    assert [figure.key for figure in report.figures] == ["referring_0", "referring_1"]


def test_a_box_counts_from_an_overlap_of_one_half() -> None:
    samples = world().split("test")
    for number, sample in enumerate(samples):
        left, top, right, bottom = sample.targets["referred_box"]
        share = 0.5 if number % 2 else 0.49  # of its height: that is the IoU; one half is enough
        sample.targets["referred_box"] = np.array([left, top, right, top + share * (bottom - top)], np.float32)
    run: Any = Judged(make(trained=False))
    found = Referring(simple=False, shown=0).evaluate(make(), Listed({"test": samples}, {}), run)
    assert found.metrics[0].value == 0.5 and found.metrics[0].references == {"best_candidate": 0.5}


def test_boxes_of_ones_own_and_a_users_image() -> None:
    run: Any = Judged(make(trained=False, boxes=True))
    own = Referring(simple=False, shown=0).evaluate(make(boxes=True), world(), run)
    assert own.metrics[0].value == 1.0
    sample = world(2).split("test")[0]
    (row,) = TASK.predict(make(), dict(sample.fields)).rows
    assert row["box"] == sample.targets["referred_box"].tolist()
    with pytest.raises(DataError, match="chooses no region"):
        model = make()
        model.heads["region_scores"].forward = lambda fused, batch: {}
        TASK.predict(model, dict(sample.fields))


def test_without_regions_candidates_are_windows() -> None:
    run: Any = Judged(make(trained=False, boxes=True))
    found = Referring(regions="nowhere", shown=0).evaluate(make(boxes=True), world(), run).metrics[0]
    assert found.value == 1.0 and found.baselines["nearest_colours"] > 0.9
    assert found.chance is not None and found.chance < 0.2


def test_boxes_of_ones_own_may_choose_among_the_given() -> None:
    """Boxes of 0.4 of the height are never right themselves, and nearest to the boxes that they were cut from."""
    models = [make(trained, boxes=True) for trained in (True, False)]
    for model in models:
        whole = model.heads["region_scores"].forward

        def cut(fused: Any, batch: Batch, whole: Any = whole) -> dict[str, torch.Tensor]:
            found = whole(fused, batch)
            boxes = found["boxes"].clone()
            boxes[..., 3] = boxes[..., 1] + 0.4 * (boxes[..., 3] - boxes[..., 1])
            return {**found, "boxes": boxes}

        model.heads["region_scores"].forward = cut
    run: Any = Judged(models[1])
    own, given = (
        Referring(simple=False, shown=0, given=each).evaluate(models[0], world(), run).metrics[0]
        for each in (False, True)
    )
    assert (own.value, given.value) == (0.0, 1.0)
    assert given.controls["shuffled_text"] < 0.7
