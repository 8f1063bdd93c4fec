"""Windows of long videos and recordings: evenly spread cuts whose vectors a task averages.

Shapes: T frames or samples, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mmx import Audio, DataError, Sample, Video

__all__ = ["Windows", "cut", "starts"]

TOLERANCE: Final = 1.001
"""Length, in windows, up to which a value is one window: encoded videos end a little late."""


class Windows(Sequence[Sample]):
    """The windows of samples as samples: window w of sample i is item i * W + w, with the number i as its id.

    Windows are read in order, so the last sample's are kept: each video or recording is decoded once.

    Args:
        samples: Each with the field.
        field: Field of a `Video` or an `Audio`; other values are given whole in every window.
        seconds: Length of a window.
        count: W: windows per sample, evenly spread; a value of at most one window's length is given whole.
    """

    def __init__(self, samples: Sequence[Sample], field: str, seconds: float, count: int) -> None:
        self.samples, self.field, self.seconds, self.windows = samples, field, seconds, count
        self._last: tuple[int, list[Any]] | None = None

    def __len__(self) -> int:
        return len(self.samples) * self.windows

    def __getitem__(self, index: Any) -> Any:
        """Return a window; a slice gives a list.

        Raises:
            DataError: The sample has no such field.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number, window = divmod(range(len(self))[index], self.windows)
        return Sample(str(number), {self.field: self._cut(number)[window]})

    def _cut(self, number: int) -> list[Any]:
        if self._last is None or self._last[0] != number:
            sample = self.samples[number]
            value = sample.fields.get(self.field)
            if value is None:
                raise DataError(f"{sample.id}: no {self.field}")
            self._last = number, cut(value, self.seconds, self.windows)
        return self._last[1]


def starts(length: float, seconds: float, count: int) -> list[float]:
    """Return where `count` windows begin, in seconds, evenly spread from beginning to end.

    One window is in the middle; a length of at most one window's gives its beginning alone.

    Args:
        length: Of the whole, in seconds.
        seconds: Of a window.
        count: Windows.
    """
    if length <= seconds * TOLERANCE:
        return [0.0]
    return [(window / (count - 1) if count > 1 else 0.5) * (length - seconds) for window in range(count)]


def cut(value: Any, seconds: float, count: int) -> list[Any]:
    """Return `count` windows of a video or a recording, evenly spread from its beginning to its end.

    Windows are views. A value of at most one window's length, and one that is neither `Video` nor `Audio`, is given
    whole, `count` times.

    Args:
        value: Of a sample's field.
        seconds: Length of a window.
        count: Windows.
    """
    if not isinstance(value, Video | Audio) or value.seconds <= seconds * TOLERANCE:
        return [value] * count
    return [_window(value, start, seconds) for start in starts(value.seconds, seconds, count)]


def _window(value: Video | Audio, start: float, seconds: float) -> Video | Audio:
    if isinstance(value, Audio):
        first, length = round(start * value.rate), round(seconds * value.rate)
        return replace(value, samples_CT=value.samples_CT[:, first : first + length])
    first, length = round(start * value.fps), max(1, round(seconds * value.fps))
    return replace(value, frames_THWC=value.frames_THWC[first : first + length])
