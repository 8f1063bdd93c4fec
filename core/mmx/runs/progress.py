"""Progress of a run on the terminal: live bars, plain lines for logs, or nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
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

    def plan(self, stages: Sequence[tuple[str, int]]) -> None:
        """The run will train these stages, with so many steps each; the time that is left is told of all together."""

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
    """Return the numbers of one logging step as text: loss beside its chance value, validation loss, speed."""
    parts = []
    if "loss" in values:
        beside = "" if chance is None else f" (chance {chance:.4g})"
        parts.append(f"loss {values['loss']:.4g}{beside}")
    if "val" in values:
        parts.append(f"val {values['val']:.4g}")
    if "items_per_second" in values:
        parts.append(f"{values['items_per_second']:.0f} items/s")
    return "  ".join(parts)


def eta(seconds: float | None) -> str:
    """Return how long it still takes: "eta 45 s", "eta 3 min 20 s"; empty where that is not known."""
    if seconds is None:
        return ""
    whole = round(seconds)
    return f"eta {whole} s" if whole < 90 else f"eta {whole // 60} min {whole % 60} s"


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


class Remaining:
    """The time that is left: of all stages of a run together, at the pace of the present one."""

    def __init__(self) -> None:
        self._later: dict[str, int] = {}
        self._begun = 0.0
        self._start = 0
        self._steps = 0

    def plan(self, stages: Sequence[tuple[str, int]]) -> None:
        """Note which steps follow each stage."""
        self._later = {name: sum(steps for _, steps in stages[place + 1 :]) for place, (name, _) in enumerate(stages)}

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Something begins."""
        self._begun, self._start = time.perf_counter(), start
        self._steps = 0 if total is None else total + self._later.get(label, 0)

    def seconds(self, done: int) -> float | None:
        """Return the seconds that are left, None where they cannot be known."""
        if not self._steps or done <= self._start:
            return None
        return (self._steps - done) * (time.perf_counter() - self._begun) / (done - self._start)


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
            TextColumn("{task.fields[left]}"),
            console=console,
            refresh_per_second=5,
        )
        self._open: list[TaskID] = []
        self._remaining = Remaining()
        self._shown = 0.0

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal was closed
            self._bars.stop()

    def plan(self, stages: Sequence[tuple[str, int]]) -> None:
        """Know what is to come."""
        self._remaining.plan(stages)

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Add a bar."""
        with suppress(OSError):  # the terminal was closed: the bar is there, though it cannot be drawn
            self._bars.add_task(escape(printable(label)), total=total, completed=start, numbers="", left="")
        self._open.append(self._bars.task_ids[-1])
        self._remaining.begin(label, start, total)

    def step(self, done: int) -> None:
        """Move the newest bar, at most ten times a second."""
        now = time.perf_counter()
        if now - self._shown > 0.1:
            self._shown = now
            self._bars.update(self._open[-1], completed=done, left=eta(self._remaining.seconds(done)))

    def numbers(self, values: Mapping[str, float], chance: float | None) -> None:
        """Show them on the newest bar."""
        self._bars.update(self._open[-1], numbers=describe(values, chance))

    def end(self) -> None:
        """Fill the newest bar."""
        bar = self._open.pop()
        total = self._bars.tasks[self._bars.task_ids.index(bar)].total
        with suppress(OSError):
            self._bars.update(bar, completed=total, left="", refresh=True)

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
        self._remaining = Remaining()
        self._done = 0
        self._printed = 0.0

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def plan(self, stages: Sequence[tuple[str, int]]) -> None:
        """Know what is to come."""
        self._remaining.plan(stages)

    def begin(self, label: str, start: int, total: int | None) -> None:
        """Print that it begins."""
        self._remaining.begin(label, start, total)
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
        label, total, start, _ = self._open[-1]
        if not total or self._done == start:
            return f"{label}: {self._done}"
        return f"{label}: {self._done} of {total}  {eta(self._remaining.seconds(self._done))}"

    def _print(self, text: str) -> None:
        self._printed = time.perf_counter()
        _tell(text)


class Quiet(Plain):
    """Nothing but warnings."""

    def __init__(self) -> None:
        super().__init__(every=math.inf)

    def warn(self, text: str) -> None:
        """Print a warning."""
        _tell(f"warning: {text}")

    def _print(self, text: str) -> None:
        """Print nothing."""
