"""One batch for the task: what it raises is a fault, unless it lacks data or says that it needs more items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmx.errors import DataError, PortError
from mmx.registry.registry import Registrar
from mmx.testing import Finding
from mmx.testing.experiments import examine
from mmx.testing.judging import ITEMS
from mmx.types import Metric, Report
from tests.core.parts import Accuracy, Classify, experiment, registry


class Both(Classify):
    """Says a mapping where the task expects one tensor."""

    def forward(self, *given: Any) -> dict[str, Tensor]:
        return {"logits": super().forward(*given)}


class Free:
    """A loss that takes whatever the head says."""

    needs = ("heads.label",)

    def __call__(self, outputs: Any, batch: Any) -> dict[str, Tensor]:
        return {"loss": outputs.heads["label"]["logits"].square().mean()}

    def chance(self, batch_size: int) -> None:
        return None


class Strict(Accuracy):
    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        for batch in run.batches(model, corpus.split("test"), ["x"]):
            if not isinstance(model(batch).heads["label"], Tensor):
                raise PortError("heads.label is a dict, not one tensor")
        return Report([], 0, 0)


class Counts(Accuracy):
    """Reads all splits and every batch, and says how many items it saw."""

    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        model.train()
        seen = sum(batch.size for batch in run.batches(model, [*corpus.split("test"), *corpus.split("train")], ["x"]))
        assert run.untrained() is not model
        run.log({"x": 1.0}, 0)
        return Report([Metric("seen", seen)], seen, seen)


class Hungry(Accuracy):
    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        raise DataError("needs two classes at least")


class Fragile(Accuracy):
    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        raise ZeroDivisionError("no positives")


class Wrong(Accuracy):
    """Compares two arrays of different shapes, deep inside of a library."""

    needs = ("heads.label", "targets.label")

    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        np.linalg.solve(np.ones((2, 3)), np.ones(2))
        return Report([], 0, 0)


class Patient(Fragile):
    least_items = 100


class Sparing(Fragile):
    least_items = ITEMS


def judged(task: str, **changes: Any) -> Finding:
    known = registry()
    registrar = Registrar(known, "f", "faults 0")
    registrar.head("f/both", f"{__name__}:Both")
    registrar.objective("f/free", f"{__name__}:Free")
    for name in ("Strict", "Counts", "Hungry", "Fragile", "Wrong", "Patient", "Sparing"):
        registrar.task(f"f/{name.lower()}", f"{__name__}:{name}")
    (found,) = [each for each in examine(experiment(task=task, **changes), known) if each.what.startswith("task ")]
    return found


def test_a_prediction_of_another_form_is_found_before_training() -> None:
    both = {"heads": {"label": {"use": "f/both"}}, "stage": {"objective": "f/free"}}
    assert judged("f/strict", **both) == Finding(
        "task f/strict judges a batch", False, "heads.label is a dict, not one tensor"
    )
    found = judged("t/accuracy", **both)  # an exception of its own
    assert not found.ok and "AttributeError" in found.detail and "parts.py" in found.detail


def test_a_task_sees_one_batch_and_leaves_nothing() -> None:
    torch.manual_seed(0)
    assert judged("f/counts").detail == f"1 metrics of {ITEMS} items"


@pytest.mark.parametrize(("task", "told"), [("f/hungry", "needs two classes"), ("f/patient", "needs 100 items")])
def test_what_comes_from_so_few_items_is_no_fault(task: str, told: str) -> None:
    found = judged(task)
    assert found.ok and found.skipped and told in found.detail


@pytest.mark.parametrize("task", ["f/fragile", "f/sparing"])
def test_any_other_error_is_a_fault(task: str) -> None:
    """Whatever its kind: a bug may divide by zero as well as look up a missing key."""
    found = judged(task)
    assert not found.ok and not found.skipped and "ZeroDivisionError: no positives" in found.detail


def test_shapes_that_do_not_fit_are_told_with_the_line_of_the_task() -> None:
    found = judged("f/wrong")
    assert not found.ok and "LinAlgError" in found.detail and "(test_judging.py:" in found.detail
    assert found.detail.endswith("; it reads heads.label (8, 2), targets.label (8,)")


def test_what_is_only_judged_is_judged_too() -> None:
    assert judged("t/accuracy", stages=[]).ok
