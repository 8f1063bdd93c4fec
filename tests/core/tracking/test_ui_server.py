from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mmx.errors import MmxError, UserError
from mmx.tracking import ui_server
from mmx.tracking.ui_server import Server, experiments, free_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(taken: int) -> None:
    with pytest.raises(UserError, match=f"port {taken} is taken"):
        free_port("127.0.0.1", taken)


def test_without_a_wish_the_next_free_port_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_server, "_FIRST", taken)
    assert taken < free_port("127.0.0.1", None) < taken + 50
    monkeypatch.setattr(ui_server, "_TRIED", 1)
    with pytest.raises(UserError, match="no free port"):
        free_port("127.0.0.1", None)


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_a_host_that_is_not_ours_is_an_error(host: str) -> None:
    with pytest.raises(UserError, match="no address of this machine"):
        free_port(host, None)


def script(code: str) -> Server:
    made = Server("sqlite:////nowhere/mlflow.db", host="127.0.0.1", port=1)
    made._command = [sys.executable, "-c", code]
    return made


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by MLflow's process nor by uvicorn's, which puts the current folder first unless it is told not to."""
    for name in ("uvicorn", "click", "json", "app"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    made = Server("sqlite:////nowhere/mlflow.db", host="127.0.0.1", port=1)
    inner = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-m', 'uvicorn', 'app:app']))"
    made._command = [*made._command[:2], "-c", inner]
    with made as started, pytest.raises(MmxError, match="Could not import module"):
        started.wait_ready()
    assert not (tmp_path / "ran").exists()


def test_the_command_is_lean_and_on_loopback() -> None:
    command = Server("sqlite:////r/mlflow.db", host="127.0.0.1", port=5001)._command
    assert command[1:5] == ["-P", "-m", "mlflow", "server"]
    for pair in (("--workers", "1"), ("--host", "127.0.0.1"), ("--backend-store-uri", "sqlite:////r/mlflow.db")):
        assert command[command.index(pair[0]) + 1] == pair[1]


def test_a_server_that_ends_at_once_is_quoted() -> None:
    with (
        script("print('first'); print('the database is too new'); raise SystemExit(1)") as started,
        pytest.raises(MmxError, match="ended at once: the database is too new"),
    ):
        started.wait_ready()


def test_of_a_traceback_the_error_is_quoted_and_not_the_advice_behind_it() -> None:
    told = (
        "print('a.b.DatabaseError: file is not a database'); print('(Background on this: e3q8)'); raise SystemExit(1)"
    )
    with (
        script(told) as started,
        pytest.raises(MmxError, match=r"at once: a\.b\.DatabaseError: file is not a database$"),
    ):
        started.wait_ready()


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_server, "_PATIENCE", 0.3)
    with script("import time; time.sleep(3600)") as started, pytest.raises(MmxError, match="did not answer"):
        started.wait_ready()


def test_leaving_ends_the_server_and_its_children_even_stubborn_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui_server, "_GRACE", 0.5)
    code = (
        "import os, pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
        f"path = pathlib.Path({str(tmp_path / 'pids')!r})\n"
        "path.with_suffix('.tmp').write_text(f'{os.getpid()} {child.pid}'); path.with_suffix('.tmp').rename(path)\n"
        "time.sleep(3600)\n"
    )
    with script(code):
        while not (tmp_path / "pids").exists():
            threading.Event().wait(0.02)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    deadline = time.monotonic() + 240
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_waiting_ends_with_a_signal(number: int) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def send() -> None:
        while signal.getsignal(signal.SIGTERM) is before:
            time.sleep(0.02)
        time.sleep(0.2)  # into the wait itself
        os.kill(os.getpid(), number)

    with script("import time; time.sleep(3600)") as started:
        threading.Thread(target=send).start()
        started.wait()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_waiting_for_a_server_that_ends_is_an_error() -> None:
    with script("print('bye')") as started, pytest.raises(MmxError, match="ended: bye"):
        started.wait()


@pytest.fixture
def pages() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found = [{"experiment_id": str(number), "name": f"e{number}"} for number in (2, 0, 1)]
            right = self.headers["Authorization"] in (None, "Basic bWU6cEB3")
            self.send_response(200 if right and self.path.endswith("/experiments/search") else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"experiments": found}).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_experiments_without_mlflows_own(pages: str) -> None:
    assert experiments(pages) == [("1", "e1"), ("2", "e2")]


def test_a_login_in_the_address_is_used_and_not_shown(pages: str) -> None:
    assert len(experiments(pages.replace("//", "//me:p%40w@"))) == 2
    with pytest.raises(MmxError, match="401") as caught:
        experiments(pages.replace("//", "//me:xyzzy@"))
    assert "xyzzy" not in str(caught.value)


def test_experiments_of_nobody(taken: int) -> None:
    with pytest.raises(MmxError, match="does not answer"):
        experiments("http://127.0.0.1:1")
