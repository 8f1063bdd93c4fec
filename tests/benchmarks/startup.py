"""What a command costs before it works: whole-process CPU time as a ratio to `python -c pass`, in turn, best of n.

python tests/benchmarks/startup.py [--repeats 9]

Byte code is kept, as it is for whoever uses mmx: with PYTHONDONTWRITEBYTECODE set every start would compile mmx anew,
while Python's own modules are compiled already.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

GOALS = {"mmx --help": 6.0, "mmx ls": 12.0, "mmx show soundnet": 20.0}


def cpu_seconds(command: list[str], folder: str) -> float:
    """Return user plus system time of one run of `command`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line per command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    script = str(Path(sys.executable).with_name("mmx"))
    commands = {"python -c pass": [sys.executable, "-c", "pass"]}
    commands |= {name: [script, *name.split()[1:]] for name in GOALS}
    commands["mmx plugins"] = [script, "plugins"]
    best = dict.fromkeys(commands, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            for name, command in commands.items():
                best[name] = min(best[name], cpu_seconds(command, folder))
    base = best["python -c pass"]
    print(f"CPU time, best of {repeats}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for name, seconds in best.items():
        goal = f"goal {GOALS[name]:.0f}x" if name in GOALS else ""
        print(f"{name:20s} {seconds * 1000:7.1f} ms  {seconds / base:6.1f}x  {goal}")


if __name__ == "__main__":
    main()
