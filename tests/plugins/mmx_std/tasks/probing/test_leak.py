"""Leaks: planted ones are found, in the splits and in the features."""

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
from mmx.types import Features, Report, Sample
from mmx_std.fusers.pooled import Concat
from mmx_std.heads.linear import Linear
from mmx_std.tasks.probing.leak import Leak
from tests.plugins.tiny_run import TinyRun

CLASSES = ("low", "high")


class Given:
    """Windows of six drivers whose only field is a vector: the class in one number, the driver in six more."""

    fields = {"vector": "signal"}  # noqa: RUF012
    targets = {"label": CLASSES, "driver": None}  # noqa: RUF012
    digest, card = "0", None

    def __init__(self, shared: int, marked: float) -> None:
        self.drivers = {"train": range(6), "test": range(6 - shared, 12 - shared), "familiar": range(6)}
        self.marked = marked

    def split(self, name: str) -> Sequence[Sample]:
        if name not in self.drivers:
            raise unknown_split("given", name, tuple(self.drivers))
        rng = np.random.default_rng(len(name))
        found = []
        for driver in self.drivers[name]:
            for window in range(12):
                vector = 0.1 * rng.standard_normal(7)
                # Of the drivers of train the class is told rightly, of the others only half of the time.
                right = name != "test" or window % 4 < 2
                vector[0] = (window % 2) if right else 1 - (window % 2)
                vector[1 + driver % 6] += self.marked
                found.append(
                    Sample(
                        f"{name}-{driver}-{window}", {"vector": vector}, {"label": window % 2, "driver": f"d{driver}"}
                    )
                )
        return found


class Vector(nn.Module):
    modality, out_dim = "signal", 7

    def prepare(self, raw: Any) -> Tensor:
        return torch.from_numpy(np.asarray(raw, np.float32))

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


def judged(shared: int, marked: float, folder: Path) -> Report:
    corpus = Given(shared, marked)

    def model() -> Model:
        fuser = Concat({"vector": 7})
        head = Linear(fuser.dims, corpus.targets, target="label")
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.zero_()
            head.layers[0].weight[1, 0], head.layers[0].bias[1] = 1.0, -0.5
        return Model({"vector": Vector()}, fuser, {"label": head}, {"vector": "vector"})

    return Leak(corpus.targets, group="driver").evaluate(model(), corpus, TinyRun(folder, "x", model))  # type: ignore[arg-type]


def values(report: Report) -> dict[str, float]:
    return {metric.name: metric.value for metric in report.metrics}


def test_drivers_in_both_splits_are_named(tmp_path: Path) -> None:
    assert values(judged(0, 0.0, tmp_path))["shared_subjects"] == 0
    leaking = judged(2, 0.0, tmp_path)
    assert values(leaking)["shared_subjects"] == 2
    assert leaking.notes == ["Leak: d4, d5 are in split train and in split test."]


def test_features_that_tell_the_driver(tmp_path: Path) -> None:
    marked, plain = (values(judged(0, size, tmp_path))["subject_told"] for size in (2.0, 0.0))
    assert marked == 1.0 and plain < 0.5
    told = next(metric for metric in judged(0, 2.0, tmp_path).metrics if metric.name == "subject_told")
    assert told.better == "lower" and told.references["chance"] == pytest.approx(1 / 6)


def test_how_much_easier_familiar_drivers_are(tmp_path: Path) -> None:
    known = next(metric for metric in judged(0, 0.0, tmp_path).metrics if metric.name == "familiar")
    assert known.value == 1.0 and known.references["unseen"] == 0.5
