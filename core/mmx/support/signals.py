"""Handling of SIGINT, SIGTERM and SIGHUP: the step in progress ends, the run saves and leaves.

A second signal leaves at once, unless it follows so closely that it is the same wish: `timeout` and some schedulers
send theirs to the process and to its group.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What asks a run to stop; systems without terminals have no SIGHUP."""

SAME_WISH: Final = 1.0
"""Seconds within which a second signal says what the first one said."""


_DEPTH: Final = 50
"""How many errors, each the cause of the next, a signal is looked for behind."""


class Interrupted(BaseException):
    """The run was asked to stop; like KeyboardInterrupt it passes through `except Exception`.

    Args:
        number: The signal.
        saved: Whether all that was done until now is in a checkpoint.
    """

    def __init__(self, number: int, *, saved: bool = False) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number
        self.exit_code = 128 + number
        self.saved = saved


def interruption(error: BaseException) -> Interrupted | None:
    """Return the signal behind an error, None where there is none.

    Code in C that is being imported, or that has a bare `except`, turns what a signal raised into an error of its own.
    """
    found: BaseException | None = error
    for _ in range(_DEPTH):
        if found is None or isinstance(found, Interrupted):
            return found
        found = found.__cause__ or found.__context__
    return None


class Interrupt:
    """A signal that was received: kept as `number` while `deferred`, raised as `Interrupted` otherwise."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._received = 0.0
        self._deferred = False

    @contextmanager
    def handled(self) -> Iterator[Interrupt]:
        """Handle the signals inside the block, and put the old handlers back after it."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = [number for number in SIGNALS if not _left_alone(number)]
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
        now = time.monotonic()
        again = self.number is not None
        if again and now - self._received <= SAME_WISH:
            return
        if not again:
            self.number, self._received = number, now
        if again or not self._deferred:
            raise Interrupted(number)


def _left_alone(number: int) -> bool:
    """Whether the run is to go on when the terminal is closed: it was started with `nohup`."""
    return number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN


class CtrlC:
    """Whether Ctrl-C was really pressed: anybody's code may raise KeyboardInterrupt.

    Attributes:
        pressed: It was, inside the block of `noticed`.
    """

    def __init__(self) -> None:
        self.pressed = False

    @contextmanager
    def noticed(self) -> Iterator[CtrlC]:
        """Take notice of SIGINT inside the block; what handles it otherwise still does."""
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(handler):
            yield self  # it does not arrive here, or is ignored
            return

        def notice(number: int, frame: FrameType | None) -> None:
            self.pressed = True
            handler(number, frame)

        signal.signal(signal.SIGINT, notice)
        try:
            yield self
        finally:
            if signal.getsignal(signal.SIGINT) is notice:  # what a plugin sets stays
                signal.signal(signal.SIGINT, handler)
