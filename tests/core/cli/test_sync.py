from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mmx.cli.sync import command
from mmx.errors import MmxError, UserError
from mmx.tracking.mlflow_client import connect
from mmx.tracking.tracker import Tracker
from tests.core.tracked import begin


def untold(runs: Path, name: str) -> Path:
    tracker = begin(Tracker.open(runs / "shapes" / name, experiment="shapes", run_name=name, uri=None, enabled=False))
    tracker.metrics(0, {"a": 1.0})
    tracker.finish("completed")
    return tracker.folder


def test_one_run_or_all_of_them_are_delivered(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first, second = untold(runs, "a"), untold(runs, "b")
    client = connect(f"sqlite:///{runs}/mlflow.db")

    result = CliRunner().invoke(command, [str(first)], catch_exceptions=False)
    assert result.output.startswith(f"{first}: mmx ui")
    named = lambda: sorted(run.info.run_name for run in client.search_runs(["1"]))  # noqa: E731
    assert named() == ["a"]

    result = CliRunner().invoke(command, ["--runs", str(runs)], catch_exceptions=False)
    assert [line.split(":")[0] for line in result.output.splitlines()] == [str(first), str(second)]
    assert named() == ["a", "b"]


def test_one_broken_run_does_not_stop_the_others(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    bad, good = runs / "shapes" / "a", untold(runs, "b")
    bad.mkdir()
    (bad / "journal.jsonl").write_text("rubbish\n")
    result = CliRunner().invoke(command, ["--runs", str(runs)])
    assert isinstance(result.exception, MmxError)
    assert "1 of 2 runs were not delivered" in str(result.exception)
    assert f"{bad}: no run here" in result.output
    assert f"{good}: mmx ui" in result.output


def test_nothing_to_sync(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--runs", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    with pytest.raises(UserError, match="no run here"):
        CliRunner().invoke(command, [str(tmp_path)], catch_exceptions=False)
