from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mmx.errors import DataError
from mmx.interfaces import Task
from mmx.types import Report, Sample
from mmx_std.tasks.labels.tagging import Tagging, mean_average_precision
from tests.plugins.mmx_std.judges import Judged, Listed, make_model

CLASSES = {"labels": ("cat", "dog", "owl"), "label": ("cat", "dog", "owl")}


def test_mean_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, scores = (rng.random((40, 6)) < 0.3).astype(float), rng.standard_normal((40, 6))
    truth[:, 2] = 0  # nobody has it: left out
    expected = np.mean([average_precision_score(truth[:, i], scores[:, i]) for i in range(6) if i != 2])
    assert mean_average_precision(np.concatenate([truth, scores], axis=1)) == pytest.approx(expected)
    assert np.isnan(mean_average_precision(np.zeros((4, 6))))


def judge(samples: list[Sample], **options: Any) -> Report:
    corpus = Listed({"test": samples}, CLASSES)
    task = Tagging(CLASSES, **options)
    assert isinstance(task, Task)
    return task.evaluate(make_model("a", 3), corpus, Judged(make_model("a", 3, trained=False)))


def test_several_labels_by_hand() -> None:
    """Cat: ranks 1 and 3 of 4 are right, (1 + 2/3) / 2; dog: rank 2, 1/2; owl: nobody."""
    shown = [[4.0, 0, 0], [3, 1, 0], [2, -1, 0], [1, 3, 0]]
    true = [[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0]]
    pairs = zip(shown, true, strict=True)
    samples = [Sample(str(i), {"a": x}, {"labels": np.array(y, np.float32)}) for i, (x, y) in enumerate(pairs)]
    report = judge(samples, target="labels")
    metric = report.metrics[0]
    assert metric.name == "mean_average_precision"
    assert metric.value == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert metric.chance == pytest.approx((2 / 4 + 1 / 4) / 2)
    # All scores equal: the order of the items. Cat at 1 and 3, dog at 2.
    assert metric.untrained == metric.controls["without_a"] == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert report.predictions[1] == {
        "id": "1",
        "truth": "dog",
        "first": "cat",
        "probability": pytest.approx(1 / (1 + np.exp(-3))),
        "right": False,
    }


def test_one_class_per_item_is_a_truth_too_and_other_values_are_none() -> None:
    samples = [Sample(str(i), {"a": [4.0 * (i % 3 == j) for j in range(3)]}, {"label": i % 3}) for i in range(12)]
    assert judge(samples, target="label").metrics[0].value == 1
    with pytest.raises(DataError, match="neither classes nor multi-hot"):
        judge([Sample("0", {"a": [0.0, 0, 0]}, {"label": 0.5})], target="label")


def test_tags_of_a_users_input_are_independent_probabilities() -> None:
    rows = Tagging(CLASSES, target="labels", top=2).predict(make_model("a", 3), {"a": [0.0, 2.0, -2.0]}).rows
    assert [row["tag"] for row in rows] == ["dog", "cat"]
    assert [row["probability"] for row in rows] == [pytest.approx(1 / (1 + np.exp(-2))), pytest.approx(0.5)]


def test_without_a_target_nothing_is_judged_and_the_head_tells_the_names() -> None:
    assert judge([Sample("0", {"a": [0.0, 0, 0]}, {})]).metrics == []
    model = make_model("a", 3)
    model.heads["label"].names = ["x", "y", "z"]
    assert Tagging({}).predict(model, {"a": [0.0, 5.0, 0.0]}).rows[0]["tag"] == "y"
