"""Several tasks as one report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import ConfigError
from mmx.interfaces import Task
from mmx.types import Figure, Metric, Prediction, Report
from mmx_std.tasks.several import Several
from tests.plugins.mmx_std.judges import Judged, Listed, make_dual


class Says:
    """A task that reports one number."""

    def __init__(self, value: float, needs: tuple[str, ...], name: str = "accuracy") -> None:
        self.value, self.needs, self.name = value, needs, name

    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        figure = Figure("confusion", np.zeros((1, 1, 3), np.uint8), "")
        rows = [{"id": self.value}]
        return Report([Metric(self.name, self.value)], 3, 4, rows, [figure], notes=["n"], margin=self.value)

    def predict(self, model: Any, raw: Mapping[str, Any]) -> Prediction:
        return Prediction([{"value": self.value}])


class Reads(Says):
    def read(self, model: Any, path: Path, extras: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"path": path}


def test_names_are_kept_unless_they_are_taken() -> None:
    task = Several(tasks={"b": Says(0.1, ("x", "y")), "a": Says(0.2, ("y", "z")), "c": Says(0.3, (), "other")})
    assert isinstance(task, Task)
    assert task.needs == ("x", "y", "z")
    report = task.evaluate(make_dual(), Listed({"test": []}, {}), Judged(make_dual()))
    assert [(each.name, each.value) for each in report.metrics] == [
        ("accuracy", 0.1),
        ("a_accuracy", 0.2),
        ("other", 0.3),
    ]
    assert (report.margin, report.used, report.expected, report.predictions) == (0.1, 3, 4, [{"id": 0.1}])
    assert [each.key for each in report.figures] == ["confusion", "a_confusion", "c_confusion"]
    assert report.notes == ["b: n", "a: n", "c: n"]


def test_one_task_answers() -> None:
    tasks = {"a": Says(0.1, ()), "b": Reads(0.2, ())}
    assert Several(tasks=tasks).predict(make_dual(), {}).rows == [{"value": 0.1}]
    assert not hasattr(Several(tasks=tasks), "read")
    speaks = Several(tasks=tasks, predict="b")
    assert speaks.predict(make_dual(), {}).rows == [{"value": 0.2}]
    assert speaks.read(make_dual(), Path("x"), {}) == {"path": Path("x")}
    with pytest.raises(ConfigError, match="no task 'd'"):
        Several(tasks=tasks, predict="d")


def test_null_leaves_a_task_out() -> None:
    assert Several(tasks={"a": None, "b": Says(0.2, ("x",))}).needs == ("x",)
    with pytest.raises(ConfigError, match="every one is left out"):
        Several(tasks={"a": None})
