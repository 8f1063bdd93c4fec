from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmx.cli.ui import command
from mmx.errors import UserError
from mmx.tracking.tracker import Tracker
from tests.core.saved import saved
from tests.core.tracked import begin

ROOT = Path(__file__).parents[3]


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, mmx.cli.ui, mmx.cli.sync\n"
        "heavy = {'mlflow', 'torch', 'numpy', 'pydantic', 'requests', 'mmx.tracking.tracker'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_runs_yet(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--runs", str(tmp_path / "runs")])
    assert isinstance(result.exception, UserError)
    assert "no runs in" in str(result.exception)
    assert "mmx run" in str(result.exception)


def test_other_hosts_are_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").touch()

    def stop(host: str, port: int | None) -> int:
        raise UserError("far enough")

    monkeypatch.setattr("mmx.tracking.ui_server.free_port", stop)
    shown = CliRunner().invoke(command, ["--runs", str(tmp_path), "--host", "0.0.0.0"]).output
    assert "warning: 0.0.0.0 lets other machines in" in shown
    assert "warning" not in CliRunner().invoke(command, ["--runs", str(tmp_path)]).output


def test_files_that_a_database_says_are_elsewhere_are_told_and_shown_to_no_other_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE experiments (experiment_id, name, artifact_location)")
        connection.execute("CREATE TABLE runs (run_uuid, experiment_id, artifact_uri)")
        connection.execute("INSERT INTO runs VALUES ('a', 1, 'file:///etc'), ('b', 1, '/home/\x1b[31m')")

    def stop(host: str, port: int | None) -> int:
        raise UserError("far enough")

    monkeypatch.setattr("mmx.tracking.ui_server.free_port", stop)
    told = "mlflow.db says that files of its runs are in file:///etc and 1 more, outside of its folder"
    here = CliRunner().invoke(command, ["--runs", str(tmp_path)])
    assert f"{told}; its pages show what is there" in here.output
    assert str(here.exception) == "far enough"
    open_to_all = CliRunner().invoke(command, ["--runs", str(tmp_path), "--host", "0.0.0.0"])
    assert isinstance(open_to_all.exception, UserError)
    assert f"{told}: that would be shown to other machines" in str(open_to_all.exception)


def test_a_remote_store_has_its_own_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:pw@host")
    monkeypatch.setattr("mmx.tracking.ui_server.experiments", lambda address: [("4", "shapes")])
    shown = CliRunner().invoke(command, ["--runs", str(tmp_path)]).output
    assert "https://host/#/experiments/4/runs?compareRunsMode=CHART&workflowType=machine_learning" in shown
    assert "pw" not in shown


def test_the_pages_are_served_with_links_until_ctrl_c(tmp_path: Path) -> None:
    begin(Tracker.open(tmp_path / "runs" / "shapes" / "a", experiment="shapes", run_name="a", uri=None)).finish(
        "completed"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", "from mmx.cli.ui import command; command()"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=_environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        address = re.findall(r"^(http://127\.0\.0\.1:\d+)$", shown, re.MULTILINE)[0]
        path = "/#/experiments/1/runs?compareRunsMode=CHART&workflowType=machine_learning"
        assert f"shapes  {address}{path}" in shown
        with urllib.request.urlopen(f"{address}/health", timeout=280) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(280) == 0
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{address}/health", timeout=280)
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_ctrl_c_may_come_at_the_moment_that_it_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(Tracker.open(tmp_path / "runs" / "shapes" / "a", experiment="shapes", run_name="a", uri=None)).finish(
        "completed"
    )

    class Ready:
        address = "http://127.0.0.1:1"

        def __init__(self, uri: str, **place: object) -> None: ...

        def __enter__(self) -> Ready:
            return self

        def __exit__(self, *error: object) -> None: ...

        def wait_ready(self) -> None: ...

        def wait(self) -> None:
            raise AssertionError("the interrupt came before")

    def say(text: str, **options: object) -> None:
        if "Ctrl-C" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr("mmx.tracking.ui_server.Server", Ready)
    monkeypatch.setattr("mmx.tracking.ui_server.experiments", lambda address: [])
    monkeypatch.setattr("click.echo", say)
    assert CliRunner().invoke(command, ["--runs", str(tmp_path / "runs")]).exit_code == 0


def test_the_page_of_a_run_is_the_first_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path / "shapes" / "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://host")
    monkeypatch.setattr("mmx.tracking.ui_server.experiments", lambda address: [("4", "shapes")])
    unsent = CliRunner().invoke(command, ["shapes", "--runs", str(tmp_path)])
    assert "shapes/1 was never sent to MLflow; send it: mmx sync" in str(unsent.exception)
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "mlflow", "time": 5, "uri": "x", "experiment_id": "4", "run_id": "abc"}\n')
    lines = CliRunner().invoke(command, ["shapes", "--runs", str(tmp_path)]).output.splitlines()
    assert lines[1] == "https://host/#/experiments/4/runs/abc?workflowType=machine_learning"
    assert lines[2] == "https://host"
