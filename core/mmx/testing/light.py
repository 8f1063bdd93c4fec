"""Is a plugin light to list? Its top module is imported in a new process, and what that costs is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mmx.plugins import HEAVY
from mmx.testing import Finding

LIMIT_MS = 10.0
"""CPU milliseconds that the import of a plugin's top module may take."""
TRIES = 5

_PROBE = """
import json, sys, time
import mmx.assets, mmx.commands, mmx.hookspecs, mmx.registry, mmx.types
from importlib import import_module
from mmx import Card, hookimpl
heavy, module = json.loads(sys.argv[1]), sys.argv[2]
before = set(sys.modules)
start = time.process_time()
import_module(module)
seconds = time.process_time() - start
new = set(sys.modules) - before
print(json.dumps({"ms": seconds * 1000, "heavy": [name for name in heavy if name in new]}))
"""


def check_import(module: str, folder: Path | None = None) -> Iterator[Finding]:
    """Yield a finding about the import of a plugin's top module: no heavy package, under `LIMIT_MS` of CPU time.

    Args:
        module: Its import name.
        folder: Where it is, if it is not installed.
    """
    name = f"import of {module}"
    paths = [*([str(folder)] if folder else []), *(path for path in sys.path if path)]
    best = float("inf")
    for _ in range(TRIES):  # the first may compile; others may meet a busy machine
        done = subprocess.run(  # noqa: S603 (this interpreter, on a module that is loaded here already)
            [sys.executable, "-c", _PROBE, json.dumps(HEAVY), module],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            yield Finding(name, False, (done.stderr.strip().splitlines() or ["it ended the process"])[-1])
            return
        measured = json.loads(done.stdout.strip().splitlines()[-1])
        if measured["heavy"]:
            yield Finding(
                name, False, f"imports {', '.join(measured['heavy'])}; move it into the functions that need it"
            )
            return
        best = min(best, measured["ms"])
        if best < LIMIT_MS:
            break
    yield Finding(name, best < LIMIT_MS, f"{best:.1f} ms of CPU time, without {', '.join(HEAVY[:-1])} or {HEAVY[-1]}")
