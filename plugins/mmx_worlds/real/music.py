"""`worlds/music`: the real pieces of music of the media set, for demonstration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import Audio, Card, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.real import index
from mmx_worlds.real.index import Media

CARD: Final = Card(
    title="Real music",
    summary="Seven real recordings of music, each with a photo of the instrument or the scene and a caption.",
    licence="CC0-1.0, public domain and CC-BY-3.0, file by file in the media manifest",
    caveats=("Seven pieces of at most 20 s: for demonstration, too few to measure anything.",),
)


class Music:
    """The real recordings of music that come with mmx.

    Fields: `audio`, `image` (the photo that belongs to it), `caption`. Targets: `label`, `file`. Split: `all`.

    Args:
        seconds: Longest part of a file to give out.
    """

    fields: Mapping[str, str] = {"audio": "audio", "image": "image", "caption": "text"}
    card = CARD

    def __init__(self, seconds: Annotated[float, Field(gt=0, le=60)] = 20.0) -> None:
        self._files = index.of_kind("music")
        self._seconds = seconds
        self._classes = tuple(sorted({media.label for media in self._files}))
        self.targets: Mapping[str, Sequence[str] | None] = {"label": self._classes, "file": None}
        self.digest = index.digest((media.file for media in self._files), "music", seconds)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "all", sorted by file name."""
        if name != "all":
            raise unknown_split("worlds/music", name, ("all",))
        return LazySplit(len(self._files), self._sample)

    def _sample(self, position: int) -> Sample:
        media = self._files[position]
        makers: dict[str, Callable[[], Any]] = {"audio": partial(self._audio, media), "caption": lambda: media.caption}
        if media.image:
            makers["image"] = partial(index.image, media.image)
        return Sample(media.file, LazyFields(makers), {"label": self._classes.index(media.label), "file": media.file})

    def _audio(self, media: Media) -> Audio:
        audio = index.audio(media.file)
        return Audio(audio.samples_CT[:, : round(self._seconds * audio.rate)].copy(), audio.rate)
