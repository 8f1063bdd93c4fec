"""A whole run: folder, journal, report, resume, failure, interruption, repeatability."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from mmx.config.experiment import Experiment
from mmx.errors import TrainingError, UserError
from mmx.plugins.loader import load_plugins
from mmx.registry.registry import Registrar
from mmx.runs.progress import Quiet
from mmx.runs.session import Result, execute, new_folder
from mmx.support.signals import Interrupted
from mmx.tracking.journal import read
from mmx.types import Batch, Losses, Outputs
from tests.core.parts import Entropy, Line, experiment, registry


@dataclass
class Resolved:
    """As much of `catalog.Resolved` as a run needs."""

    experiment: Experiment
    tracking: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> dict[str, Any]:
        return self.experiment.model_dump(mode="json")

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.config)

    def flat(self) -> dict[str, Any]:
        return {"name": self.experiment.name, "seed": self.experiment.settings.seed}


def run(folder: Path, spec: Experiment | None = None, **options: Any) -> Result:
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    folder.mkdir(parents=True, exist_ok=True)
    result = execute(Resolved(spec or experiment(stage={"steps": 60})), plugins, folder, Quiet(), **options)
    assert result is not None
    return result


def events(folder: Path, event: str) -> list[Any]:
    return [entry.fields for entry in read(folder / "journal.jsonl") if entry.event == event]


def test_a_run_leaves_everything_a_reader_needs(tmp_path: Path) -> None:
    result = run(tmp_path / "runs" / "numbers" / "one")
    names = {path.name for path in result.folder.iterdir()}
    assert {"config.yaml", "journal.jsonl", "checkpoint", "report.json", "report.html"} <= names
    judged = json.loads((result.folder / "report.json").read_text())
    assert judged["experiment"] == "numbers"
    assert judged["items"] == {"used": 40, "expected": 40}
    assert judged["metrics"][0]["name"] == "accuracy"
    assert judged["metrics"][0]["value"] > 0.9
    assert judged["verdict"] == result.verdict == "learned"
    assert events(result.folder, "status")[-1]["status"] == "completed"
    tags = {key: value for entry in events(result.folder, "tags") for key, value in entry["values"].items()}
    assert re.match(r"\d+ threads? \(.+\); \w", tags["mmx.threads"])
    assert any("train/fit/loss" in entry["values"] for entry in events(result.folder, "metrics"))
    assert any("train/fit/chance" in entry["values"] for entry in events(result.folder, "metrics"))


class Replaced(Line):
    """Data that stand in for others."""

    stand_in = "a line instead of a curve"


class Told(Quiet):
    """Keeps what is warned of."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_data_that_stand_in_for_others_are_told_first(tmp_path: Path) -> None:
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    Registrar(plugins.registry, "t", "tests 0").corpus("t/replaced", f"{__name__}:Replaced")
    spec = experiment(stage={"steps": 1}, corpus={"use": "t/replaced"})
    execute(Resolved(spec), plugins, tmp_path, told := Told())
    assert told.warnings[0] == "the data are a stand-in: a line instead of a curve"


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    reports = []
    for name in ("a", "b"):
        folder = run(tmp_path / name).folder
        report = json.loads((folder / "report.json").read_text())
        reports.append({key: report[key] for key in ("metrics", "verdict", "items", "params")})
        reports.append((folder / "checkpoint" / "model.safetensors").read_bytes())
    assert reports[0] == reports[2]
    assert reports[1] == reports[3]


def test_an_item_that_cannot_be_read_costs_itself_and_not_the_run(tmp_path: Path) -> None:
    """Training stands in another for it; judging leaves it out; the report says so."""
    result = run(tmp_path, experiment(corpus={"use": "t/line", "broken": [3]}, stage={"steps": 60}))
    judged = json.loads((result.folder / "report.json").read_text())
    assert judged["items"] == {"used": 39, "expected": 40}
    assert "2 items could not be read: training item 3: not finite; item 3: not finite." in judged["notes"]


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    left = [tmp_path / ".report.99.tmp.html", tmp_path / "checkpoint" / ".model.99.tmp"]
    for path in left:
        path.touch()
    run(tmp_path)
    assert not any(path.exists() for path in left)


class Fails(Entropy):
    """Breaks on a certain item."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        raise ValueError("a bug in a plugin")


def broken() -> Experiment:
    return experiment(stage={"objective": "t/fails"})


def test_a_failure_is_recorded_and_raised(tmp_path: Path) -> None:
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    from mmx.registry.registry import Registrar

    Registrar(plugins.registry, "t", "tests 0").objective("t/fails", f"{__name__}:Fails")
    with pytest.raises(ValueError, match="a bug in a plugin"):
        execute(Resolved(broken()), plugins, tmp_path, Quiet())
    assert "a bug in a plugin" in (tmp_path / "error.txt").read_text()
    assert events(tmp_path, "status")[-1]["status"] == "failed"


class StopAfter(Quiet):
    """Asks the run to stop, as a person would."""

    def step(self, done: int) -> None:
        if done == 12:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    folder = tmp_path / "part"
    folder.mkdir()
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    with pytest.raises(Interrupted) as caught:
        execute(Resolved(experiment(stage={"steps": 60})), plugins, folder, StopAfter())
    assert caught.value.exit_code == 130
    assert events(folder, "status")[-1]["status"] == "interrupted"
    resumed = run(folder, resume=True)
    weights = [(each.folder / "checkpoint" / "model.safetensors").read_bytes() for each in (whole, resumed)]
    assert weights[0] == weights[1]
    assert len({entry["run_id"] for entry in events(folder, "mlflow")}) == 1


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="reads field 'z'"):
        run(tmp_path / "one", experiment(encoders={"x": {"use": "t/numbers", "field": "z"}}))
    assert not (tmp_path / "one").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match="in use by another process"):
        run(tmp_path)


def test_a_run_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write the run folder .*; try: --runs FOLDER"):
        new_folder(tmp_path / "runs", "numbers")


def test_a_disk_that_fills_up_is_one_line_and_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmx.training import checkpoint

    def full(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(TrainingError, match=r"cannot save the checkpoint .*No space left"):
        run(tmp_path)
    assert events(tmp_path, "status")[-1]["status"] == "failed"


def test_without_tracking_only_the_journal_is_written(tmp_path: Path) -> None:
    result = run(tmp_path / "runs" / "numbers" / "one", tracking=False)
    assert result.link is None
    assert not list(tmp_path.rglob("mlflow.db"))
    assert events(result.folder, "metrics")


def test_a_signal_that_arrives_inside_of_somebody_elses_import_is_still_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def importing(*given: Any, **named: Any) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as error:  # as an extension module does
            raise ImportError("initialization failed") from error

    with monkeypatch.context() as patch:
        patch.setattr("mmx.runs.session.judge", importing)
        with pytest.raises(Interrupted) as stopped:
            run(tmp_path)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert [entry.fields["status"] for entry in read(tmp_path / "journal.jsonl") if entry.event == "status"] == [
        "interrupted"
    ]
    assert "ImportError" not in (tmp_path / "error.txt").read_text()
    assert "judging failed" not in capsys.readouterr().err
    assert run(tmp_path, resume=True).verdict == "learned"
