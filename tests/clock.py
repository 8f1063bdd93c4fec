"""Time that a test may limit on a machine that is busy with other work."""

from __future__ import annotations

import time
from pathlib import Path


def slept() -> float:
    """Return a clock, in seconds, that stands still while this thread works or waits for a core.

    Between two readings lies what the thread waited for others: a server, a lock, the disk. Linux counts the rest.
    """
    worked, queued, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return time.monotonic() - (int(worked) + int(queued)) / 1e9
