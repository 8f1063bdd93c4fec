"""Derived items of a split: texts of a clip under another field, and videos reduced to one frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mmx import Cue, LazyFields, Sample, Video


class Derived(Sequence[Sample]):
    """Samples of which each is computed from another when it is read.

    Args:
        samples: The original samples.
        derive: Number and original -> the derived sample.
    """

    def __init__(self, samples: Sequence[Sample], derive: Callable[[int, Sample], Sample]) -> None:
        self.samples, self.derive = samples, derive

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        """Return a sample; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number = range(len(self))[index]
        return self.derive(number, self.samples[number])


def texts(samples: Sequence[Sample], source: str, target: str, seconds: float) -> Derived:
    """Return samples that hold only a text, under another field's name and with their number as id.

    Args:
        samples: Each with the text.
        source: Field of the text; of cues, those during the clip are taken.
        target: Field that the text encoder reads.
        seconds: Length of a clip.
    """

    def derive(number: int, sample: Sample) -> Sample:
        return Sample(str(number), {target: during(sample.fields.get(source), seconds)})

    return Derived(samples, derive)


def still(samples: Sequence[Sample], field: str) -> Derived:
    """Return samples whose video is its middle frame alone: the control without motion.

    Args:
        samples: Each with a video.
        field: Field of the video.
    """

    def derive(_: int, sample: Sample) -> Sample:
        video = sample.fields.get(field)
        if isinstance(video, Video):
            middle = len(video.frames_THWC) // 2
            video = replace(video, frames_THWC=video.frames_THWC[middle : middle + 1])
        return Sample(sample.id, {field: video})

    return Derived(samples, derive)


def having(samples: Sequence[Sample], field: str) -> list[int]:
    """Return the numbers of the samples that have a field; media are not decoded for that."""
    return [index for index in range(len(samples)) if _has(samples[index], field)]


def during(value: Any, seconds: float) -> Any:
    """Return the cues within the first `seconds`; None if there are none, and values other than cues unchanged.

    Neighbouring texts help training (MIL-NCE), but a clip is judged only by texts of its own time.
    """
    if not isinstance(value, tuple) or not all(isinstance(each, Cue) for each in value):
        return value
    return tuple(cue for cue in value if cue.start < seconds and cue.end > 0) or None


def _has(sample: Sample, field: str) -> bool:
    if isinstance(sample.fields, LazyFields):
        return field in sample.fields
    return sample.fields.get(field) is not None
