"""Downsampling of curves: about a thousand points of each, whatever its length, are sent to MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_DENSE: Final = 500
"""Points of a key that are sent one by one; behind them every 2nd, 4th, 8th, ..."""
_LEVEL: Final = 125
"""Points that are sent before the gap doubles again: a thousand cover 4000 points, 1500 cover 64,000."""

TRAINED: Final = ("train/", "val/", "usage/items_per_second")
"""Beginnings of keys whose steps only grow: they count over all stages."""

Point = tuple[str, float, int, int]
"""Key, value, time in milliseconds, step: the arguments of an MLflow metric."""


class Thinning:
    """Decides which points of a curve are sent, so that about a thousand describe a run of any length."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._steps: dict[str, dict[int, float]] = {}
        self._highest: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._skipped: dict[str, Point] = {}

    def take(self, point: Point) -> Iterator[Point]:
        """Yield `point` if it is to be sent: not thinned out, and not a repeated step of a resumed run.

        A run that goes on from a checkpoint repeats the steps behind it. Of training they appear once, whatever the
        second value (on a GPU it may differ); of anything else a value that differs is a new one.
        """
        key, value, _, step = point
        steps = self._steps.setdefault(key, {})
        repeated = step <= self._known.get(key, step - 1)
        if steps.get(step) == value or (repeated and key.startswith(TRAINED)):
            return
        self._highest[key] = max(step, self._highest.get(key, step))
        index = self._seen.get(key, 0)
        self._seen[key] = index + 1
        if index % _stride(index):
            self._skipped[key] = point
            return
        self._skipped.pop(key, None)
        steps[step] = value
        yield point

    def resume(self) -> None:
        """Note that a run begins or goes on: it repeats steps that were seen before."""
        self._known = dict(self._highest)

    def rest(self) -> list[Point]:
        """Return the last point of each curve that was thinned out: the end of a curve is always shown."""
        last = list(self._skipped.values())
        self._skipped.clear()
        return last


def _stride(index: int) -> int:
    stride, start = 1, _DENSE
    while index >= start:
        stride *= 2
        start += _LEVEL * stride
    return stride
