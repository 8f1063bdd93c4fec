"""Long items in clips: film and sound are taken in several windows whose vectors are averaged (section 4.2).

Shapes: T frames or samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmx import Audio, Cue, LazyFields, Sample, Video


class Windows(Sequence[Sample]):
    """The windows of samples as samples: window w of sample i is item i * W + w, with the number i as its id.

    Args:
        samples: Each with the field.
        field: A `Video` or an `Audio`; other values are given whole in every window.
        seconds: Length of a window.
        count: W: windows per sample, evenly spread; a value of at most one window's length is given whole.
    """

    def __init__(self, samples: Sequence[Sample], field: str, seconds: float, count: int) -> None:
        self.samples, self.field, self.seconds, self.windows = samples, field, seconds, count
        self._last: tuple[int, Any] | None = None  # windows are asked for in order: one item is decoded once

    def __len__(self) -> int:
        return len(self.samples) * self.windows

    def __getitem__(self, index: Any) -> Any:
        """Return a window; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number, window = divmod(range(len(self))[index], self.windows)
        if self._last is None or self._last[0] != number:
            self._last = (number, self.samples[number].fields.get(self.field))
        return Sample(str(number), {self.field: cut(self._last[1], self.seconds, window, self.windows)})


class Texts(Sequence[Sample]):
    """Samples with nothing but a text, under another field's name; of cues, those that are said during the clip.

    Args:
        samples: Each with the text.
        source: Field of the text.
        target: Field that the text encoder reads.
        seconds: Length of a clip.
    """

    def __init__(self, samples: Sequence[Sample], source: str, target: str, seconds: float) -> None:
        self.samples, self.source, self.target, self.seconds = samples, source, target, seconds

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        """Return a sample; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number = range(len(self))[index]
        return Sample(str(number), {self.target: during(self.samples[number].fields.get(self.source), self.seconds)})


class Still(Sequence[Sample]):
    """Samples whose film stands still at its middle picture: the control that sees no movement.

    Args:
        samples: Each with a film.
        field: Its field.
    """

    def __init__(self, samples: Sequence[Sample], field: str) -> None:
        self.samples, self.field = samples, field

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        """Return a sample; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        sample = self.samples[index]
        video = sample.fields.get(self.field)
        if isinstance(video, Video):
            middle = len(video.frames_THWC) // 2
            video = replace(video, frames_THWC=video.frames_THWC[middle : middle + 1])
        return Sample(sample.id, {self.field: video})


def having(samples: Sequence[Sample], field: str) -> list[int]:
    """Return which samples have a field; media are not decoded for that."""
    return [index for index in range(len(samples)) if _has(samples[index], field)]


def during(value: Any, seconds: float) -> Any:
    """Return the cues that are said in the first `seconds`; None for none of them, and other values as they are.

    Neighbours in time help training (MIL-NCE); what a clip is judged by must be about it.
    """
    if not isinstance(value, tuple) or not all(isinstance(each, Cue) for each in value):
        return value
    return tuple(cue for cue in value if cue.start < seconds and cue.end > 0) or None


def _has(sample: Sample, field: str) -> bool:
    if isinstance(sample.fields, LazyFields):
        return field in sample.fields
    return sample.fields.get(field) is not None


def places(length: float, seconds: float, count: int) -> list[float]:
    """Return where `count` windows begin, in seconds, evenly spread from beginning to end.

    One window is in the middle; a length of at most one window's gives its beginning alone.

    Args:
        length: Of the whole.
        seconds: Of a window.
        count: Windows.
    """
    if length <= seconds * 1.001:
        return [0.0]
    return [(window / (count - 1) if count > 1 else 0.5) * (length - seconds) for window in range(count)]


def cut(value: Any, seconds: float, window: int, count: int) -> Any:
    """Return one of `count` windows of a film or a sound, evenly spread from its beginning to its end."""
    if not isinstance(value, Video | Audio) or value.seconds <= seconds * 1.001:
        return value
    start = places(value.seconds, seconds, count)[window]
    if isinstance(value, Audio):
        first, length = round(start * value.rate), round(seconds * value.rate)
        return replace(value, samples_CT=value.samples_CT[:, first : first + length])
    first, length = round(start * value.fps), max(1, round(seconds * value.fps))
    return replace(value, frames_THWC=value.frames_THWC[first : first + length])
