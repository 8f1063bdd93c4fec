"""Judging: what is written beside the task's own words, and that drawing does not depend on what came before."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmx.errors import TrainingError
from mmx.model.build import build
from mmx.model.built import Built
from mmx.plugins.loader import load_plugins
from mmx.runs.evaluate import context_of, judge
from mmx.runs.progress import Quiet
from mmx.training.engine import Engine
from mmx.types import Figure, Metric, Report
from tests.core.parts import experiment, registry


@dataclass
class Dice:
    """A task that draws from the global generator, and shows some figures."""

    figures: Sequence[Figure] = ()
    needs: Sequence[str] = ()

    def evaluate(self, model: Any, corpus: Any, run: Any) -> Report:
        assert not model.training
        return Report(
            [Metric("accuracy", torch.rand(()).item(), chance=-1.0)], 4, 5, notes=["Drawn."], figures=self.figures
        )


def drawn(folder: Path, split: str = "test") -> tuple[Built, Any]:
    spec = experiment()
    built = replace(build(spec, registry()), task=Dice())
    built.model.train()
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    return built, context_of(built, plugins, folder, Quiet(), Engine(spec.settings), split=split)


def drawn_with(folder: Path, figure: Figure) -> tuple[Built, Any]:
    built, context = drawn(folder)
    return replace(built, task=Dice([figure])), context


def test_what_training_drew_changes_no_judgement(tmp_path: Path) -> None:
    values = []
    for number in range(2):
        built, context = drawn(tmp_path / str(number))
        torch.rand(number)
        values.append(judge(built, context, begun=time.monotonic(), command="mmx run numbers").report.metrics[0].value)
    assert values[0] == values[1]


def test_the_report_is_written_with_what_else_is_known(tmp_path: Path) -> None:
    built, context = drawn(tmp_path / "one", split="val")
    assert (context.id, context.split) == ("one", "val")
    judged = judge(built, context, begun=time.monotonic() - 7, command="mmx eval one", notes=["Again."])
    written = json.loads((judged.folder / "report.json").read_text())
    assert written["notes"] == ["Drawn.", "Again."]
    assert written["command"] == "mmx eval one"
    assert written["environment"]["threads"] == str(torch.get_num_threads())
    assert written["verdict"] == judged.verdict == "learned"
    assert written["seconds"] >= 7


def test_a_run_is_judged_on_the_test_split(tmp_path: Path) -> None:
    built, context = drawn(tmp_path / "one")
    told = context_of(built, context.plugins, tmp_path / "one", Quiet(), Engine(built.experiment.settings))
    assert told.split == "test"


def test_items_that_could_not_be_read_are_told(tmp_path: Path) -> None:
    built, context = drawn(tmp_path / "one")
    context.unreadable.extend(f"item {number}: broken" for number in range(7))
    report = judge(built, context, begun=time.monotonic(), command="mmx run numbers", write=False).report
    assert "7 items could not be read: item 0: broken; " in report.left_out[-1]
    assert report.left_out[-1] in report.notes and report.left_out[-1].endswith("item 4: broken; and 2 more.")


def test_the_untrained_model_is_the_one_that_training_began_with(tmp_path: Path) -> None:
    built, context = drawn(tmp_path)
    again = context.untrained().state_dict()
    assert all(torch.equal(value, again[name]) for name, value in built.model.state_dict().items())


def test_a_figure_is_drawn_once(tmp_path: Path) -> None:
    drawn = []

    class Canvas:
        def savefig(self, target: Any, **options: Any) -> None:
            drawn.append(options)
            Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(target, format="png")

    built, context = drawn_with(tmp_path, Figure("plot", Canvas(), "A plot."))
    judged = judge(built, context, begun=time.monotonic(), command="")
    assert len(drawn) == 1
    assert (tmp_path / "media" / "plot.png").is_file()
    assert judged.report.figures[0].image.shape == (4, 6, 3)
    judge(built, context, begun=time.monotonic(), command="", write=False)
    assert len(drawn) == 1


def test_without_writing_nothing_is_written(tmp_path: Path) -> None:
    built, context = drawn_with(tmp_path, Figure("odd", "no image", ""))
    assert judge(built, context, begun=time.monotonic(), command="", write=False).verdict == "learned"
    assert list(tmp_path.iterdir()) == []
    judge(built, context, begun=time.monotonic(), command="")
    assert "odd is not shown" in (tmp_path / "report.json").read_text()


def test_too_little_memory_says_what_to_lower(tmp_path: Path) -> None:
    built, context = drawn(tmp_path)

    def evaluate(*given: Any) -> Report:
        raise MemoryError("Unable to allocate 8.00 PiB")

    task = SimpleNamespace(evaluate=evaluate)
    spec = built.experiment
    spec = spec.model_copy(update={"task": spec.task.model_copy(update={"params": {"clips": 600, "name": "x"}})})
    lower = r"out of memory while judging: Unable to allocate 8\.00 PiB; free memory, or lower task\.clips \(now 600\)"
    with pytest.raises(TrainingError, match=lower):
        judge(replace(built, task=task, experiment=spec), context, begun=0.0, command="")
