"""What a run costs alone and beside other work, by how torch's threads wait for one another.

    python benchmarks/threads.py                        as mmx runs: alone, and beside one busy process
    python benchmarks/threads.py --waiting all          also libgomp's own default and other spin counts

Each row is one `mmx run` in a process of its own; the neighbour is a loop that does nothing but compute. CPU seconds
beside a neighbour over those alone are held against `GOAL`; the exit code is 1 above it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

GOAL = 1.3
"""CPU seconds beside one busy process, over those alone."""
WAYS: Mapping[str, Mapping[str, str]] = {
    "mmx": {},
    "libgomp's default (spins 300,000 times)": {"GOMP_SPINCOUNT": "300000"},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
}
_OWN = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Let `count` processes compute beside the block."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measured(arguments: list[str], extra: Mapping[str, str]) -> tuple[float, float]:
    """Return seconds by the clock and CPU seconds of one run."""
    environ = {name: value for name, value in os.environ.items() if name not in _OWN} | dict(extra)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mmx", "run", *arguments, "--runs", folder, "--no-tracking", "--quiet"]
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)  # noqa: S603 (mmx itself)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime


def main() -> int:
    """Print a table of clock and CPU seconds, and the ratio of CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "arguments", nargs="*", default=["vatt"], help="of `mmx run`; default: vatt, with its two threads"
    )
    parser.add_argument("--waiting", default="mmx", choices=["mmx", "all"])
    parser.add_argument("--busy", type=int, default=1, help="processes beside the run")
    options = parser.parse_args()
    print("| waiting | alone: clock, CPU s | beside: clock, CPU s | CPU ratio | clock ratio |")
    print("| --- | --- | --- | --- | --- |")
    within = True
    for name, extra in WAYS.items() if options.waiting == "all" else [("mmx", WAYS["mmx"])]:
        alone = measured(options.arguments, extra)
        with neighbours(options.busy):
            beside = measured(options.arguments, extra)
        ratio = beside[1] / alone[1]
        within &= name != "mmx" or ratio <= GOAL
        print(
            f"| {name} | {alone[0]:.1f}, {alone[1]:.1f} | {beside[0]:.1f}, {beside[1]:.1f} "
            f"| {ratio:.2f}x | {beside[0] / alone[0]:.2f}x |",
            flush=True,
        )
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
