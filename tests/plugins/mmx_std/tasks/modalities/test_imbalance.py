"""Imbalance: ratios from the run's curves, and probes on frozen features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmx.config.catalog import Catalog
from mmx.model.build import build
from mmx_std.tasks.modalities.imbalance import Imbalance
from tests.plugins.tiny_run import TinyRun

CURVES = {
    "train/fit/modality/a/ratio": [(10, 1.5), (20, 2.5), (30, 1.25)],
    "train/fit/modality/b/ratio": [(10, 0.67), (20, 0.4), (30, 0.8)],
    "train/fit/loss": [(10, 9.0)],
}


def test_ratios_and_probes(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    built = build(catalog.resolve("modality_balance", preset="smoke").experiment, catalog.plugins.registry)
    run = TinyRun(tmp_path, "modality_balance", lambda: built.model)
    task = Imbalance(built.corpus.targets)
    without = task.evaluate(built.model, built.corpus, run)
    assert [metric.name for metric in without.metrics] == ["probe_sensor", "probe_image"] and without.notes
    run.curves = lambda: CURVES  # type: ignore[attr-defined]
    report = task.evaluate(built.model, built.corpus, run)
    found = {metric.name: metric for metric in report.metrics}
    assert (found["peak_ratio"].value, found["final_ratio"].value) == (2.5, 1.25)
    assert [figure.key for figure in report.figures] == ["ratio"]
    features = {}
    for split in ("train", "test"):
        samples = list(built.corpus.split(split))
        encoded = built.model.eval().encode("image", built.model.prepare(samples)).pooled_BD.detach().double().numpy()
        features[split] = encoded, np.array([sample.targets["label"] for sample in samples])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(*features["train"])
    assert found["probe_image"].value == pytest.approx(probe.score(*features["test"]))
