"""Choices on a model whose inputs are the scores: accuracy, joint accuracy, ranking, controls, a user's candidates."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import UserError
from mmx.interfaces import Task
from mmx.types import Batch, Metric, Outputs, Report, Sample
from mmx_std.tasks.choices.task import Choices
from tests.plugins.mmx_std.judges import Judged, Listed, make_model

CLASSES = {"choice": None, "kind": ["answer", "rationale"], "pair": None, "relevance": None}
# Scores are a + b. Items: pair p0 right throughout, p1 right in the answer alone; the last has an unknown choice.
ROWS = [
    ([3, 0, 0, 0], [0, 0, 1, 0], 0, 0, "p0"),
    ([0, 0, 2, 0], [0, 0, 1, 0], 2, 1, "p0"),
    ([0, 2, 0, 1], [0, 0, 0, 0], 1, 0, "p1"),
    ([0, 2, 0, 1], [0, 0, 0, 0], 3, 1, "p1"),
    ([0, 0, 0, 1], [0, 0, 0, 0], -1, 1, "p2"),
]


def corpus() -> Listed:
    samples = [
        Sample(
            f"{place}",
            {"a": a, "b": b, "candidates": "red\ngreen\nblue\nyes", "question": "what colour?"},
            {"choice": right, "kind": kind, "pair": pair, "relevance": [float(k == right) for k in range(4)]},
        )
        for place, (a, b, right, kind, pair) in enumerate(ROWS)
    ]
    found = Listed({"test": samples, "train": samples}, CLASSES)
    found.fields = {"a": "signal", "b": "signal", "candidates": "text", "question": "text"}
    return found


def judged(**options: Any) -> Report:
    run: Any = Judged(make_model(["a", "b"], 4, trained=False))
    task = Choices(CLASSES, head="label", unit=None, **options)
    assert isinstance(task, Task)
    return task.evaluate(make_model(["a", "b"], 4), corpus(), run)


def named(report: Report, name: str) -> Metric:
    return next(metric for metric in report.metrics if metric.name == name)


def test_accuracy_of_all_kinds_and_together() -> None:
    report = judged(kind="kind", joint="pair")
    first = report.metrics[0]
    assert (first.name, first.value, first.chance, first.untrained) == ("accuracy", 0.75, 0.25, 0.25)
    assert named(report, "accuracy_answer").value == 1.0 and named(report, "accuracy_rationale").value == 0.5
    joint = named(report, "joint_accuracy")
    assert (joint.value, joint.chance, joint.untrained) == (0.5, 1 / 16, 1 / 16)
    assert (report.used, report.expected) == (4, 5)  # one has no known choice


def test_controls_and_baselines() -> None:
    first = judged().metrics[0]
    assert set(first.controls) == {"without_a", "without_b", "candidates_only", "shuffled_a", "shuffled_b"}
    assert first.controls["candidates_only"] == 0.25 and first.controls["without_b"] == 0.75
    assert first.controls["without_a"] == pytest.approx((0 + 1 + 0.25 + 0.25) / 4)
    assert set(first.baselines) == {"answer_prior", "question_prior"}  # this model reads no text that could overlap


def test_priors_are_counted_in_training() -> None:
    """In training the last candidate is always right, in the three items that are judged never."""
    whole = corpus()
    train = [Sample(f"t{n}", each.fields, {"choice": 3}) for n, each in enumerate(whole.split("train"))]
    found = Listed({"test": list(whole.split("test"))[:3], "train": train}, CLASSES)
    found.fields = whole.fields
    run: Any = Judged(make_model(["a", "b"], 4, trained=False))
    report = Choices(CLASSES, head="label", unit=None).evaluate(make_model(["a", "b"], 4), found, run)
    assert report.metrics[0].baselines == {"answer_prior": 0.0, "question_prior": 0.0}


def test_ranking_by_hand() -> None:
    report = judged(ranking=True, relevance="relevance", kind="kind")
    mrr = report.metrics[0]
    assert mrr.name == "mrr" and mrr.value == pytest.approx((1 + 1 + 1 + 1 / 2) / 4)
    assert mrr.chance == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert named(report, "mean_rank").value == 1.25 and named(report, "mean_rank").chance == 2.5
    assert named(report, "mean_rank").better == "lower"
    assert named(report, "recall_at_1").value == 0.75
    assert named(report, "ndcg").value == pytest.approx(0.75)  # one is relevant, so only the first place counts
    assert named(report, "ndcg").chance == pytest.approx(0.25)
    assert named(report, "mrr_rationale").value == 0.75
    assert not any(metric.name == "recall_at_5" for metric in report.metrics)  # there are four candidates
    assert [row["rank"] for row in report.predictions] == [1, 1, 1, 2]
    assert report.predictions[3]["chosen"] == "green" and report.predictions[3]["right"] == "yes"


def test_dense_relevance_counts_more_places() -> None:
    graded = corpus()
    for sample in graded.split("test"):
        sample.targets["relevance"] = [0.5, 1.0, 0.0, 0.0]  # type: ignore[index]
    run: Any = Judged(make_model(["a", "b"], 4, trained=False))
    task = Choices(CLASSES, head="label", unit=None, ranking=True, relevance="relevance", simple=False)
    found = named(task.evaluate(make_model(["a", "b"], 4), graded, run), "ndcg")
    best = 1 + 0.5 / log2(3)
    # Orders: 0 2 {1 3} | 2 {0 1 3} | 1 3 {0 2}, twice.
    each = [0.5 / best, (0.5 / log2(3)) / best, 1 / best, 1 / best]
    assert found.value == pytest.approx(float(np.mean(each)))


def test_a_users_candidates_in_order() -> None:
    model, task = make_model(["a", "b"], 4), Choices(CLASSES, head="label")
    answer = task.predict(model, {"a": [0, 1, 0, 0], "b": [0, 1, 1, 0], "candidates": ["red", "green", "blue"]})
    assert [row["candidate"] for row in answer.rows] == ["green", "blue", "red"]
    with pytest.raises(UserError, match="one a line"):
        task.predict(model, {"a": [0, 0, 0, 0], "b": [0, 0, 0, 0]})


def test_the_score_is_the_probability_of_the_right_one() -> None:
    outputs = Outputs(heads={"choice": torch.tensor([[0.0, 1.0], [0.0, 0.0]])})
    found = Choices(CLASSES).score(outputs, Batch(["x", "y"], targets={"choice": torch.tensor([1, -1])}))
    assert found[0].item() == pytest.approx(1 / (1 + 2.718281828**-1), abs=1e-6) and torch.isnan(found[1])
