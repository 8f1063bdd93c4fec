"""A run on a file system on which each write, flush to the disk and rename fails once.

    python tests/faults/writes.py FOLDER [FIRST [EVERY]]

repeats a tiny run with its first operation refused, with its second, and so on until none is left (or from number FIRST
on, every EVERY-th). After each it prints a line of JSON: the operation, how the run ended, what its folder holds, and
whether it could go on afterwards. Each try is a process of its own.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "core"), str(ROOT / "plugins")]

import torch  # noqa: E402

from mmx.errors import MmxError  # noqa: E402
from mmx.plugins.loader import load_plugins  # noqa: E402
from mmx.runs.progress import Quiet  # noqa: E402
from mmx.runs.session import execute  # noqa: E402
from mmx.tracking import journal  # noqa: E402
from mmx.training import checkpoint  # noqa: E402
from tests.core.parts import experiment, registry  # noqa: E402
from tests.core.runs.test_session import Resolved  # noqa: E402

OPERATIONS = {
    "os.write": (os, "write"),
    "os.fsync": (os, "fsync"),
    "os.replace": (os, "replace"),
    "torch.save": (torch, "save"),
    "checkpoint.save_file": (checkpoint, "save_file"),
    "Path.write_bytes": (Path, "write_bytes"),
    "Path.replace": (Path, "replace"),
    "Path.mkdir": (Path, "mkdir"),
}
"""Every operation by which a run reaches the disk, and where it is looked up."""


@contextmanager
def failing(at: int) -> Iterator[list[str]]:
    """Let the operation number `at`, counted from 0, fail once; yields the names of all that are called."""
    called: list[str] = []
    lock = threading.Lock()

    def wrapped(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            with lock:
                called.append(name)
                mine = len(called) - 1
            if mine == at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return operation(*given, **named)

        return call

    real = {name: getattr(owner, attribute) for name, (owner, attribute) in OPERATIONS.items()}
    for name, (owner, attribute) in OPERATIONS.items():
        setattr(owner, attribute, wrapped(name, real[name]))
    try:
        yield called
    finally:
        for name, (owner, attribute) in OPERATIONS.items():
            setattr(owner, attribute, real[name])


def run(folder: Path, *, resume: bool = False) -> str:
    """Run a tiny experiment and return how it ended."""
    torch.set_num_threads(1)
    spec = experiment(stage={"steps": 4}, settings={"checkpoint_every": 2, "log_every": 1})
    plugins = load_plugins(environ={"MMX_PLUGINS": ""})
    plugins.registry = registry()
    try:
        execute(Resolved(spec), plugins, folder, Quiet(), resume=resume, tracking=False)
    except (MmxError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return "completed"


def one(folder: Path, at: int) -> dict[str, Any]:
    """Run with a fault in a child, then go on without it in a second one; return what came of both."""
    folder.mkdir(parents=True)
    notes = folder.with_suffix(".json")
    child = os.fork()
    if child == 0:
        with failing(at) as called:
            ended = run(folder)
        notes.write_text(json.dumps({"called": called, "ended": ended}))
        os._exit(0)
    begun = time.monotonic()
    _, status = os.waitpid(child, 0)
    found = {"at": at, "status": status, "seconds": time.monotonic() - begun, **json.loads(notes.read_text())}
    there = checkpoint.complete(folder / "checkpoint")
    found["saved"] = int(checkpoint.load_state(folder / "checkpoint")["step"]) if there else None
    found["reported"] = (folder / "report.json").is_file() and bool(json.loads((folder / "report.json").read_text()))
    found["last"] = journal.past(folder / "journal.jsonl").status
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        notes.write_text(json.dumps(run(folder, resume=there)))
        os._exit(0)
    os.waitpid(child, 0)
    found["after"] = json.loads(notes.read_text())
    found["left"] = sorted(str(path.relative_to(folder)) for path in folder.rglob(".*.tmp*"))
    return found


def main() -> None:
    """Print a line for each operation."""
    root, more = Path(sys.argv[1]), True
    at, every = (int(sys.argv[place]) if len(sys.argv) > place else place - 2 for place in (2, 3))
    while more:
        found = one(root / f"{at}" / "run", at)
        more = len(found["called"]) > at
        if more:
            print(json.dumps({**found, "called": found["called"][at]}), flush=True)
        at += every


if __name__ == "__main__":
    main()
