from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mmx.tracking import delivery, mlflow_sink
from mmx.tracking.delivery import Follower
from mmx.tracking.mlflow_client import Unreachable


def follow(folder: Path, uri: str, said: list[str]) -> Follower:
    return Follower(folder, uri, say=said.append, announce=lambda state: None)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "INTERVAL", 0.01)
    monkeypatch.setattr(delivery, "RETRY", 0.01)


def test_an_outage_is_said_once_and_an_end_of_it_makes_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(1_000_000))
    seen = threading.Event()

    def pump(self: object) -> None:
        number = next(calls)
        if number > 40:
            seen.set()
        if number < 10 or 20 <= number < 30:
            raise Unreachable(f"outage before {'15' if number < 15 else '25'}")

    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", pump)
    said: list[str] = []
    thread = follow(tmp_path, "sqlite:////x.db", said)
    thread.start()
    assert seen.wait(240)
    assert thread.stop(patience=240)
    assert [line.split(";")[0] for line in said] == ["outage before 15", "outage before 25"]


def test_a_server_that_is_away_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = threading.Event()
    first = threading.Event()

    def pump(self: object) -> None:
        if first.is_set():
            block.wait(280)
        first.set()
        raise Unreachable("away")

    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", pump)
    said: list[str] = []
    thread = follow(tmp_path, "http://host", said)
    thread.start()
    while not said:
        first.wait(0.01)
    assert not thread.stop(patience=1000)
    assert thread.is_alive()
    block.set()


def test_a_database_that_is_away_gets_a_last_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = threading.Event()
    locked.set()
    tried = threading.Event()

    def pump(self: object) -> None:
        tried.set()
        if locked.is_set():
            raise Unreachable("database is locked")

    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", pump)
    monkeypatch.setattr(delivery, "RETRY", 1000)
    said: list[str] = []
    thread = follow(tmp_path, "sqlite:////x.db", said)
    thread.start()
    while not said:
        tried.wait(0.01)
    locked.clear()
    assert thread.stop(patience=240)


def test_there_is_no_link_before_mlflow_knows_the_run(tmp_path: Path) -> None:
    assert follow(tmp_path, "http://host", []).link is None


class Clock:
    """A clock that goes on by half a second whenever it is read, and a process that uses a share of that, or nothing.

    Args:
        works: Whether the process uses time of a core.
        until: When `then` is called.
        then: What happens then.
    """

    def __init__(self, works: bool, until: float, then: Callable[[], None]) -> None:
        self.now = 1000.0
        self._works = works
        self._until = until
        self._then = then

    def monotonic(self) -> float:
        self.now += 0.5
        if self.now > 1000 + self._until:
            self._then()
        return self.now

    def process_time(self) -> float:
        return self.now * 0.02 if self._works else 0.0


@pytest.mark.parametrize(
    ("uri", "works", "delivered", "seconds"),
    [
        ("sqlite:////x.db", True, True, 100.0),
        ("sqlite:////x.db", False, False, 20.0),
        ("http://host", True, False, delivery.AT_THE_END),
        ("http://host", False, False, delivery.AT_THE_END),
    ],
)
def test_slow_work_is_waited_for_and_a_call_that_hangs_or_a_server_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, works: bool, delivered: bool, seconds: float
) -> None:
    """On a loaded machine, importing mlflow alone may take longer than anybody's patience."""
    released, busy = threading.Event(), threading.Event()

    def pump(self: object) -> None:
        busy.set()
        released.wait()

    monkeypatch.setattr(mlflow_sink.MlflowSink, "pump", pump)
    clock = Clock(works, 100.0, released.set)
    monkeypatch.setattr(delivery, "time", clock)
    thread = follow(tmp_path, uri, [])
    thread._sink.last_beat = clock.now
    thread.start()
    assert busy.wait(240)
    begun = clock.now
    assert thread.stop(patience=20) is delivered
    assert seconds <= clock.now - begun < seconds + 2
    released.set()
