"""The task of hidden regions, on a model that knows what the text names and sees nothing of what is hidden."""

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
from mmx.types import Batch, Features, Sample
from mmx_std.encoders.regions import Regions
from mmx_std.fusers.pooled import NoFusion
from mmx_std.tasks.grounding.masked import MaskedRegions
from tests.plugins.mmx_std.judges import COLOURS, WORDS, Judged, Listed, Texts

TASK = MaskedRegions()


def world() -> Listed:
    """Two regions of one colour, one on the other, and the colour's name: what is hidden is named by the text only."""
    samples = []
    for number in range(40):
        colour = number % 3
        rows = [[0, 0, 0.5, 0.5, 1 + colour, 1], [0, 0, 0.5, 0.55, 1 + colour, 2]]
        soft = np.zeros((3, 3), np.float32)
        soft[:2] = 0.1
        soft[:2, colour] = 0.8
        fields = {"regions": Signal(np.array(rows, np.float32), 1.0), "caption": COLOURS[colour]}
        samples.append(Sample(f"{number}", fields, {"region_scores": soft}))
    return Listed({"test": samples, "train": samples}, {"region_scores": None})


class Names(nn.Module):
    """The class that a region still shows, or that the text names; the first one, where neither tells."""

    needs = ("encoded.regions", "encoded.text")

    def __init__(self, trained: bool) -> None:
        super().__init__()
        self.trained = trained

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        x = batch.inputs["regions"]
        chosen = batch.targets.get("hidden regions", torch.ones(x.shape[:2], dtype=torch.bool))
        seen = x[..., 4].amax(1)
        named = torch.where(seen > 0, seen.long() - 1, fused["text"].pooled_BD[:, :3].argmax(1))
        logits = nn.functional.one_hot(named, 3)[:, None].expand(-1, x.shape[1], -1)[chosen].float()
        return {"logits": logits * self.trained}


def make(trained: bool = True) -> Model:
    encoders = {"regions": Regions(2, width=4), "text": Texts()}
    fuser = NoFusion({"regions": 4, "text": len(WORDS)})
    return Model(encoders, fuser, {"region_classes": Names(trained)}, {"regions": "regions", "text": "caption"})


def test_hidden_regions_are_named_by_the_text_and_not_by_their_neighbours() -> None:
    assert isinstance(TASK, Task)
    run: Any = Judged(make(trained=False))
    report = MaskedRegions(text="text").evaluate(make(), world(), run)
    (metric,) = report.metrics
    assert (metric.name, metric.value, metric.units) == ("region_accuracy", 1.0, 40)
    assert metric.controls == {"without_caption": pytest.approx(14 / 40)}
    assert metric.untrained == pytest.approx(14 / 40)
    assert metric.baselines["most_frequent"] == pytest.approx(14 / 40)
    assert metric.baselines["logistic_regression_words"] == 1.0
    leaking = MaskedRegions(overlap=None, simple=False).evaluate(make(), world(), run)
    assert leaking.metrics[0].controls == {"without_caption": 1.0}
    assert [row["region"] for row in TASK.predict(make(), dict(world().split("test")[0].fields)).rows] == [0, 1]


def test_a_split_without_classes_is_one_line() -> None:
    blank = [Sample(x.id, x.fields, {"region_scores": np.zeros((3, 3))}) for x in world().split("test")]
    run: Any = Judged(make(trained=False))
    with pytest.raises(DataError, match="no region of split 'test' has a class"):
        TASK.evaluate(make(), Listed({"test": blank}, {}), run)
