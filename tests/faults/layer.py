"""A file system that fails once: the n-th operation of a save is refused, torn, or the last thing the process does.

    python -m tests.faults.layer FOLDER kill|torn|full

saves one checkpoint, then a second with a fault at its first operation, then at its second, and so on until none is
left. After each it prints a line of JSON: the operation, what the folder holds, and what was raised. Each try is a
process of its own; nothing else of the machine is touched.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmx.errors import MmxError
from mmx.training import checkpoint

SPREAD = {"torch.save": torch, "checkpoint.save_file": checkpoint, "os.fsync": os, "os.replace": os, "os.unlink": os}
"""Every operation by which a checkpoint reaches the disk, and where it is looked up."""


@contextmanager
def failing(at: int, fault: str) -> Iterator[list[str]]:
    """Let the operation number `at` fail inside the block; yields the names of those that were called.

    Args:
        at: Counted from 0.
        fault: "kill" ends the process before it, "torn" after half of a write, "full" raises ENOSPC.
    """
    called: list[str] = []
    real = {name: getattr(module, name.partition(".")[2]) for name, module in SPREAD.items()}

    def wrapped(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            called.append(name)
            if len(called) - 1 != at:
                return operation(*given, **named)
            if fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "torn":
                tear(operation, *given, **named)
            raise OSError(errno.ENOSPC, "No space left on device")

        return call

    for name, module in SPREAD.items():
        setattr(module, name.partition(".")[2], wrapped(name, real[name]))
    try:
        yield called
    finally:
        for name, module in SPREAD.items():
            setattr(module, name.partition(".")[2], real[name])


def tear(operation: Callable[..., Any], *given: Any, **named: Any) -> None:
    """Do an operation, leave 1,000 bytes of the file that it wrote (where it wrote one), and end the process."""
    with suppress(FileNotFoundError):
        operation(*given, **named)
    for written in (one for one in given if isinstance(one, str) or hasattr(one, "fileno")):
        if not isinstance(written, str):
            written.flush()
        os.truncate(written if isinstance(written, str) else written.fileno(), 1000)
    os.kill(os.getpid(), signal.SIGKILL)


def filled(value: float) -> nn.Module:
    """Return a model whose every weight is `value`."""
    model = nn.Linear(50, 40)
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def held(folder: Path) -> dict[str, Any]:
    """Return what a folder holds: the value of its weights, the value in its state, and other files."""
    model = filled(0)
    try:
        state = checkpoint.load_state(folder)
        checkpoint.load_weights(folder, model)
    except MmxError as error:
        return {"error": str(error)}
    values = {parameter.unique().item() for parameter in model.parameters()}
    return {"weights": values.pop() if len(values) == 1 else None, "state": state["value"]}


def one(folder: Path, at: int, fault: str) -> tuple[dict[str, Any], bool]:
    """Save 1, then 2 with a fault in a child; return what came of it, and whether there was an operation to fail."""
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint.save(folder, filled(1), {"value": 1})
    notes = folder.with_suffix(".json")
    notes.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        said = None
        with failing(at, fault) as called:
            try:
                checkpoint.save(folder, filled(2), {"value": 2})
            except MmxError as error:
                said = str(error)
        notes.write_text(json.dumps({"called": called, "raised": said}))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    told = json.loads(notes.read_text()) if notes.exists() else {"called": [], "raised": None}
    found = {"at": at, "killed": os.WIFSIGNALED(status), **told, "held": held(folder)}
    checkpoint.save(folder, filled(3), {"value": 3})
    found["after"] = held(folder)
    found["files"] = sorted(path.name.partition("-")[0] for path in folder.iterdir())
    return found, found["killed"] or len(told["called"]) > at


def main() -> None:
    """Print a line for each operation."""
    folder, fault = Path(sys.argv[1]), sys.argv[2]
    at, more = 0, True
    while more:
        found, more = one(folder, at, fault)
        if more:
            print(json.dumps(found), flush=True)
        at += 1


if __name__ == "__main__":
    main()
