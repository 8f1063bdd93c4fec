"""A support vector machine on the fused features, and one segment instead of all: against what is planted in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.data.lazy import unknown_split
from mmx.model.model import Model
from mmx.types import Features, Sample
from mmx_av_emotion.evaluation import Svm
from mmx_av_emotion.model.fusion import SegmentFusion
from mmx_std.heads.linear import Linear
from tests.plugins.tiny_run import TinyRun

CLASSES = ("a", "b", "c")


class Given:
    """Clips of four segments: one of them shows the class, the others nothing; all are noisy."""

    fields = {"video": "video"}  # noqa: RUF012
    targets = {"label": CLASSES}  # noqa: RUF012
    digest, card = "0", None

    def split(self, name: str) -> Sequence[Sample]:
        if name not in ("train", "test"):
            raise unknown_split("given", name, ("train", "test"))
        rng = np.random.default_rng(len(name))
        found = []
        for number in range(60):
            segments = 0.05 * rng.standard_normal((4, 3)).astype(np.float32)
            segments[rng.integers(4), number % 3] += 1
            found.append(Sample(f"{name}-{number}", {"video": segments}, {"label": number % 3}))
        return found


class Shown(nn.Module):
    modality, out_dim = "video", 3

    def prepare(self, raw: Any) -> Tensor:
        return torch.from_numpy(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x.mean(1), x, torch.ones(x.shape[:2], dtype=torch.bool))


def model(*, told: bool = True) -> Model:
    torch.manual_seed(0)
    fuser = SegmentFusion({"video": 3}, hidden=(3,))
    head = Linear(fuser.dims, Given.targets, target="label")
    with torch.no_grad():
        for layer in (fuser.layers[1], head.layers[0]):
            layer.weight.copy_(torch.eye(3) if told else torch.zeros(3, 3))
            layer.bias.zero_()
    return Model({"video": Shown()}, fuser, {"label": head}, {"video": "video"})


def test_the_average_tells_what_one_segment_seldom_does(tmp_path: Path) -> None:
    corpus: Any = Given()
    report = Svm(Given.targets, unit=None).evaluate(model(), corpus, TinyRun(tmp_path, "x", lambda: model(told=False)))
    svm, one = report.metrics
    assert (svm.name, one.name) == ("svm", "one_segment")
    assert svm.value == 1.0
    assert svm.untrained == pytest.approx(1 / 3), "features that are the same for all"
    # One segment in four shows the class; of the others the noise decides: 1/4 + 3/4 / 3.
    assert one.value == pytest.approx(0.5, abs=0.15)
