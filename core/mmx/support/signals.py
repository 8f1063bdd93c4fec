"""Handling of SIGINT and SIGTERM: the step in progress ends, the run saves and leaves; a second leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The run was asked to stop; like KeyboardInterrupt it passes through `except Exception`.

    Args:
        number: The signal.
        saved: Whether all that was done until now is in a checkpoint.
    """

    def __init__(self, number: int, *, saved: bool = False) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number
        self.saved = saved


class Interrupt:
    """A signal that was received: kept as `number` while `deferred`, raised as `Interrupted` otherwise."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._deferred = False

    @contextmanager
    def handled(self) -> Iterator[Interrupt]:
        """Handle both signals inside the block, and put the old handlers back after it."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._receive) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Note a first signal inside the block and raise nothing: the training loop asks `number` between steps."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again = self.number is not None
        self.number = number
        if again or not self._deferred:
            raise Interrupted(number)
