from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from mmx.support.run_files import JOURNAL
from mmx.tracking.artifact_places import artifact_place, mend_places, strays
from mmx.tracking.mlflow_client import connect
from mmx.tracking.mlflow_sink import STATE
from mmx.tracking.tracker import Tracker, sync
from mmx.tracking.uri import store_uri


def run(runs: Path, name: str, experiment: str = "notes é") -> Tracker:
    """Run nothing, and record it with a number, a file and a model."""
    folder = runs / experiment / name
    tracker = Tracker.open(folder, experiment=experiment, run_name=name, uri=f"sqlite:///{runs / 'mlflow.db'}")
    tracker.start(params={"a": 1}, tags={}, note="", dataset=None)
    tracker.metrics(1, {"train/loss": 0.5})
    (folder / "report.html").write_text(name)
    (folder / "model.safetensors").write_bytes(b"weights")
    tracker.artifact(folder / "report.html")
    tracker.model(folder, {"test/accuracy": 1.0})
    tracker.finish("completed")
    assert tracker.problems == []
    return tracker


def test_a_renamed_folder_keeps_its_artifacts_and_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run(tmp_path / "old" / "runs", "first")
    (tmp_path / "old").rename(tmp_path / "new")
    runs = tmp_path / "new" / "runs"
    run(runs, "second")
    assert not (tmp_path / "old").exists()
    journals = sorted(runs.glob(f"*/*/{JOURNAL}"))
    before = {path: path.read_bytes() for path in journals}
    for path in journals:
        sync(path.parent)
    assert {path: path.read_bytes() for path in journals} == before
    client = connect(store_uri(runs))
    experiment = client.get_experiment_by_name("notes é")
    assert experiment.artifact_location == artifact_place(runs / "mlflow.db", "notes é")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(each.info.run_name for each in found) == ["first", "second"]
    for each in found:
        assert "report.html" in [file.path for file in client.list_artifacts(each.info.run_id)]
        kept = Path(client.download_artifacts(each.info.run_id, "report.html", str(tmp_path)))
        assert kept.read_text() == each.info.run_name
    models = client.search_logged_models([experiment.experiment_id])
    assert all(each.artifact_location.startswith(experiment.artifact_location) for each in models)
    state = json.loads((journals[0].parent / STATE).read_text())
    assert state["delivered"] == len(before[journals[0]])
    assert client.get_experiment("0").artifact_location == artifact_place(runs / "mlflow.db", "Default")


def database(folder: Path) -> Path:
    """A database of MLflow's form with one experiment of ours, one that somebody put elsewhere, and their runs."""
    folder.mkdir(parents=True)
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT);
            CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER, artifact_uri TEXT);
            INSERT INTO experiments VALUES (1, 'notes', 'file:///gone/runs/mlartifacts/notes');
            INSERT INTO experiments VALUES (2, 'theirs', 'file:///data/shared/theirs');
            INSERT INTO experiments VALUES (3, 'cloud', 's3://bucket/mlartifacts/cloud');
            INSERT INTO runs VALUES ('a1', 1, 'file:///gone/runs/mlartifacts/notes/a1/artifacts');
            INSERT INTO runs VALUES ('b2', 1, 'file:///gone/runs/mlartifacts/notes/a1/artifacts');
            INSERT INTO runs VALUES ('c3', 2, 'file:///data/shared/theirs/c3/artifacts');
            """
        )
    connection.close()
    return path


def test_only_places_of_our_own_form_are_changed(tmp_path: Path) -> None:
    path = database(tmp_path / "runs")
    assert mend_places(path) == 2
    with sqlite3.connect(path) as connection:
        places = dict(connection.execute("SELECT name, artifact_location FROM experiments"))
        uris = dict(connection.execute("SELECT run_uuid, artifact_uri FROM runs"))
    connection.close()
    here = (tmp_path / "runs" / "mlartifacts").as_uri()
    assert places == {
        "notes": f"{here}/notes",
        "theirs": "file:///data/shared/theirs",
        "cloud": "s3://bucket/mlartifacts/cloud",
    }
    assert uris["a1"] == f"{here}/notes/a1/artifacts"
    assert uris["b2"] == "file:///gone/runs/mlartifacts/notes/a1/artifacts"
    assert mend_places(path) == 0


@pytest.mark.parametrize(("used", "mended"), [(False, True), (True, False)])
def test_the_default_experiment_follows_the_database_while_it_is_empty(
    tmp_path: Path, used: bool, mended: bool
) -> None:
    path = database(tmp_path / "runs")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO experiments VALUES (0, 'Default', '/gone/mlruns/0')")
        if used:
            connection.execute("INSERT INTO runs VALUES ('d4', 0, '/gone/mlruns/0/d4/artifacts')")
    mend_places(path)
    found = dict(connection.execute("SELECT experiment_id, artifact_location FROM experiments"))[0]
    connection.close()
    assert found == ((tmp_path / "runs" / "mlartifacts" / "Default").as_uri() if mended else "/gone/mlruns/0")


def test_what_is_no_database_of_mlflow_is_left_alone(tmp_path: Path) -> None:
    assert mend_places(tmp_path / "none.db") == 0
    (tmp_path / "text.db").write_text("no database")
    assert mend_places(tmp_path / "text.db") == 0
    assert (tmp_path / "text.db").read_text() == "no database"
    sqlite3.connect(tmp_path / "empty.db").close()
    assert mend_places(tmp_path / "empty.db") == 0


def test_places_that_lie_elsewhere_are_named(tmp_path: Path) -> None:
    run(tmp_path / "runs", "first")
    database = tmp_path / "runs" / "mlflow.db"
    assert strays(database) == []
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE runs SET artifact_uri = 'file:///etc'")
    mend_places(database)
    assert strays(database) == ["file:///etc"]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(4000)])
def test_what_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    assert (mend_places(tmp_path / "mlflow.db"), strays(tmp_path / "mlflow.db")) == (0, [])
    assert (tmp_path / "mlflow.db").read_bytes() == content


def test_a_table_without_an_end_costs_seconds(tmp_path: Path) -> None:
    """A database from elsewhere may call a view, of as many rows as it likes, a table."""
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        columns = "i AS experiment_id, 'x' AS name, 'file:///x' AS artifact_location"
        connection.execute(f"CREATE VIEW experiments AS {endless} SELECT {columns} FROM n WHERE i < 0")
    begun = time.process_time()
    assert (mend_places(tmp_path / "mlflow.db"), strays(tmp_path / "mlflow.db")) == (0, [])
    assert time.process_time() - begun < 30
