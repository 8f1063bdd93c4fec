"""Robustness: each accuracy recomputed from the model's own answers, and calibration against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.config.catalog import Catalog
from mmx.data.ablation import without
from mmx.model.build import build
from mmx_std.tasks import metrics
from mmx_std.tasks.modalities.robustness import Robustness
from tests.plugins.tiny_run import TinyRun


def test_calibration_error_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 200)
    truth = rng.integers(3, size=200)
    total = 0.0
    for k in range(15):
        inside = [n for n in range(200) if k / 15 < p[n].max() <= (k + 1) / 15]
        if inside:
            confidence = sum(p[n].max() for n in inside) / len(inside)
            right = sum(p[n].argmax() == truth[n] for n in inside) / len(inside)
            total += len(inside) / 200 * abs(confidence - right)
    assert metrics.calibration_error(p, truth) == pytest.approx(total)
    assert metrics.calibration_error(np.eye(3)[truth], truth) == 0


def test_accuracies_of_a_tiny_model(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    built = build(catalog.resolve("early_fusion", preset="smoke").experiment, catalog.plugins.registry)
    task = Robustness(built.corpus.targets, levels=[1.0, 100.0])
    report = task.evaluate(built.model.eval(), built.corpus, TinyRun(tmp_path, "early_fusion", lambda: built.model))
    found = {metric.name: metric for metric in report.metrics}
    samples = list(built.corpus.split("test"))
    batch = built.model.prepare(samples)
    for field in ("sensor", "image"):
        guesses = built.model(without(batch, [field])).heads["label"].argmax(1)
        expected = float((guesses == batch.targets["label"]).float().mean())
        assert found[f"accuracy_without_{field}"].value == pytest.approx(expected)
    noised = [found[f"accuracy_noised_{field}"].value for field in ("sensor", "image")]
    assert found["robustness"].value == pytest.approx(np.mean(noised))
    assert found["calibration_error"].better == "lower" and report.used == 48
    assert {figure.key for figure in report.figures} == {"robustness", "reliability"}
