from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError, PortError
from mmx.interfaces import Task
from mmx.report.verdict import verdict
from mmx.types import Report, Sample
from mmx_std.tasks.classification import Classification
from tests.plugins.mmx_std.judges import Judged, Listed, make_model

CLASSES = {"label": ("cat", "dog", "owl", "elk"), "caption": None}


def one_hot(index: int, strength: float = 4.0) -> list[float]:
    return [strength * (index == i) for i in range(4)]


def sample(name: str, truth: int, shown: int, other: int | None = None) -> Sample:
    fields = {"a": one_hot(shown)} | ({} if other is None else {"b": one_hot(other, 8.0)})
    return Sample(name, fields, {"label": truth})


def judge(
    test: list[Sample], names: str = "a", targets: Mapping[str, Sequence[str] | None] = CLASSES, **options: Any
) -> Report:
    train = [sample("t0", 1, 1), sample("t1", 1, 1), sample("t2", 0, 0)]
    train += [sample(f"t{number}", -1, 0) for number in range(3, 7)]  # unknown: no class, however many
    corpus = Listed({"train": train, "test": test}, targets)
    return Classification(CLASSES, **options).evaluate(
        make_model(names, 4), corpus, Judged(make_model(names, 4, trained=False))
    )


def test_metrics_untrained_model_and_controls_by_counting() -> None:
    test = [sample("0", 0, 0), sample("1", 0, 0), sample("2", 1, 1), sample("3", 1, 2), sample("4", 2, 2)]
    report = judge([*test, sample("5", -1, 3)])
    assert (report.used, report.expected) == (5, 6)
    accuracy, balanced, auc = report.metrics
    assert (accuracy.name, balanced.name, auc.name) == ("accuracy", "balanced_accuracy", "auc")
    assert accuracy.value == pytest.approx(4 / 5)
    assert balanced.value == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert accuracy.chance == balanced.chance == 1 / 4
    # all logits equal: the first class, cat
    assert accuracy.untrained == pytest.approx(2 / 5)
    assert balanced.untrained == pytest.approx(1 / 3)
    # dog is most frequent in train
    assert accuracy.controls == {"majority": pytest.approx(2 / 5), "without_a": pytest.approx(2 / 5)}
    assert accuracy.ci95[0] < accuracy.value < accuracy.ci95[1]
    # cat: 2 positives above 3; dog: one of two positives above all three, the other tied with three lowest; owl: tied
    expected = [1.0, (3 + 3 * 0.5) / 6, (3 + 0.5) / 4]
    assert auc.value == pytest.approx(sum(expected) / 3)
    assert auc.untrained == pytest.approx(0.5)
    assert verdict(report) == "no verdict: 5 items, 10 are needed"
    assert any("1 items have no known label" in note for note in report.left_out)
    assert any("1 of 4 classes do not occur" in note for note in report.notes)


def test_units_decide_how_many_there_are() -> None:
    """Forty items of eight speakers are eight units."""
    test = [sample(str(i), i % 4, i % 4) for i in range(40)]
    for number, each in enumerate(test):
        each.targets["speaker"] = number % 8  # type: ignore[index]
    assert verdict(judge(test)) == "learned"
    assert (
        verdict(judge(test, targets={**CLASSES, "speaker": None}, unit="speaker"))
        == "no verdict: 8 values of speaker, 10 are needed"
    )
    assert verdict(judge(test, unit="group")) == "learned"  # there is no such target


def test_the_group_of_a_manifest_is_the_unit_unless_another_is_named() -> None:
    test = [sample(str(i), i % 4, i % 4) for i in range(40)]
    for number, each in enumerate(test):
        each.targets["group"] = f"g{number % 8}"  # type: ignore[index]
    assert verdict(judge(test, targets={**CLASSES, "group": None})) == "no verdict: 8 values of group, 10 are needed"
    assert verdict(judge(test, targets={**CLASSES, "group": None}, unit=None)) == "learned"


def test_permuted_test_labels_move_no_guess() -> None:
    """What simple methods say of an item is the same whatever its true class is."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 80)

    def clip(number: int, label: int) -> Sample:
        values = np.random.default_rng(number).normal(size=4) + 3 * np.eye(4)[labels[number]]
        return Sample(str(number), {"a": values}, {"label": label})

    train = [clip(number, int(labels[number])) for number in range(50)]
    truth = {"right": labels[50:], "permuted": rng.permutation(labels[50:])}
    found = {}
    for name, told in truth.items():
        test = [clip(number, int(label)) for number, label in zip(range(50, 80), told, strict=True)]
        corpus = Listed({"train": train, "test": test}, {"label": ("x", "y", "z")})
        found[name] = Classification({"label": ("x", "y", "z")})._baselines(corpus, test, ["a"])
    assert set(found["right"]) == {"nearest_neighbours_values", "logistic_regression_values"}
    for method, guesses_N in found["right"].items():
        assert (guesses_N == found["permuted"][method]).all()
        assert (guesses_N == truth["right"]).mean() > 0.8


def test_simple_methods_read_all_inputs_together() -> None:
    """The class is the sum of what two inputs tell: neither alone helps, logistic regression on both does."""

    def clip(number: int) -> Sample:
        label, other = divmod(number % 4, 2)
        noise = np.random.default_rng(number).normal(size=2) / 9
        fields = {"a": np.array([other + noise[0]]), "b": np.array([2.0 * label + other + noise[1]])}
        return Sample(str(number), fields, {"label": label})

    corpus = Listed({"train": [clip(i) for i in range(80)]}, {"label": ("x", "y")})
    test = [clip(i) for i in range(80, 160)]
    truth_N = np.array([sample.targets["label"] for sample in test])
    found = Classification({"label": ("x", "y")})._baselines(corpus, test, ["a", "b"])
    right = {method: (guesses_N == truth_N).mean() for method, guesses_N in found.items()}
    assert set(right) == {
        f"{way}_{kind}"
        for way in ("nearest_neighbours", "logistic_regression")
        for kind in ("a_values", "b_values", "all_inputs")
    }
    assert right["logistic_regression_all_inputs"] == 1.0
    assert right["logistic_regression_a_values"] < 0.7


def test_rows_and_figures() -> None:
    report = judge([sample("0", 0, 0), sample("1", 1, 2), sample("2", -1, 3)])
    probability = math.exp(4) / (math.exp(4) + 3)
    assert report.predictions[1] == {
        "id": "1",
        "truth": "dog",
        "predicted": "owl",
        "probability": pytest.approx(probability),
        "right": False,
    }
    assert report.predictions[2]["truth"] == "unknown"
    assert [figure.key for figure in report.figures] == ["confusion", "per_class"]
    assert all(hasattr(figure.image, "savefig") for figure in report.figures)


def test_each_of_several_inputs_is_removed_and_shuffled() -> None:
    """b decides, a says nothing: only what touches b may change the accuracy."""
    test = [sample(str(i), i % 4, 0, i % 4) for i in range(80)]
    controls = judge(test, "ab").metrics[0].controls
    assert set(controls) == {"majority", "without_a", "without_b", "shuffled_a", "shuffled_b"}
    assert controls["without_a"] == 1.0
    assert controls["shuffled_a"] == 1.0
    assert controls["without_b"] == pytest.approx(1 / 4)
    # 80 draws with p = 1/4: standard deviation 0.05
    assert controls["shuffled_b"] == pytest.approx(1 / 4, abs=0.25)


def test_items_that_cannot_be_read_are_not_used() -> None:
    test = [sample(str(i), i % 4, i % 4, i % 4) for i in range(40)]
    test[7] = Sample("7", {"a": "broken", "b": one_hot(0)}, {"label": 0})
    report = judge(test, "ab")
    assert (report.used, report.expected) == (39, 40)
    assert "7" not in [row["id"] for row in report.predictions]


def test_nothing_to_judge_is_no_result() -> None:
    report = judge([sample("0", -1, 0)])
    assert verdict(report) == "no result"
    assert report.notes == ["No item of test has a known label."]


def test_without_a_train_split_the_majority_is_that_of_the_test() -> None:
    test = [sample("0", 0, 0), sample("1", 1, 1), sample("2", 1, 1)]
    model = make_model("a", 4)
    report = Classification(CLASSES).evaluate(model, Listed({"test": test}, CLASSES), Judged(model))
    assert report.metrics[0].controls["majority"] == pytest.approx(2 / 3)


def test_predict_names_the_most_probable_classes() -> None:
    task = Classification(CLASSES, top=2)
    assert isinstance(task, Task)
    rows = task.predict(make_model("a", 4), {"a": [0.0, 1.0, 3.0, 2.0]}).rows
    total = sum(math.exp(value) for value in (0, 1, 3, 2))
    assert rows == [
        {"class": "owl", "probability": pytest.approx(math.exp(3) / total, rel=1e-5)},
        {"class": "elk", "probability": pytest.approx(math.exp(2) / total, rel=1e-5)},
    ]


def test_targets_that_are_no_classes() -> None:
    with pytest.raises(PortError, match="did you mean 'label'"):
        Classification(CLASSES, target="labl")
    with pytest.raises(PortError, match="no classes"):
        Classification(CLASSES, target="caption")
    with pytest.raises(DataError, match="one class per item"):
        judge([Sample("0", {"a": one_hot(0)}, {"label": "cat"})])


def test_inputs_without_their_order_are_a_control() -> None:
    """An item's class is the place of its one: in a random order it is any of four."""
    test = [sample(str(i), i % 4, i % 4) for i in range(400)]
    controls = judge(test, unordered=["a"], simple=False).metrics[0].controls
    assert controls["unordered_a"] == pytest.approx(0.25, abs=0.08)
