"""Tracking servers that lead elsewhere: what is meant for one goes to no other, and to no folder here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient

from mmx.errors import MmxError
from mmx.tracking import mlflow_client, ui_server, uri
from mmx.tracking.payload import Undeliverable
from mmx.tracking.tracker import Tracker
from tests.core.tracked import begin

PASSWORD = "xyzzy-plugh"


class Server:
    """A server on a port of its own that keeps what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.answer: Callable[[str], tuple[int, str]] = lambda path: (200, "")
        seen = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                seen.asked.append((self.path, str(self.headers), body))
                code, where = seen.answer(self.path)
                self.send_response(code)
                if where:
                    self.send_header("Location", where)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_PUT = reply

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    """The server that is asked, and one that it may lead to."""
    both = Server(), Server()
    yield both
    for each in both:
        each.close()


WHERE = ("{other}/stolen", "http://127.0.0.1:{port}\\@{mine}/x", "http://me@127.0.0.1:{port}/x", "//127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("code", "where"), [*((code, WHERE[0]) for code in (301, 302, 303, 308)), *((307, each) for each in WHERE)]
)
def test_no_request_follows_to_another_server(
    servers: tuple[Server, Server], code: int, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = servers
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    lead = where.format(other=other.address, port=other.port, mine=f"127.0.0.1:{ours.port}")
    ours.answer = lambda path: (code, lead)
    assert uri.answers(ours.address), "a server that sends us elsewhere is there"
    with (
        pytest.raises(Exception, match=r"leads to another server|Exceeded 30 redirects"),
        mlflow_client.client_environment(),
    ):
        mlflow_client.bound(ours.address)
        MlflowClient(tracking_uri=ours.address).create_experiment("x", tags={"private": "words"})
    with pytest.raises(MmxError):
        ui_server.experiments(ours.address.replace("http://", f"http://me:{PASSWORD}@"))
    assert any("private" in body for _, _, body in ours.asked)
    assert sum("Authorization: Basic" in headers for _, headers, _ in ours.asked) >= 2
    assert other.asked == []


def test_a_server_may_lead_to_itself(servers: tuple[Server, Server]) -> None:
    ours, _ = servers
    ours.answer = lambda path: (200, "") if path == "/there" else (307, "/there")
    mlflow_client.bound(ours.address)
    assert requests.post(f"{ours.address}/here", json={"a": 1}, timeout=60).json() == {}
    assert [(path, body) for path, _, body in ours.asked] == [("/here", '{"a": 1}'), ("/there", '{"a": 1}')]


def test_a_run_is_told_and_everything_stays_in_its_journal(servers: tuple[Server, Server], tmp_path: Path) -> None:
    ours, other = servers
    ours.answer = lambda path: (200, "") if path == "/health" else (307, f"{other.address}{path}")
    said: list[str] = []
    folder = tmp_path / "runs" / "x" / "y"
    tracker = begin(Tracker.open(folder, experiment="x", run_name="y", uri=ours.address, warn=said.append))
    tracker.finish("completed")
    assert any("leads to another server" in line and "the journal keeps everything" in line for line in said), said
    assert other.asked == []
    for thread in threading.enumerate():
        if thread.name == "mmx-mlflow":
            thread.join(60)  # it still has settings of the environment


@pytest.mark.parametrize(
    ("store", "location", "taken"),
    [
        ("https://host", "mlflow-artifacts:/7/run", True),
        ("https://host", "mlflow-artifacts://host/7/run", True),
        ("https://host:443", "https://HOST/api", True),
        ("https://host", "s3://bucket/7", True),
        ("http://127.0.0.1:5000", "file:///data/mlruns", True),
        ("http://localhost:5000", "/data/mlruns", True),
        ("https://host", "file:///etc/ssh", False),
        ("https://host", "./plugins", False),
        ("https://host", "mlflow-artifacts://other:80/7/run", False),
        ("https://host", "http://host/api", False),
        ("https://host", "https://host@other/api", False),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/api", False),
        ("http://127.0.0.1.example.org", "file:///etc/ssh", False),
    ],
)
def test_a_server_elsewhere_chooses_no_folder_and_no_other_server(store: str, location: str, taken: bool) -> None:
    def check() -> Any:
        return mlflow_client.check_destination(store, location)

    if taken:
        check()
    else:
        with pytest.raises(Undeliverable, match="wants files in"):
            check()
