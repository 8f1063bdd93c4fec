"""MLflow's server for its web pages: one worker, on loopback, ended with this process."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from types import TracebackType
from typing import Final

from mmx.errors import MmxError, UserError
from mmx.support.redact import redact_address, redact_text
from mmx.support.text import describe, one_line
from mmx.tracking.uri import ARTIFACTS, LARGEST, answers, opened, sqlite_path

_FIRST: Final = 5000
_TRIED: Final = 50
_PATIENCE: Final = 120.0
"""Seconds that the server may take to start: it imports much, and the machine may be busy training."""
_GRACE: Final = 5.0
_ERROR: Final = re.compile(r"[\w.]+(?:Error|Exception): ")
"""How the last line of a traceback begins."""


def free_port(host: str, wanted: int | None) -> int:
    """Return `wanted`, or the first free port from 5000 on.

    Raises:
        UserError: `wanted` is taken, no port is free, or `host` is no address of this machine.
    """
    candidates = range(_FIRST, _FIRST + _TRIED) if wanted is None else (wanted,)
    for port in candidates:
        if _is_free(host, port):
            return port
    if wanted is None:
        raise UserError(f"no free port from {_FIRST} to {_FIRST + _TRIED - 1}; choose one: mmx ui --port N")
    raise UserError(f"port {wanted} is taken; choose another, or leave --port out")


class Server:
    """A server process as a context: entering starts it, leaving ends it with everything that it started."""

    def __init__(self, uri: str, *, host: str, port: int) -> None:
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if host in ("0.0.0.0", "::"):  # noqa: S104
            self.address = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", uri]
        self._command += ["--host", host, "--port", str(port), "--workers", "1"]
        database = sqlite_path(uri)
        if database is not None:
            # What is uploaded through the server goes where runs put their own files.
            self._command += ["--artifacts-destination", (database.parent / ARTIFACTS).as_uri()]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed on leaving)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        # The job runner would be eight more processes and a gigabyte, for features that are not used here.
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        # Nothing is imported from the current folder, by the workers that it starts neither.
        stays = {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": sysconfig.get_paths()["stdlib"]}
        self._process = subprocess.Popen(  # noqa: S603
            self._command,
            env={**os.environ, **quiet, **stays},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGTERM)
        try:
            self._running.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._running.wait()
        self._log.close()

    def wait_ready(self) -> None:
        """Wait until the server answers.

        Raises:
            MmxError: It ended, or took too long; with the last line that it wrote.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self._running.poll() is not None:
                raise MmxError(f"MLflow's server ended at once: {self._last_line()}")
            if answers(self.address):
                return
            time.sleep(0.2)
        raise MmxError(f"MLflow's server did not answer in {_PATIENCE:.0f} s: {self._last_line()}")

    def wait(self) -> None:
        """Wait until the user presses Ctrl-C, the process is asked to end, or the server ends by itself."""
        previous = signal.signal(signal.SIGTERM, _interrupt)
        try:
            with suppress(KeyboardInterrupt):
                self._running.wait()
                raise MmxError(f"MLflow's server ended: {self._last_line()}")
        finally:
            signal.signal(signal.SIGTERM, previous)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server was not entered")
        return self._process

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._running.pid, number)

    def _last_line(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        errors = [line for line in lines if _ERROR.match(line)]  # what follows may be advice of a library
        return one_line(redact_text((errors or lines)[-1]), 300) if lines else "it said nothing"


def experiments(address: str) -> Sequence[tuple[str, str]]:
    """Return (id, name) of the experiments that the server at `address` holds, without MLflow's own empty one.

    Raises:
        MmxError: The server does not answer.
    """
    parts = urllib.parse.urlsplit(address)
    headers = {"Content-Type": "application/json"}
    if parts.username:
        login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    address = redact_address(address)
    request = urllib.request.Request(  # noqa: S310
        f"{address}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1000}).encode(),
        headers=headers,
    )
    try:
        with opened(request, 30) as response:
            found = json.loads(response.read(LARGEST)).get("experiments", [])
        named = [(str(each["experiment_id"]), str(each["name"])) for each in found]
    except (OSError, ValueError, HTTPException, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise MmxError(f"MLflow at {address} does not answer: {describe(error)}") from error
    return sorted(each for each in named if each[0] != "0")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"{host!r} is no address of this machine; the usual one is 127.0.0.1") from error
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except PermissionError as error:
            raise UserError(f"port {port} needs rights that this user has not; choose one above 1023") from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UserError(f"{host!r} is no address of this machine; the usual one is 127.0.0.1") from error
            return False
    return True


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
