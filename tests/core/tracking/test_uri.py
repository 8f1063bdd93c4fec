from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mmx.tracking import uri
from tests.clock import slept
from tests.faults.sick_server import sick_server


def test_the_default_is_an_absolute_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert uri.store_uri(Path("runs"), environ={}) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert uri.store_uri(Path("runs"), "sqlite:///other.db", environ={}) == f"sqlite:///{tmp_path}/other.db"


def test_the_variable_is_taken_unless_something_is_asked_for() -> None:
    environ = {"MLFLOW_TRACKING_URI": "http://host:5000/"}
    assert uri.store_uri(Path("runs"), environ=environ) == "http://host:5000"
    assert uri.store_uri(Path("runs"), "http://other", environ=environ) == "http://other"


def test_sqlite_paths(tmp_path: Path) -> None:
    assert uri.sqlite_path(f"sqlite:///{tmp_path}/with space/x.db") == tmp_path / "with space" / "x.db"
    assert uri.sqlite_path("http://host") is None


@pytest.mark.parametrize(
    ("saved", "mine", "same"),
    [
        ("sqlite:////a/mlflow.db", "sqlite:////b/mlflow.db", True),
        ("http://a", "http://a", True),
        ("http://a", "http://b", False),
        ("http://a", "sqlite:////b/mlflow.db", False),
        (None, "sqlite:////b/mlflow.db", False),
    ],
)
def test_a_database_may_have_moved_and_a_server_not(saved: object, mine: str, same: bool) -> None:
    assert uri.is_same_or_moved(saved, mine) is same


@pytest.mark.parametrize(("status", "alive"), [(200, True), (401, True), (404, True), (500, False)])
def test_any_answer_but_a_failure_is_a_life_sign(status: int, alive: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert uri.answers(f"http://127.0.0.1:{server.server_port}") is alive
    finally:
        server.shutdown()
        server.server_close()


def test_silence_and_closed_ports_are_none() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert not uri.answers(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2)
        port = silent.getsockname()[1]
    assert not uri.answers(f"http://127.0.0.1:{port}", seconds=0.2)
    assert not uri.answers("http://127.0.0.1:notaport", seconds=0.2)


def test_links_open_the_training_view_and_hold_no_password() -> None:
    link = uri.run_link("https://me:pw@host", "3", "abc")
    assert link == "https://host/#/experiments/3/runs/abc?workflowType=machine_learning"
    assert uri.run_link("sqlite:////x/mlflow.db", "3", "abc").startswith("mmx ui")
    assert "compareRunsMode=CHART" in uri.charts_path("3")


def test_a_server_that_drips_its_answer_does_not_hold_the_probe() -> None:
    with sick_server("health drips") as address:
        begun = slept()
        assert not uri.answers(address, seconds=0.5)
        assert slept() - begun < 10


def test_ids_of_a_server_are_escaped_in_links() -> None:
    link = uri.run_link("http://host", "1/../\x1b[31m", "r?x#y")
    assert link.isprintable()
    assert "/../" not in link
