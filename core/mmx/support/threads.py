"""CPU threads of the arithmetic: how many there may be, and how they wait for one another.

Torch's threads meet at a barrier after every operator. GNU OpenMP lets a thread that waits there spin; beside another
busy process it then spins while the thread it waits for has no core, and a step takes up to twenty times as long.
`wait_politely` turns that off, and must be called before torch is imported: the library reads its variables once.

Nothing here imports torch, so that the command line stays light.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WAITING: Final = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which a person, a scheduler or a container has said already how threads wait."""
CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Choice:
    """How many threads torch gets, and why.

    Attributes:
        count: The number.
        reason: What decided, in words.
    """

    count: int
    reason: str

    def __str__(self) -> str:
        return f"{self.count} thread{'s' * (self.count != 1)} ({self.reason})"


def wait_politely(environ: MutableMapping[str, str] | None = None) -> None:
    """Let threads that wait sleep instead of spin, here and in processes started from here.

    Args:
        environ: The environment; what it says already stays.
    """
    found = os.environ if environ is None else environ
    if not any(name in found for name in WAITING):
        found["OMP_WAIT_POLICY"] = "PASSIVE"


def waiting(environ: Mapping[str, str] | None = None) -> str:
    """Return how threads wait, as the environment says it, for people."""
    found = os.environ if environ is None else environ
    said = [f"{name}={found[name]}" for name in WAITING if name in found]
    return ", ".join(said) or "the library's own way of waiting"


def choose(wish: int | None, default: int, environ: Mapping[str, str] | None = None, cgroups: Path = CGROUPS) -> Choice:
    """Return the number of threads: what is wished for, as far as the surroundings allow it.

    Args:
        wish: `settings.threads`; None wishes for `default`.
        default: What torch takes by itself.
        environ: The environment; `OMP_NUM_THREADS` is a limit.
        cgroups: Where the limits of control groups are mounted.
    """
    allowed = limits(environ, cgroups)
    lowest = min(allowed, key=lambda name: allowed[name])
    if wish is None:
        return Choice(default, "torch's own choice") if default < allowed[lowest] else Choice(allowed[lowest], lowest)
    if wish <= allowed[lowest]:
        return Choice(wish, f"settings.threads={wish}")
    return Choice(allowed[lowest], f"settings.threads={wish}, limited by {lowest}")


def limits(environ: Mapping[str, str] | None = None, cgroups: Path = CGROUPS) -> dict[str, int]:
    """Return every limit on the number of threads that holds here: what sets it -> the number, at least 1."""
    found = os.environ if environ is None else environ
    known = {}
    said = found.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if said.isdigit() and int(said) > 0:
        known[f"OMP_NUM_THREADS={said}"] = int(said)
    quota = cgroup_cores(cgroups)
    if quota is not None:
        known[f"a cgroup quota of {quota:g} cores"] = max(1, math.ceil(quota))
    cores = os.cpu_count() or 1
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return known | {f"affinity to {affine} of {cores} cores" if affine < cores else f"{cores} cores": affine}


def cgroup_cores(root: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return how many cores the control groups of this process may use, or None without a quota.

    Version 2 has `cpu.max` ("quota period", microseconds) in each group from the root to the process's own; version 1
    `cpu.cfs_quota_us` and `cpu.cfs_period_us` below `cpu/`. The lowest holds.

    Args:
        root: Where control groups are mounted.
        own: Which groups this process is in: lines of `number:controllers:path`.
    """
    quotas = []
    for controllers, path in _groups(own):
        base = root if not controllers else root / ("cpu" if (root / "cpu").is_dir() else controllers)
        parts = Path(path.lstrip("/")).parts
        for depth in range(len(parts) + 1):
            quota = _quota(base.joinpath(*parts[:depth]), version=1 if controllers else 2)
            quotas += [] if quota is None else [quota]
    return min(quotas, default=None)


def _groups(own: Path) -> list[tuple[str, str]]:
    """Return controllers ("" in version 2) and path of each group that may have a quota of CPU time."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return [("", "")]
    fields = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [(names, path) for _, names, path in fields if not names or "cpu" in names.split(",")]


def _quota(group: Path, version: int) -> float | None:
    try:
        if version == 2:
            quota, period = (group / "cpu.max").read_text().split()[:2]
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        cores = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no quota
        return None
    return cores if cores > 0 else None
