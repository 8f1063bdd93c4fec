from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from mmx.errors import MmxError, UserError
from mmx.support import run_files
from mmx.tracking import delivery, journal, mlflow_sink
from mmx.tracking.mlflow_client import connect
from mmx.tracking.tracker import Tracker, flat, sync
from tests.clock import slept
from tests.core.tracked import Flaky, Store, begin, everything


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Store:
    return Store(tmp_path, template)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "INTERVAL", 0.02)
    monkeypatch.setattr(delivery, "RETRY", 0.02)


def wait(condition: Any, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.02)


def test_a_run_arrives_whole(store: Store) -> None:
    tracker = begin(store.open(), **{"stages": {"fit": {"steps": 3}}, "long": "x" * 9000, "bad@key (x)": 1})
    everything(tracker)
    tracker.finish("completed")
    assert tracker.problems == []

    run = store.run()
    assert run.info.status == "FINISHED"
    assert run.data.params["stages.fit.steps"] == "3"
    assert run.data.params["bad_at_key_x"] == "1"
    assert len(run.data.params["long"]) < 700
    assert "9000 characters" in run.data.params["long"]
    tags = run.data.tags
    assert (tags["mmx.status"], tags["mmx.verdict"], tags["mmx.preset"]) == ("completed", "learned", "smoke")
    assert "A run." in tags["mlflow.note.content"]
    assert "report.html" in tags["mlflow.note.content"]
    assert {"mlflow.user", "mlflow.source.name"} <= set(tags)

    assert store.history("train/fit/loss") == [(step, 1.0 / (step + 1)) for step in range(20)]
    assert store.history("train/nonfinite") == [(20, 1.0)]
    assert store.history("test/accuracy") == [(0, 0.5)]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("worlds/shapes", "d" * 36)

    address = f"get-artifact?run_uuid={run.info.run_id}&path=preview/a%20mask.png"
    assert f"![]({address})\n\nA mask." in tags["mlflow.note.content"]
    assert store.artifacts("preview") == ["preview/a mask.png"]
    table = json.loads(store.artifact("predictions.json").read_text())
    assert table == {
        "columns": ["id", "truth", "score", "more"],
        "data": [["x-1", "a", None, None], ["x-2", "b", None, [1]]],
    }
    assert json.loads(tags["mlflow.loggedArtifacts"]) == [{"path": "predictions.json", "type": "table"}]
    assert (store.runs / "mlartifacts" / "shapes").is_dir()


def test_the_model_is_safetensors_and_text_with_its_numbers(store: Store) -> None:
    tracker = begin(store.open())
    everything(tracker)
    tracker.finish("completed")
    client = store.client
    (model,) = client.search_logged_models([store.run().info.experiment_id])
    assert model.status.value == "READY"
    assert [(metric.key, metric.value) for metric in model.metrics] == [("test/accuracy", 0.5)]
    folder = store.runs / "mlartifacts" / "shapes" / "models" / model.model_id / "artifacts"
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["MLmodel", "checkpoint/model.safetensors", "config.yaml"]
    assert load_file(folder / "checkpoint" / "model.safetensors")["w"].tolist() == [1, 1, 1]
    assert "xyzzy" not in (folder / "config.yaml").read_text()


def test_secrets_stay_here(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plugh-plugh")
    tracker = begin(store.open(), **{"hub_token": "xyzzy", "path": "/data/plugh-plugh", "tokens": 5})
    tracker.tag("where", "https://me:xyzzy@host/x plugh-plugh")
    everything(tracker)
    tracker.finish("failed", "it broke with plugh-plugh and password='xyzzy'")
    everywhere = "".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in store.runs.rglob("*")
        if path.is_file() and path != tracker.folder / "config.yaml"
    )
    assert "xyzzy" not in everywhere
    assert "plugh" not in everywhere
    assert store.run().data.params["tokens"] == "5"


@pytest.mark.parametrize(
    ("status", "shown"),
    [("completed", "FINISHED"), ("failed", "FAILED"), ("interrupted", "KILLED"), ("pruned", "KILLED")],
)
def test_the_end_is_ours_to_say(store: Store, status: str, shown: str) -> None:
    tracker = begin(store.open())
    tracker.finish(status, "ValueError: no" if status == "failed" else "")
    tracker.finish("completed")
    run = store.run()
    assert (run.info.status, run.data.tags["mmx.status"]) == (shown, status)
    assert ("error.txt" in store.artifacts()) == (status == "failed")


def test_a_traceback_that_is_there_is_not_replaced_by_its_last_line(store: Store) -> None:
    tracker = begin(store.open())
    (tracker.folder / "error.txt").write_text("Traceback ...\nValueError: no\n")
    tracker.finish("failed", "ValueError: no")
    assert store.artifact("error.txt").read_text().startswith("Traceback")


def test_resuming_continues_the_same_run_and_its_params_stay(store: Store) -> None:
    first = begin(store.open(), steps=10)
    first.metrics(0, {"train/loss": 2.0})
    first.metrics(1, {"train/loss": 1.0})
    first.finish("interrupted")
    identity = store.run().info.run_id

    second = begin(store.open(), steps=20, extra="new")
    second.metrics(1, {"train/loss": 1.0})
    second.metrics(2, {"train/loss": 0.5})
    second.finish("completed")

    run = store.run()
    assert run.info.run_id == identity
    assert (run.info.status, run.data.tags["mmx.status"]) == ("FINISHED", "completed")
    assert run.data.params == {"seed": "0", "steps": "10", "extra": "new"}
    assert second.problems == ["param steps was 10 at the start, is 20 now; MLflow keeps the first"]
    assert store.history("train/loss") == [(0, 2.0), (1, 1.0), (2, 0.5)]
    logged = [
        entry.fields["values"] for entry in journal.read(second.folder / run_files.JOURNAL) if entry.event == "params"
    ]
    assert logged == [{"seed": 0, "steps": 10}, {"extra": "new"}]


def test_two_processes_cannot_write_one_run(store: Store) -> None:
    tracker = store.open()
    with pytest.raises(UserError, match="another process"):
        store.open()
    begin(tracker)
    with pytest.raises(UserError, match="another process"):
        sync(tracker.folder)
    tracker.finish("completed")
    store.open().finish("completed")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot write the run folder"):
        Tracker.open(tmp_path / "runs" / "x" / "y", experiment="x", run_name="y", uri=None)


def test_without_mlflow_there_is_the_journal_and_nothing_else(store: Store) -> None:
    tracker = begin(store.open(enabled=False))
    everything(tracker)
    tracker.finish("completed")
    assert tracker.link is None
    assert store.client.get_experiment_by_name("shapes") is None
    assert journal.curves(tracker.folder / run_files.JOURNAL)["test/accuracy"] == [(0, 0.5)]


@pytest.fixture(params=["closed port", "silent server"])
def dead(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://user:xyzzy@127.0.0.1:{listening.getsockname()[1]}"
        if request.param == "silent server":
            listening.listen()
            yield address
    if request.param == "closed port":
        yield address


def test_a_dead_server_costs_one_line_and_no_time(store: Store, dead: str) -> None:
    warned: list[str] = []
    begun = slept()
    tracker = begin(store.open(uri=dead, warn=warned.append))
    everything(tracker)
    told = slept()
    wait(lambda: warned)
    asked = slept()
    tracker.finish("completed")
    # Two seconds of probing, in the background at that; MLflow's own retries would take minutes.
    assert (told - begun) + (slept() - asked) < 20
    assert "does not answer" in warned[0]
    assert warned[1:] == [f"not everything reached MLflow; deliver it with: mmx sync {tracker.folder}"]
    assert tracker.problems == warned
    assert tracker.link is None
    assert "xyzzy" not in "".join(warned)

    with pytest.raises(MmxError, match="does not answer"):
        sync(tracker.folder, uri=dead)
    link = sync(tracker.folder)
    assert store.run().info.run_id in link
    assert store.run().info.status == "FINISHED"
    assert len(store.history("train/fit/loss")) == 20


def test_a_sink_that_fails_in_the_middle_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    failing = threading.Event()

    def fault(name: str) -> Exception | None:
        return OSError("connection reset") if failing.is_set() and name == "log_batch" else None

    monkeypatch.setattr(mlflow_sink, "connect", lambda uri, *calls: Flaky(connect(uri, *calls), fault))
    tracker = begin(store.open())
    wait(lambda: tracker.link)
    for step in range(60):
        if step == 20:
            failing.set()
        if step == 40:
            wait(lambda: tracker.problems)
            failing.clear()
        tracker.metrics(step, {"train/loss": float(step)})
        tracker.flush()
    tracker.finish("completed")
    assert len(tracker.problems) == 1
    assert "connection reset; the run goes on" in tracker.problems[0]
    assert store.history("train/loss") == [(step, float(step)) for step in range(60)]
    assert store.run().info.status == "FINISHED"


def test_what_mlflow_refuses_is_one_line_and_the_rest_arrives(store: Store, tmp_path: Path) -> None:
    tracker = begin(store.open())
    tracker.artifact(tracker.folder / "gone.txt")
    tracker.metrics(0, {"a@b (c)": 1.0, "../x": 2.0, "é/ü": 3.0})
    tracker.finish("completed")
    assert len(tracker.problems) == 1
    assert tracker.problems[0] == "not delivered: artifact gone.txt: gone.txt is gone"
    run = store.run()
    assert run.info.status == "FINISHED"
    assert sorted(run.data.metrics.values()) == [1.0, 2.0, 3.0]


def test_what_cannot_be_written_is_one_line(store: Store) -> None:
    tracker = begin(store.open())
    (tracker.folder / "predictions.json").mkdir()
    tracker.table([{"id": "a"}])
    tracker.finish("completed")
    assert len(tracker.problems) == 1
    assert all(line.startswith("not recorded") for line in tracker.problems)
    assert store.run().info.status == "FINISHED"


def test_a_defect_of_the_sink_does_not_reach_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", broken)
    tracker = begin(store.open())
    tracker.metrics(0, {"a": 1.0})
    tracker.finish("completed")
    assert any("a defect" in line for line in tracker.problems)
    assert journal.curves(tracker.folder / run_files.JOURNAL) == {"a": [(0, 1.0)]}


def test_a_call_that_hangs_does_not_hold_the_end_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", lambda self: release.wait(280))
    tracker = begin(store.open())
    monkeypatch.setattr("mmx.tracking.tracker._PATIENCE", 0.1)
    tracker.finish("completed")
    assert any("mmx sync" in line for line in tracker.problems)
    release.set()


def test_replaying_a_journal_twice_changes_nothing(store: Store) -> None:
    tracker = begin(store.open(enabled=False), steps=3)
    everything(tracker)
    for step in range(20, 1500):
        tracker.metrics(step, {"train/fit/loss": 1.0 / (step + 1)})
    tracker.finish("completed")

    def state() -> Any:
        run = store.run()
        models = store.client.search_logged_models([run.info.experiment_id])
        return (
            run.info.run_id, run.info.status, run.info.end_time, run.data.params, run.data.tags,
            store.history("train/fit/loss"), store.history("test/accuracy"), sorted(store.artifacts()),
            sorted(store.artifacts("preview")), [(model.model_id, len(model.metrics)) for model in models],
        )  # fmt: skip

    sync(tracker.folder)
    first = state()
    assert first[5][-1] == (1499, 1.0 / 1500)
    assert 500 < len(first[5]) < 1000
    sync(tracker.folder)
    assert state() == first
    # Losing the position means sending everything again, onto itself.
    (tracker.folder / mlflow_sink.STATE).unlink()
    sync(tracker.folder)
    assert state() == first


def test_a_store_that_lost_the_run_gets_it_again(store: Store, template: Path) -> None:
    tracker = begin(store.open())
    everything(tracker)
    tracker.finish("completed")
    (store.runs / "mlflow.db").unlink()
    sync(tracker.folder)
    assert store.run().info.status == "FINISHED"
    assert len(store.history("train/fit/loss")) == 20


def test_a_run_that_was_killed_is_marked_when_it_is_synced(store: Store) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.core.tracked import begin; from mmx.tracking.tracker import Tracker\n"
        "tracker = begin(Tracker.open(Path(sys.argv[1]), experiment='shapes', run_name='a', uri=None, enabled=False))\n"
        "tracker.metrics(0, {'train/loss': 1.0}); tracker.flush(); os._exit(9)\n"
    )
    folder = store.runs / "shapes" / "a"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False, cwd=Path(__file__).parents[3])
    sync(folder)
    run = store.run()
    assert (run.info.status, run.data.tags["mmx.status"]) == ("KILLED", "interrupted")
    assert store.history("train/loss") == [(0, 1.0)]


def test_a_deleted_experiment_is_brought_back(store: Store) -> None:
    begin(store.open("a")).finish("completed")
    store.client.delete_experiment(store.client.get_experiment_by_name("shapes").experiment_id)
    begin(store.open("b")).finish("completed")
    assert store.run("b").info.status == "FINISHED"


def test_links_out_of_a_folder_are_not_followed(store: Store, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("private")
    tracker = begin(store.open())
    media = tracker.folder / "media"
    media.mkdir()
    (media / "own.txt").write_text("own")
    (media / "link.txt").symlink_to(tmp_path / "outside.txt")
    tracker.artifact(media, "media")
    tracker.finish("completed")
    assert store.artifacts("media") == ["media/own.txt"]


def test_the_process_environment_is_left_as_it_was(store: Store) -> None:
    before = dict(os.environ)
    begin(store.open()).finish("completed")
    sync(store.runs / "shapes" / "a")
    assert dict(os.environ) == before


def test_four_processes_that_start_at_once_make_one_store(tmp_path: Path) -> None:
    """However long importing mlflow and the others' making of tables take: much longer than a call may hang, here."""
    code = (
        "import sys; from pathlib import Path; from tests.core.tracked import begin; from mmx import tracking\n"
        "from mmx.tracking.tracker import Tracker; tracking._PATIENCE = 3.0\n"
        "folder = Path(sys.argv[1]) / 'runs' / 'shapes' / sys.argv[2]\n"
        "tracker = begin(Tracker.open(folder, experiment='shapes', run_name=sys.argv[2], uri=None))\n"
        "tracker.metrics(0, {'a': 1.0}); tracker.finish('completed'); sys.exit(len(tracker.problems))\n"
    )
    root = Path(__file__).parents[3]
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=root) for name in "abcd"]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    client = connect(f"sqlite:///{tmp_path}/runs/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    assert sorted((run.info.run_name, run.info.status, run.data.metrics["a"]) for run in runs) == [
        (name, "FINISHED", 1.0) for name in "abcd"
    ]


def test_sync_of_something_else_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        sync(tmp_path)


def test_nested_values_become_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [1, 2], "e": {}}
