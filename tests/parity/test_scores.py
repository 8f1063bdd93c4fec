"""Class-wise AUC, average precision and recall at k beside torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx_std import metrics

classification = pytest.importorskip("torchmetrics.functional.classification")
retrieval = pytest.importorskip("torchmetrics.functional.retrieval")


def test_areas_per_class() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.random((60, 5)) < 0.3, rng.random((60, 5))
    given = (torch.from_numpy(scores), torch.from_numpy(truth).int())
    areas = classification.multilabel_auroc(*given, num_labels=5, average="none")
    assert metrics.auc_per_class(truth, scores) == pytest.approx(areas.numpy(), abs=1e-6)
    precision = classification.multilabel_average_precision(*given, num_labels=5, average="none")
    assert metrics.average_precision_per_class(truth, scores) == pytest.approx(precision.numpy(), abs=1e-6)


def test_hits_among_the_first() -> None:
    rng = np.random.default_rng(1)
    scores, positives = rng.random((20, 30)), rng.random((20, 30)) < 0.1
    positives[:, 0] |= ~positives.any(1)
    for k in (1, 5, 10):
        theirs = [
            float(retrieval.retrieval_hit_rate(torch.from_numpy(s), torch.from_numpy(p), top_k=k))
            for s, p in zip(scores, positives, strict=True)
        ]
        assert metrics.recalls_at_k(scores, positives, k).tolist() == theirs
