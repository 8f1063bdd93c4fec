"""Tracking servers that are sick in ten ways and more, each on a port of this machine, while a test needs it."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
WAYS = (
    "refuses", "silent", "health drips", "healthy then silent", "healthy then drips", "healthy then 500",
    "healthy then garbage", "healthy then html", "healthy then resets", "healthy then cut short",
    "healthy then endless", "healthy then later", "healthy then redirects", "takes runs then silent",
    "takes runs then drips", "takes runs slowly", "healthy then drips a body", "healthy then resets behind the head",
    "healthy then 500 and 100 MB", "healthy then 100 MB of anything", "healthy then a bomb",
    "healthy then another kind", "healthy then endless at once", "healthy then leads to a file",
    "healthy then leads to another host", "health leads to a file",
)  # fmt: skip
"""What a server does; "healthy" means that its health check answers."""
BOMB = 100_000_000
"""Bytes that a small compressed answer unpacks to."""


@contextmanager
def sick_server(way: str) -> Iterator[str]:
    """Yield the address of a server that is sick in one way."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    if way == "refuses":
        listening.close()
        yield address
        return
    over = threading.Event()
    threading.Thread(target=_serve, args=(listening, way, over), daemon=True).start()
    try:
        yield address
    finally:
        over.set()
        listening.close()


def _serve(listening: socket.socket, way: str, over: threading.Event) -> None:
    while not over.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, way, over), daemon=True).start()


def _answer(connection: socket.socket, way: str, over: threading.Event) -> None:
    with connection, suppress(OSError):
        path = _request(connection)
        healthy, _, ill = way.partition(" then ")
        if way == "silent":
            over.wait()
        elif way == "health drips":
            _drip(connection, over)
        elif way == "health leads to a file":
            connection.sendall(_leads("file:///etc/passwd"))
        elif path.endswith("/health"):
            connection.sendall(HEALTHY)
        elif healthy == "takes runs slowly":
            time.sleep(1.0)
            connection.sendall(_json(_taken(path)))
        elif healthy == "takes runs" and _taken(path) is not None:
            connection.sendall(_json(_taken(path)))
        else:
            _be_ill(connection, ill, over)


def _be_ill(connection: socket.socket, ill: str, over: threading.Event) -> None:
    if ill == "silent":
        over.wait()
    if ill == "drips":
        _drip(connection, over)
    if ill.startswith("endless"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while not over.is_set():
            connection.sendall(b" " * 4096)
            time.sleep(0 if ill == "endless at once" else 0.01)
    if ill == "drips a body":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
        while not over.wait(1.0):
            connection.sendall(b" ")
    if ill.startswith("resets"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if ill.endswith("100 MB") or ill.startswith("100 MB"):
        status, kind = (b"500 Oh", b"text/html") if "500" in ill else (b"200 OK", b"application/octet-stream")
        connection.sendall(b"HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n\r\n" % (status, kind))
        for _ in range(100):
            connection.sendall(b"\xe4\xb8\xad<a>\xff" * 131_072)
    if ill == "a bomb":
        body = _bomb()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        connection.sendall(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
    answers = {
        "500": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "garbage": b"\x00\xff" * 500,
        "html": b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<html>hi</html>",
        "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{",
        "later": b"HTTP/1.1 429 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "resets behind the head": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n",
        "another kind": b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89PNG",
        "leads to a file": _leads("file:///etc/passwd"),
        "leads to another host": _leads("http://localhost:9/x"),
        "redirects": b"HTTP/1.1 307 There\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    }
    connection.sendall(answers.get(ill, b""))


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(BOMB), 1)


def _leads(where: str) -> bytes:
    """Return an answer that sends the client elsewhere, with all that it brings."""
    head = f"HTTP/1.1 307 There\r\nLocation: {where}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return head.encode()


def _drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.2):
        connection.sendall(b"X-More: yes\r\n")


def _taken(path: str) -> dict[str, object] | None:
    """Return what MLflow would answer up to the creation of a run, None for everything later."""
    run = {"info": {"run_id": "1" * 32, "experiment_id": "7", "artifact_uri": "mlflow-artifacts:/7"}, "data": {}}
    known: dict[str, dict[str, object]] = {
        "experiments/search": {"experiments": []},
        "experiments/get-by-name": {"experiment": {"experiment_id": "7", "name": "x", "lifecycle_stage": "active"}},
        "runs/search": {"runs": []},
        "runs/create": {"run": run},
        "runs/set-tag": {},
    }
    return next((answer for end, answer in known.items() if path.partition("?")[0].endswith(end)), None)


def _json(content: object) -> bytes:
    body = json.dumps(content or {}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


def _request(connection: socket.socket) -> str:
    """Read one request and return its path."""
    connection.settimeout(60)
    text = b""
    while b"\r\n\r\n" not in text:
        more = connection.recv(65536)
        if not more:
            return ""
        text += more
    head, _, body = text.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b" ")[1].decode()
