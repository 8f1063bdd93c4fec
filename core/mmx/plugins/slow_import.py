"""Notice about slow imports: a plugin whose import takes seconds is named while it does."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Final, Self

PATIENCE: Final = 3.0
"""Seconds that something may take before it is named."""


class Patience:
    """Names on stderr whatever is at work for longer than `seconds`, once each; one thread for all of them.

    Args:
        advice: What the user can do about it; `{name}` is the name of what is at work.
        seconds: How long is too long.

    Example:
        `with Patience("go on without it: MMX_DISABLE_PLUGINS={name}") as patience: patience.on("foo", "plugin 'foo'")`
    """

    def __init__(self, advice: str, seconds: float = PATIENCE) -> None:
        self.advice = advice
        self.seconds = seconds
        self._stream = sys.stderr  # now: while a plugin is imported, sys.stderr is kept from it
        self._now: tuple[str, str, float] | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="mmx-patience", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def on(self, name: str, what: str) -> None:
        """Set what is at work from now on."""
        self._now = (name, what, time.monotonic())

    def _look(self) -> None:
        told = None
        while not self._end.wait(self.seconds / 4):
            now = self._now
            if now is None or now is told or time.monotonic() - now[2] < self.seconds:
                continue
            told = now
            print(f"waiting for {now[1]}; {self.advice.format(name=now[0])}", file=self._stream, flush=True)
