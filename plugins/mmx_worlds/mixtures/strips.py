"""Corpus `worlds/strips`: face frames with lip shapes, visemes and identities, for the face embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from mmx import Corpus, DataError, Sample, Video


class Strips:
    """A few frames of each of several people, taken from whole clips of a corpus of talkers.

    Fields: `faces` (a tuple of videos). Targets, over all frames of all faces: `visemes` (int64 (T,)), `lips` (float32
    (T, 3)), `identity` (int64 (T,), numbered within the split).

    Args:
        talkers: Corpus of talking people, with targets `visemes`, `lips` and `speaker`.
        faces: People per strip.
        frames: Frames of each.
        face: Field of the face.

    Raises:
        DataError: The talkers lack the targets of lip reading.
    """

    fields: Mapping[str, str] = {"faces": "videos"}
    targets: Mapping[str, Sequence[str] | None] = {"visemes": None, "lips": None, "identity": None}

    def __init__(
        self,
        talkers: Corpus,
        faces: Annotated[int, Field(ge=1, le=3)] = 2,
        frames: Annotated[int, Field(ge=1)] = 8,
        face: str = "face",
    ) -> None:
        missing = {"visemes", "lips", "speaker"} - set(talkers.targets)
        if missing:
            raise DataError(
                f"the talkers have no target {', '.join(sorted(missing))}: give a trained face network by "
                "encoders.faces.weights and leave out the stage that trains one"
            )
        self._talkers, self._faces, self._count, self._face = talkers, faces, frames, face
        self.card = talkers.card
        self.digest = f"{talkers.digest[:24]}-{faces}-{frames}"

    def split(self, name: str) -> Sequence[Sample]:
        """Return the strips of a split."""
        return _Strips(self._talkers.split(name), self._faces, self._count, self._face)


class _Strips(Sequence[Sample]):
    """One strip per clip: that clip and the ones half a split further, every n-th frame of each."""

    def __init__(self, clips: Sequence[Sample], faces: int, count: int, face: str) -> None:
        self._clips, self._faces, self._count, self._face = clips, faces, count, face
        self._kept: dict[int, tuple[np.ndarray, Mapping[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        index = range(len(self))[index]
        step = max(1, len(self) // (self._faces + 1))
        found = [self._clip((index + number * step) % len(self)) for number in range(self._faces)]
        targets = {
            "visemes": np.concatenate([truth["visemes"] for _, truth in found]),
            "lips": np.concatenate([truth["lips"] for _, truth in found]),
            "identity": np.concatenate([truth["identity"] for _, truth in found]),
        }
        videos = tuple(Video(frames, 25.0) for frames, _ in found)
        return Sample(f"strip-{self._clips[index].id}", {"faces": videos}, targets)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        names = dict.fromkeys(str(clip.targets["speaker"]) for clip in self._clips)
        return {name: number for number, name in enumerate(names)}

    def _clip(self, place: int) -> tuple[np.ndarray, Mapping[str, Any]]:
        if place not in self._kept:
            clip = self._clips[place]
            frames = clip.fields[self._face].frames_THWC
            count = min(len(frames), len(clip.targets["visemes"]))
            chosen = np.linspace(place % 3, count - 1, self._count).round().astype(np.int64)
            who = self._numbers[str(clip.targets["speaker"])]
            self._kept[place] = (
                frames[chosen],
                {
                    "visemes": clip.targets["visemes"][chosen],
                    "lips": clip.targets["lips"][chosen],
                    "identity": np.full(len(chosen), who, np.int64),
                },
            )
        return self._kept[place]
