"""Cost of listing a plugin: the import of its top module, measured in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mmx.plugins.guarded_import import handed_on
from mmx.plugins.loader import HEAVY
from mmx.testing import Finding

LIMIT_MS = 10.0
"""CPU milliseconds that the import of a plugin's top module may take: the same whatever else the machine does."""
PATIENCE_MS = 200.0
"""Milliseconds by the clock: what waits (sleeps, asks a server) uses no CPU. Far above what a busy machine adds."""
TRIES = 5

_PROBE = """
import json, sys, time
import mmx.assets.store, mmx.plugins.commands, mmx.plugins.hookspecs, mmx.registry.registry, mmx.types
from importlib import import_module
from mmx import Card, hookimpl
heavy, module = json.loads(sys.argv[1]), sys.argv[2]
before = set(sys.modules)
begun, start = time.perf_counter(), time.process_time()
import_module(module)
cpu, clock = time.process_time() - start, time.perf_counter() - begun
new = set(sys.modules) - before
print(json.dumps({"cpu": cpu * 1000, "clock": clock * 1000, "heavy": [name for name in heavy if name in new]}))
"""


def check_import(module: str, folder: Path | None = None) -> Iterator[Finding]:
    """Yield a finding about the import of a plugin's top module: no heavy package, hardly any time.

    The best of `TRIES` new processes counts, so that neither compiling nor a busy machine is held against it.

    Args:
        module: Its import name.
        folder: Where it is, if it is not installed.
    """
    name = f"import of {module}"
    # Last, as the loader has it: nothing beside the package stands in for an installed one.
    paths = [*(path for path in sys.path if path), *([str(folder)] if folder else [])]
    best = {"cpu": float("inf"), "clock": float("inf")}
    spent = 0.0
    for _ in range(TRIES):
        done = subprocess.run(  # noqa: S603 (this interpreter, on a module that is loaded here already)
            [sys.executable, "-P", "-", json.dumps(HEAVY), module],
            input=handed_on(paths) + _PROBE,
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
        best = {key: min(best[key], measured[key]) for key in best}
        spent += measured["clock"]
        if (best["cpu"] < LIMIT_MS and best["clock"] < PATIENCE_MS) or spent > TRIES * PATIENCE_MS:
            break
    if best["cpu"] >= LIMIT_MS:
        told = f"{best['cpu']:.1f} ms of CPU time, not under {LIMIT_MS:.0f}: move work into the functions that need it"
        yield Finding(name, False, told)
    elif best["clock"] >= PATIENCE_MS:
        told = f"takes {best['clock'] / 1000:.1f} s, hardly any of it CPU: it waits for something; do that later"
        yield Finding(name, False, told)
    else:
        yield Finding(name, True, f"{best['cpu']:.1f} ms of CPU time, without {', '.join(HEAVY[:-1])} or {HEAVY[-1]}")
