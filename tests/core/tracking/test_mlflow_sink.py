from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx.support.run_files import JOURNAL
from mmx.tracking import mlflow_sink
from mmx.tracking.journal import Journal
from mmx.tracking.mlflow_client import Unreachable
from mmx.tracking.mlflow_sink import MlflowSink
from mmx.tracking.payload import metric_key


class Recorder:
    """A client that keeps what it gets, and fails when it is told to."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.failing = False

    def log_batch(self, run_id: str, **content: Any) -> None:
        if self.failing:
            raise OSError("reset")
        self.batches.append(content)

    @property
    def points(self) -> list[Any]:
        return [point for batch in self.batches for point in batch.get("metrics", ())]

    def create_run(self, experiment_id: str, **named: Any) -> Any:
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(lifecycle_stage="active", experiment_id="1")

    def search_runs(self, *arguments: Any, **named: Any) -> Any:
        return []

    def set_tag(self, *arguments: Any) -> None: ...

    def set_terminated(self, *arguments: Any, **named: Any) -> None: ...


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(mlflow_sink, "connect", lambda uri, waiting, importing: recorder)
    monkeypatch.setattr(mlflow_sink, "is_same_run", lambda client, run_id, identity: True)
    return recorder


def make(folder: Path) -> tuple[Journal, MlflowSink, list[str]]:
    journal = Journal(folder / JOURNAL, interval=60)
    journal.write("start", experiment="x", name="y")
    said: list[str] = []
    return journal, MlflowSink(folder, "http://host", say=said.append, announce=lambda state: None), said


def test_batches_keep_within_mlflows_limits(tmp_path: Path, client: Recorder) -> None:
    journal, sink, _ = make(tmp_path)
    journal.write("params", values={f"p{index}": index for index in range(250)})
    for step in range(300):
        journal.metrics(step, {f"k{index}": step for index in range(10)})
    journal.flush()
    sink.pump()
    assert [len(batch["params"]) for batch in client.batches if "params" in batch] == [100, 100, 50]
    assert max(len(batch["metrics"]) for batch in client.batches if "metrics" in batch) <= 1000
    assert len(client.points) == 3000
    journal.close()


def test_a_long_run_is_thinned_and_ends_where_it_ended(tmp_path: Path, client: Recorder) -> None:
    journal, sink, _ = make(tmp_path)
    for step in range(7001):
        journal.metrics(step, {"a": float(step)})
    journal.write("status", status="completed")
    sink.pump()
    steps = [point.step for point in client.points]
    assert len(steps) < 1300
    assert (steps[0], steps[-1]) == (0, 7000)
    journal.close()


@pytest.mark.parametrize("restart", [False, True])
def test_points_that_were_not_taken_are_sent_again(tmp_path: Path, client: Recorder, restart: bool) -> None:
    journal, sink, _ = make(tmp_path)
    sink.pump()
    for step in range(3000):
        journal.metrics(step, {"a": float(step)})
        if step in (700, 1400):
            journal.flush()
            client.failing = step == 700
            if client.failing:
                with pytest.raises(Unreachable, match="reset"):
                    sink.pump()
                client.failing = False
                if restart:
                    sink = MlflowSink(tmp_path, "http://host", say=print, announce=print)
            sink.pump()
    journal.flush()
    sink.pump()
    interrupted = [point.step for point in client.points]
    journal.close()

    client.batches.clear()
    (tmp_path / mlflow_sink.STATE).unlink()
    whole = MlflowSink(tmp_path, "http://host", say=print, announce=print)
    whole.pump()
    assert [point.step for point in client.points] == interrupted


def test_two_stores_do_not_mix(tmp_path: Path, client: Recorder) -> None:
    journal, sink, _ = make(tmp_path)
    sink.pump()
    journal.write("mlflow", **sink.state)
    assert MlflowSink(tmp_path, "http://host", say=print, announce=print).run_id == "r1"
    other = MlflowSink(tmp_path, "http://other", say=print, announce=print)
    assert (other.run_id, other.delivered) == (None, 0)
    journal.close()


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"uri": "http://host", "run_id": "r1"}'])
def test_a_damaged_position_is_no_position(tmp_path: Path, client: Recorder, content: str) -> None:
    journal, _, _ = make(tmp_path)
    (tmp_path / mlflow_sink.STATE).write_text(content)
    assert MlflowSink(tmp_path, "http://host", say=print, announce=print).delivered == 0
    journal.close()


@pytest.mark.parametrize(
    ("key", "clean"),
    [
        ("train/distill/loss", "train/distill/loss"),
        ("recall@1", "recall_at_1"),
        ("test/acc (top 5)", "test/acc_top_5"),
        ("a/../b", "a/b"),
        ("../../etc", "etc"),
        ("a//b/", "a/b"),
        ("é", "unnamed"),
        ("", "unnamed"),
        ("x" * 250, "x" * 250),
    ],
)
def test_keys_hold_nothing_that_mlflow_refuses(key: str, clean: str) -> None:
    assert metric_key(key) == clean


def test_long_keys_that_begin_alike_stay_two() -> None:
    long = "val/" + "a" * 300
    keys = {metric_key(long + end) for end in ("one", "two")}
    assert len(keys) == 2 and all(len(key) == 250 and key.startswith("val/aaa") for key in keys)
    assert metric_key("b" * 250) == "b" * 250
