"""Judging a run again: with its weights, without what training alone needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.experiment import Experiment
from mmx.config.saved import marked
from mmx.errors import DataError, UserError
from mmx.model.build import build
from mmx.plugins.loader import load_plugins
from mmx.runs.progress import Quiet
from mmx.runs.reevaluate import judge_again
from mmx.training import checkpoint
from tests.core.parts import experiment, registry
from tests.core.saved import saved


class OneRun:
    """As much of a catalog as judging needs."""

    def __init__(self, spec: Experiment) -> None:
        self.experiment = spec
        self.plugins = load_plugins(environ={"MMX_PLUGINS": ""})
        self.plugins.registry = registry()

    def restore(self, config: Path, *, overrides: Any = (), settings: Any = None, unused: Any = ()) -> OneRun:
        assert config.is_file()
        return self

    def to_yaml(self) -> str:
        return "name: numbers\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    model = build(experiment(), registry()).model
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    folder = saved(tmp_path / "run", status="interrupted")
    checkpoint.save(folder / "checkpoint", model, {})
    return folder


def test_the_saved_weights_are_judged_and_the_run_is_left_alone(run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    catalog: Any = OneRun(experiment(stage={"split": "nowhere"}))
    judged = judge_again(catalog, run, tmp_path / "out", Quiet())
    assert judged.report.metrics[0].value < 0.9, "weights of zero know nothing"
    assert judged.report.notes[-1] == "The weights of run run (interrupted), judged again on split test."
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert (tmp_path / "out" / "config.yaml").read_text() == marked("name: numbers\n")


def test_another_model_is_refused(run: Path, tmp_path: Path) -> None:
    catalog: Any = OneRun(experiment())
    with pytest.raises(UserError, match=r"override heads\.y\.count=3: the model stays"):
        judge_again(catalog, run, tmp_path / "out", Quiet(), overrides=["heads.y.count=3"])
    (run / "checkpoint" / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights at"):
        judge_again(catalog, run, tmp_path / "out", Quiet())
    assert not (tmp_path / "out").exists()
