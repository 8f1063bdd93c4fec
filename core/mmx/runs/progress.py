"""What a person sees while a run works: live bars, plain lines for logs, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmx.support.text import printable

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


class Display(Protocol):
    """Shows stages, numbers and messages; a context manager around a run."""

    def __enter__(self) -> Display:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; also after an error."""

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Something with `total` steps begins at `start`."""

    def step(self, done: int) -> None:
        """`done` steps of it are done; cheap."""

    def numbers(self, values: Mapping[str, float], chance: float | None) -> None:
        """Newest loss and speed of what is running."""

    def end(self) -> None:
        """What was begun last is over."""

    def say(self, text: str) -> None:
        """Show one line."""

    def warn(self, text: str) -> None:
        """Show one warning."""


def describe(values: Mapping[str, float], chance: float | None) -> str:
    """Return the numbers of one logging step as text: the loss beside its chance value, and the speed."""
    parts = []
    if "loss" in values:
        beside = "" if chance is None else f" (chance {chance:.4g})"
        parts.append(f"loss {values['loss']:.4g}{beside}")
    if "items_per_second" in values:
        parts.append(f"{values['items_per_second']:.0f} items/s")
    return "  ".join(parts)


def _tell(text: str) -> None:
    """Print a line for a person; a terminal that was closed, or a full disk behind it, does not end a run."""
    with suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)


def track(display: Display, items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while `display` shows how many are done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    display.begin(label, 0, total)
    for done, item in enumerate(items, 1):
        yield item
        display.step(done)
    display.end()


class Live:
    """Bars that move, on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=5,
        )
        self._open: list[TaskID] = []
        self._shown = 0.0

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal was closed
            self._bars.stop()

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Add a bar."""
        self._open.append(self._bars.add_task(escape(printable(label)), total=total, completed=start, numbers=""))

    def step(self, done: int) -> None:
        """Move the newest bar, at most ten times a second."""
        now = time.perf_counter()
        if now - self._shown > 0.1:
            self._shown = now
            self._bars.update(self._open[-1], completed=done)

    def numbers(self, values: Mapping[str, float], chance: float | None) -> None:
        """Show them on the newest bar."""
        self._bars.update(self._open[-1], numbers=describe(values, chance))

    def end(self) -> None:
        """Fill the newest bar."""
        bar = self._open.pop()
        total = self._bars.tasks[self._bars.task_ids.index(bar)].total
        with suppress(OSError):
            self._bars.update(bar, completed=total, refresh=True)

    def say(self, text: str) -> None:
        """Print above the bars."""
        self._print(escape(printable(text)))

    def warn(self, text: str) -> None:
        """Print above the bars, marked."""
        self._print(f"[yellow]warning:[/yellow] {escape(printable(text))}")

    def _print(self, marked: str) -> None:
        with suppress(OSError):
            self.console.print(marked, highlight=False, soft_wrap=True)


class Plain:
    """Lines for logs: one at most every `every` seconds."""

    def __init__(self, every: float = 2.0) -> None:
        self.every = every
        self._open: list[tuple[str, int | None, int, float]] = []
        self._done = 0
        self._printed = 0.0

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Print that it begins."""
        self._open.append((label, total, start, time.perf_counter()))
        self._done = start
        self._print(
            f"{label}: 0 of {total}" if total is not None and start == 0 else f"{label}: from {start} of {total}"
        )

    def step(self, done: int) -> None:
        """Remember, and print now and then for work that has no numbers."""
        self._done = done
        if time.perf_counter() - self._printed > 5 * self.every:
            self._print(self._where())

    def numbers(self, values: Mapping[str, float], chance: float | None) -> None:
        """Print them, unless the last line is too new."""
        if time.perf_counter() - self._printed > self.every:
            self._print(f"{self._where()}  {describe(values, chance)}")

    def end(self) -> None:
        """Print how long it took."""
        label, _, _, begun = self._open.pop()
        self._print(f"{label}: done in {time.perf_counter() - begun:.1f} s")

    def say(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._print(f"warning: {text}")

    def _where(self) -> str:
        label, total, start, begun = self._open[-1]
        if not total or self._done == start:
            return f"{label}: {self._done}"
        left = (total - self._done) * (time.perf_counter() - begun) / (self._done - start)
        return f"{label}: {self._done} of {total}  eta {left:.0f} s"

    def _print(self, text: str) -> None:
        self._printed = time.perf_counter()
        _tell(text)


class Quiet:
    """Nothing but warnings."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Say nothing."""

    def step(self, done: int) -> None:
        """Say nothing."""

    def numbers(self, values: Mapping[str, float], chance: float | None) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Print a warning."""
        _tell(f"warning: {text}")
