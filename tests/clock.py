"""Time that a test may limit on a machine that is busy with other work."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def slept() -> float:
    """Return a clock, in seconds, that stands still while this thread works or waits for a core.

    Between two readings lies what the thread waited for others: a server, a lock, the disk. Linux counts the rest.
    """
    worked, queued, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return time.monotonic() - (int(worked) + int(queued)) / 1e9


_used: dict[str, float] = {}
"""Thread -> seconds that it has worked or waited for a core; of one that has ended, as it was seen last."""


def idle() -> float:
    """Return a clock, in seconds, that stands still while any thread of this process works or waits for a core.

    Between two readings lies what all of them waited for others. A thread that holds the interpreter's lock and waits
    for a core does not count as waiting, as it does by `slept` of a thread that wants the lock. Where two threads work
    at once, it goes back.
    """
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended
            worked, queued, _ = (task / "schedstat").read_text().split()
            _used[task.name] = (int(worked) + int(queued)) / 1e9
    return time.monotonic() - sum(_used.values())
