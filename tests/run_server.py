"""Runs `mmx` in forks of a process that has imported torch once: a run of two steps costs a second, not five.

    python run_server.py ADDRESS                   serve, until the input ends
    python run_server.py ADDRESS SITE ARGUMENT...  run `mmx ARGUMENT...` there, as if here: folder, environment, streams

The forks import plugins afresh: no plugin is imported here.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

HEAVY = (
    *("mmx.cli.run", "mmx.runs.session", "mmx.report.terminal", "mmx.config.resolve", "mmx.tracking.mlflow_sink"),
    *("matplotlib.pyplot", "sklearn.metrics", "torch._dynamo", "torchaudio", "yaml"),
)
"""What a run imports, plugins aside."""
_NUMBER = struct.Struct("!i")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@cache
def address() -> str:
    """Start the server of this process, at the first call, and return its socket."""
    folder = tempfile.mkdtemp(prefix="mmx-")
    place = f"{folder}/socket"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, place]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def close() -> None:
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    return place


def command(site: Path | None = None) -> str:
    """Return the beginning of a shell command that runs `mmx` in a fork, with `site` first on its path."""
    return shlex.join([sys.executable, "-S", __file__, address(), str(site or "")])


def run(site: Path, cwd: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    """Run `mmx` in a fork with `site` before all other folders of imports; return exit code and output with errors."""
    with tempfile.TemporaryFile("w+") as output, Path(os.devnull).open() as nothing:
        streams = [nothing.fileno(), output.fileno(), output.fileno()]
        code = ask(address(), arguments, str(cwd), {**os.environ, **environ}, str(site), streams)
        output.seek(0)
        return code, output.read()


def ask(
    address: str, arguments: Sequence[str], cwd: str, environ: Mapping[str, str], site: str, streams: Sequence[int]
) -> int:
    """Run `mmx` in a fork of the server and return its exit code.

    Args:
        address: Socket of the server.
        arguments: Of `mmx`.
        cwd: Folder to run in.
        environ: The whole environment.
        site: Folder that is imported from before all others, or "".
        streams: File descriptors of input, output and errors.
    """
    request = json.dumps({"arguments": [*arguments], "cwd": cwd, "environ": {**environ}, "site": site}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [_NUMBER.pack(len(request))], streams)
        connection.sendall(request)
        child = _NUMBER.unpack(connection.recv(_NUMBER.size))[0]
        with _passed_on(child):
            return int(_NUMBER.unpack(connection.recv(_NUMBER.size))[0])


@contextmanager
def _passed_on(child: int) -> Iterator[None]:
    """Pass signals that ask this process to end on to the one that runs for it."""
    before = {number: signal.signal(number, lambda got, _: os.kill(child, got)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(address: str) -> None:
    """Answer requests until the input ends."""
    from importlib import import_module
    from select import select

    for name in HEAVY:
        import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                os._exit(_supervise(connection))
            connection.close()
            while _reaped():
                pass


def _reaped() -> bool:
    """Collect a supervisor that has ended, if there is one."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _supervise(connection: socket.socket) -> int:
    """Run a request in a further fork, and send its exit code."""
    head, streams, _, _ = socket.recv_fds(connection, _NUMBER.size, 3)
    body = b""
    while len(body) < _NUMBER.unpack(head)[0]:
        body += connection.recv(1 << 20)
    child = os.fork()
    if child == 0:
        os._exit(_run(json.loads(body), streams))
    connection.sendall(_NUMBER.pack(child))
    _, status = os.waitpid(child, 0)
    connection.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    return 0


def _run(request: dict[str, object], streams: list[int]) -> int:
    import site
    import traceback

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(str(request["cwd"]))
    sys.argv = ["mmx", *request["arguments"]]  # type: ignore[misc]
    os.environ.clear()
    os.environ.update(request["environ"])  # type: ignore[call-overload]
    if request["site"]:
        sys.path.insert(0, str(request["site"]))
        site.addsitedir(str(request["site"]))  # what is installed in place is named in files there
    try:
        from mmx.cli import main

        code = main(request["arguments"])  # type: ignore[arg-type]
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask(sys.argv[1], sys.argv[3:], str(Path.cwd()), os.environ, sys.argv[2], [0, 1, 2]))
    serve(sys.argv[1])
