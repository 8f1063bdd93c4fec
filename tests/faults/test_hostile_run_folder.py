"""Run folders and databases from strangers: what they say is data, and stays in its folder."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmx.cli import main
from mmx.tracking.mlflow_client import connect
from mmx.tracking.tracker import Tracker, sync
from mmx.types import Metric
from tests.core.saved import saved
from tests.core.tracked import Store, begin, everything

SECRET = "private-words-of-somebody"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Store:
    return Store(tmp_path, template)


def foreign(store: Store, *lines: dict[str, Any]) -> Path:
    """Write a run folder with a journal of these lines between a start and an end."""
    folder = store.runs / "shapes" / "a"
    folder.mkdir(parents=True)
    start = {"event": "start", "time": 1.0, "experiment": "shapes", "name": "a"}
    end = {"event": "status", "time": 9.0, "status": "completed", "error": ""}
    last = {"event": "metrics", "time": 8.0, "step": 1, "values": {"train/fit/loss": 0.5}}
    events = [start, *({"time": 2.0, **line} for line in lines), last, end]
    (folder / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def everything_below(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def test_nothing_outside_of_the_run_folder_is_uploaded(store: Store, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "report.json").write_text(SECRET)
    (tmp_path / "outside" / "model.safetensors").write_text(SECRET)
    out = "../../../../outside"
    names = [
        f"{out}/report.json",
        str(tmp_path / "outside" / "report.json"),
        out,
        "link",
        "folder",
        "folder/report.json",
    ]
    folder = foreign(
        store,
        *({"event": "artifact", "path": name, "folder": "../../.."} for name in names),
        *({"event": "table", "path": name} for name in names),
        *({"event": "model", "folder": name, "metrics": {}} for name in names),
        {"event": "model", "folder": "own", "metrics": {}},
    )
    (folder / "link").symlink_to(tmp_path / "outside" / "report.json")
    (folder / "folder").symlink_to(tmp_path / "outside")
    (folder / "own").mkdir()
    (folder / "own" / "model.safetensors").symlink_to(tmp_path / "outside" / "model.safetensors")
    said: list[str] = []
    sync(folder, say=said.append)
    assert SECRET not in everything_below(store.runs / "mlartifacts") if (store.runs / "mlartifacts").exists() else True
    assert sum("lies outside of the run folder" in line for line in said) == 18
    assert "18 of the run's records could not be delivered" in said[-1]
    assert store.history("train/fit/loss") == [(1, 0.5)]
    assert store.run().info.status == "FINISHED"


def test_bad_files_and_lines_are_named_counted_and_passed_over(store: Store) -> None:
    folder = foreign(
        store,
        {"event": "artifact", "path": "gone.png", "folder": "preview"},
        {"event": "metrics", "step": "three", "values": {"a": 1}},
        {"event": "metrics", "step": 3, "values": [1]},
        {"event": "params", "values": "none"},
        {"event": "dataset", "name": "x"},
        {"event": "artifact", "path": "good.png", "folder": "preview"},
        {"event": "forget", "path": "good.png"},
        {"event": "tags", "values": {"\u001b[31mred": "\u001b[31mred", "good": "yes"}},
    )
    (folder / "good.png").write_bytes(b"pixels")
    said: list[str] = []
    sync(folder, say=said.append)
    assert "artifact gone.png" in "".join(said)
    assert sum("metrics" in line for line in said) == 2
    assert all(line.isprintable() for line in said)
    run = store.run()
    assert run.info.status == "FINISHED"
    assert run.data.tags["good"] == "yes"
    assert store.history("train/fit/loss") == [(1, 0.5)]
    assert store.artifacts("preview") == ["preview/good.png"]
    again: list[str] = []
    sync(folder, say=again.append)
    assert again == []


def test_one_refused_value_does_not_take_the_others_with_it(store: Store) -> None:
    folder = foreign(
        store,
        {"event": "params", "values": {f"p{index}": index for index in range(20)}},
        {"event": "params", "values": {**{f"q{index}": index for index in range(20)}, "p3": "another"}},
    )
    said: list[str] = []
    sync(folder, say=said.append)
    params = store.run().data.params
    assert len(params) == 40
    assert params["p3"] == "3"
    assert len(said) == 2
    assert said[0].startswith("MLflow refuses: param p3: ")


@pytest.mark.parametrize("named", ["folder", "link"])
def test_a_database_does_not_choose_where_files_go(store: Store, tmp_path: Path, named: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    tracker = begin(store.open(enabled=False))
    everything(tracker)
    tracker.finish("completed")
    store.client.create_experiment("shapes", artifact_location=(store.runs / "mlartifacts" / "shapes").as_uri())
    if named == "folder":
        with sqlite3.connect(store.runs / "mlflow.db") as database:
            database.execute("UPDATE experiments SET artifact_location = ?", (elsewhere.as_uri(),))
    else:
        (store.runs / "mlartifacts").symlink_to(elsewhere)
    said: list[str] = []
    sync(tracker.folder, say=said.append)
    assert list(elsewhere.rglob("*")) == []
    assert any("mlflow.db wants files in" in line or "leads elsewhere" in line for line in said)
    assert store.history("test/accuracy") == [(0, 0.5)]


def test_a_foreign_run_folder_does_not_write_into_somebody_elses_run(store: Store) -> None:
    mine = begin(store.open("mine", enabled=False))
    mine.finish("completed")
    sync(mine.folder)
    victim = store.run("mine").info.run_id
    folder = foreign(store)
    uri = store.uri
    (folder / "mlflow.json").write_text(
        json.dumps({"uri": uri, "run_id": victim, "experiment_id": "1", "delivered": 0})
    )
    sync(folder)
    assert store.history("train/fit/loss", "mine") == []
    assert store.history("train/fit/loss", "a") == [(1, 0.5)]


@pytest.mark.parametrize("name", ["../../evil", "{root}/evil", "a/../../../evil"])
def test_rerun_of_a_foreign_folder_writes_below_runs_only(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.core.cli.test_run import EXPERIMENT

    work = tmp_path / "deep" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    (work / "registry.yaml").write_text(EXPERIMENT)
    assert main(["run", "shapes", "-q", "--no-tracking"]) == 0
    (run,) = (work / "runs" / "shapes").iterdir()
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("name: shapes", f"name: {name.format(root=tmp_path)}", 1))
    capsys.readouterr()
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(work / "runs")}
    assert main(["rerun", str(run), "--no-tracking", "-q"]) == 2
    assert "outside" in capsys.readouterr().err
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(work / "runs")} == before


def test_a_kill_behind_the_creation_of_a_run_leaves_one_run(store: Store) -> None:
    code = (
        "import os, sys, mlflow; from pathlib import Path\n"
        "from tests.core.tracked import begin; from mmx.tracking.tracker import Tracker\n"
        "real = mlflow.MlflowClient.create_run\n"
        "def create_run(self, *arguments, **named):\n"
        "    real(self, *arguments, **named); os._exit(9)\n"
        "mlflow.MlflowClient.create_run = create_run\n"
        "tracker = begin(Tracker.open(Path(sys.argv[1]), experiment='shapes', run_name='a', uri=None))\n"
        "import time; time.sleep(3600)\n"
    )
    folder = store.runs / "shapes" / "a"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False, cwd=ROOT, timeout=280)
    assert done.returncode == 9
    assert not (folder / "mlflow.json").exists()
    resumed = begin(Tracker.open(folder, experiment="shapes", run_name="a", uri=None))
    resumed.metrics(1, {"train/fit/loss": 0.5})
    resumed.finish("completed")
    assert store.run().info.status == "FINISHED"
    assert store.history("train/fit/loss") == [(1, 0.5)]


def test_a_journal_that_lost_its_end_with_the_power_is_delivered_again(store: Store) -> None:
    """What was delivered is on disk; of the journal only what the disk had taken. The next lines are new ones."""
    tracker = begin(store.open(enabled=False))
    for step in range(50):
        tracker.metrics(step, {"train/fit/loss": float(step)})
    tracker.finish("interrupted")
    sync(tracker.folder)
    file = tracker.folder / "journal.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    keep = next(number for number, line in enumerate(lines) if b'"step": 20,' in line)
    file.write_bytes(b"".join(lines[:keep]))
    resumed = begin(store.open(enabled=False))
    for step in range(20, 80):
        resumed.metrics(step, {"train/fit/more": float(step)})
    resumed.finish("completed")
    sync(tracker.folder)
    assert store.history("train/fit/more") == [(step, float(step)) for step in range(20, 80)]
    assert store.history("train/fit/loss") == [(step, float(step)) for step in range(50)]


@pytest.mark.parametrize("delivered", [10**6, 10**30])
def test_a_place_behind_the_end_of_a_journal_is_not_believed(store: Store, delivered: int) -> None:
    folder = foreign(store)
    sync(folder)
    state = json.loads((folder / "mlflow.json").read_text())
    run = store.run().info.run_id
    store.client.delete_run(run)
    (folder / "mlflow.json").write_text(json.dumps({**state, "delivered": delivered, "mark": ""}))
    sync(folder)
    assert store.history("train/fit/loss") == [(1, 0.5)]


def test_points_that_a_resumed_run_repeats_appear_once(store: Store) -> None:
    """Killed at step 1500 after a checkpoint at 1000, with values that differ in the second try, as on a GPU."""
    for first, last, shift in ((0, 1500, 0.0), (1000, 2000, 0.25)):
        tracker = begin(store.open())
        for step in range(first, last):
            tracker.metrics(step, {"train/fit/loss": step + shift})
        tracker.finish("interrupted")
    points = store.history("train/fit/loss")
    steps = [step for step, _ in points]
    assert len(steps) == len(set(steps))
    assert (steps[0], steps[-1]) == (0, 1999)


def test_models_delivered_twice_land_on_themselves_with_all_their_numbers(store: Store) -> None:
    tracker = begin(store.open(enabled=False))
    everything(tracker)
    tracker.model(tracker.folder, {"test/accuracy": 0.5, "test/other": 0.25})
    tracker.finish("completed")
    for _ in range(3):
        said: list[str] = []
        sync(tracker.folder, say=said.append)
        assert said == []
        run = store.run()
        (model,) = store.client.search_logged_models([run.info.experiment_id])
        assert sorted((each.key, each.value) for each in model.metrics) == [
            ("test/accuracy", 0.5),
            ("test/other", 0.25),
        ]
        assert len(run.outputs.model_outputs) == len(run.inputs.dataset_inputs) == 1
        (tracker.folder / "mlflow.json").unlink()


NAMES = ("tags.txt", "thumbnail.png", "report.json", "meaning.json", "mlflow.json", "journal.jsonl", "config.yaml")


def test_pipes_in_place_of_files_are_not_waited_for(tmp_path: Path) -> None:
    """Archives may hold named pipes; who opens one waits for ever."""
    runs = tmp_path / "runs"
    for name in NAMES:
        folder = saved(runs / "shapes" / name.partition(".")[0], [Metric("accuracy", 0.5)])
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    (tmp_path / "secret.png").write_text(SECRET)
    saved(runs / "shapes" / "link", [Metric("accuracy", 0.5)])
    (runs / "shapes" / "link" / "thumbnail.png").symlink_to(tmp_path / "secret.png")
    code = (
        "import sys; from pathlib import Path; from mmx.cli import main; from mmx.runs.index import write_index\n"
        "main(['runs', '--runs', 'runs']); write_index(Path('runs'))\n"
        "main(['compare', *(f'runs/shapes/{name}' for name in sys.argv[1:-1]), '--html', 'page.html'])\n"
    )
    arguments = [name.partition(".")[0] for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=280,
        check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (runs / "index.html").read_text()
    assert [name for name in arguments if f">{name}<" in page] == [each for each in arguments if each != "config"]
    assert (page.count("<img class=thumbnail"), (tmp_path / "page.html").is_file()) == (0, True)


def test_run_folders_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.core.cli.test_run import EXPERIMENT

    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    before = os.umask(0o022)
    try:
        assert main(["run", "shapes", "-q", "--no-tracking"]) == 0
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    (run,) = (tmp_path / "runs" / "shapes").iterdir()
    assert run.stat().st_mode & 0o777 == 0o700
    modes = {path.relative_to(run).as_posix(): path.stat().st_mode & 0o777 for path in run.rglob("*")}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
