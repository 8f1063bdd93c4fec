"""Suppression of what C libraries write to the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["muted"]


@contextmanager
def muted() -> Iterator[None]:
    """Keep decoders from writing past Python to standard error; errors are raised all the same.

    For one thread at a time: what others write meanwhile is lost.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed: there is nothing to mute
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (no path)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
