"""Alignment and retrieval on a model that compares exactly; without one side it tells nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.model.model import Model
from mmx.types import Batch, Features, Report, Sample
from mmx_std.fusers.pooled import NoFusion
from mmx_std.tasks.matching import Matching, _right
from tests.plugins.mmx_std.judges import COLOURS, SHAPES, WORDS, Judged, Listed, Texts, Vector, thing


class Compares(nn.Module):
    """Own where the words of the text are those of the item, other where not; untrained, a tie."""

    needs = ("encoded.item", "encoded.text")

    def __init__(self, trained: bool) -> None:
        super().__init__()
        self.trained = trained

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        both = (fused["item"].pooled_BD * fused["text"].pooled_BD).sum(1) - 1.5
        return torch.stack([torch.zeros_like(both), both], 1) * self.trained


def make(trained: bool) -> Model:
    encoders = {"item": Vector(len(WORDS)), "text": Texts()}
    width = len(WORDS)
    fuser = NoFusion({"item": width, "text": width})
    return Model(encoders, fuser, {"aligned": Compares(trained)}, {"item": "item", "text": "caption"})


def corpus() -> Listed:
    samples = []
    for number in range(24):
        said = f"{COLOURS[number % 3]} {SHAPES[number % 2]}"
        item = np.array(thing(number % 3, number % 2))
        samples.append(Sample(f"{number}", {"item": item, "caption": said}, {"sentence": said}))
    return Listed({"test": samples, "train": samples}, {"sentence": None})


@pytest.fixture(scope="module")
def report() -> Report:
    run: Any = Judged(make(trained=False))
    return Matching(text="text", candidates=12).evaluate(make(trained=True), corpus(), run)


def test_pairs_are_told_and_texts_that_say_the_same_are_one(report: Report) -> None:
    assert isinstance(Matching(), Task)
    first = report.metrics[0]
    assert (first.name, first.value, first.chance, first.untrained) == ("alignment", 1.0, 0.5, 0.5)
    assert first.controls == {"without_item": 0.5, "without_text": 0.5}
    assert set(first.baselines) == {"cca", "ridge_pairs"} and first.baselines["cca"] > 0.8
    assert [metric.name for metric in report.metrics[1:]] == ["recall_at_1", "recall_at_5", "recall_at_10"]
    assert report.metrics[1].value == 1.0 and report.metrics[1].chance == pytest.approx(1 / 6, abs=0.02)
    assert (report.used, report.expected) == (24, 24)
    row = report.predictions[0]
    assert row["own_text"] > 0 > row["other_text"]


def test_some_items_may_be_enough() -> None:
    run: Any = Judged(make(trained=False))
    some = Matching(text="text", items=8, candidates=4, simple=False).evaluate(make(trained=True), corpus(), run)
    assert (some.used, some.expected) == (8, 24) and [each.name for each in some.metrics] == [
        "alignment",
        "recall_at_1",
    ]


def test_a_users_pair_and_equal_texts() -> None:
    answer = Matching(text="text").predict(make(trained=True), {"item": thing(0, 0), "caption": "red circle"})
    assert answer.rows[0]["belongs"] == pytest.approx(1 / (1 + 2.718281828**-0.5), abs=1e-4)
    samples = [
        Sample(str(number), {"item": thing(0, 0), "caption": "red circle"}, {"sentence": "one"}) for number in range(3)
    ]
    run: Any = Judged(make(trained=False))
    with pytest.raises(DataError, match="all items say the same"):
        Matching(text="text").evaluate(make(trained=True), Listed({"test": samples}, {"sentence": None}), run)


class Order(Compares):
    """Own where the first two words of the text are those of the item; the number of words tells nothing."""

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        same = (fused["item"].pooled_BD == fused["text"].pooled_BD).all(1).float() - 0.5
        return torch.stack([torch.zeros_like(same), same], 1) * self.trained


class Places(Texts):
    """The colours of a text in their order."""

    def prepare(self, raw: Any) -> Tensor:
        named = [word for word in raw.split() if word in COLOURS]
        return torch.tensor([float(COLOURS.index(word) + 1) for word in named] + [0.0] * (len(WORDS) - len(named)))


def bound(trained: bool) -> Model:
    encoders = {"item": Vector(len(WORDS)), "text": Places()}
    fuser = NoFusion(dict.fromkeys(("item", "text"), len(WORDS)))
    return Model(encoders, fuser, {"aligned": Order(trained)}, {"item": "item", "text": "caption"})


def test_exchanged_words_are_judged_first_and_counts_of_words_do_not_tell_them() -> None:
    samples = []
    for number in range(24):
        one, two = number % 3, (number + 1 + number // 3 % 2) % 3
        text = f"{COLOURS[one]} circle and {COLOURS[two]} circle" if number % 4 else f"{COLOURS[one]} circle"
        item = np.array([one + 1.0, two + 1.0 if number % 4 else 0.0, 0, 0, 0, 0])
        samples.append(Sample(f"{number}", {"item": item, "caption": text}, {"sentence": text}))
    whole = Listed({"test": samples, "train": samples}, {"sentence": None})
    task = Matching(text="text", candidates=8, kinds={"colour": COLOURS}, primary="retrieval")
    run: Any = Judged(bound(trained=False))
    found = {metric.name: metric for metric in task.evaluate(bound(trained=True), whole, run).metrics}
    assert list(found) == ["recall_at_1", "recall_at_5", "binding", "alignment"]
    own = found["binding"]
    assert (own.value, own.chance, own.untrained, own.units) == (1.0, 0.5, 0.5, 18)
    assert own.controls == {"without_item": 0.5, "without_text": 0.5} and own.baselines["cca"] == 0.5
    assert own.baselines["ridge_pairs"] > 0.5
    assert found["alignment"].value == 1.0


def test_a_score_of_zero_tells_half() -> None:
    own_N, other_N = np.array([1.0, 0.0, 1.0, -1.0, 0.0]), np.array([-1.0, -1.0, 0.0, 1.0, 0.0])
    assert _right(np.concatenate([own_N, other_N]), 5).tolist() == [1.0, 0.75, 0.75, 0.0, 0.5]
