"""`worlds/images`: real photos and drawings with an English sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from mmx import Card, LazySplit, Sample, unknown_split
from mmx_worlds.real import index
from mmx_worlds.real.index import Media
from mmx_worlds.real.links import materials
from mmx_worlds.real.subjects import SUBJECTS, subject_of

KINDS: Final = ("photo", "clipart")
SPLITS: Final = ("train", "val", "test", "all")


CARD: Final = Card(
    title="Captioned images",
    summary="210 photos and 287 drawings, each with a label and one English sentence.",
    licence="Public domain, CC0-1.0 and (three photos) CC-BY-2.0, file by file in the media manifest",
    caveats=(
        "Small: about 50 images in split test; report an interval.",
        "Sentences were written by looking at thumbnails; those of drawings follow one template ('a drawing of ...').",
        "A few captions repeat ('a drawing of a snail'): a perfect match is not always possible.",
    ),
)


def split_of(file: str) -> str:
    """Return the split of an image: 80 % train, 10 % val, 10 % test, by a hash of its name."""
    share = int(index.rank(file)[:8], 16) / 0x1_0000_0000
    return "test" if share < 0.1 else "val" if share < 0.2 else "train"


class Images:
    """The 497 real photos and drawings of the media set with their captions.

    Fields: `image`, `caption`. Targets: `label` (what is shown), `kind` (photo or clipart), `subject` (of photos: one
    of six; -1 for others and drawings), `file`. Splits: `train`, `val`, `test` (80, 10, 10 %, by a hash of the file
    name) and `all`.

    Args:
        unseen: Only images that no training clip of `worlds/collage` or `worlds/scenes` shows.
    """

    fields: Mapping[str, str] = {"image": "image", "caption": "text"}
    card = CARD

    def __init__(self, *, unseen: bool = False) -> None:
        shown = materials()["train"].files if unseen else frozenset()
        self._images = [media for media in index.of_kind("photo", "clipart") if media.file not in shown]
        self._labels = tuple(sorted({media.label for media in self._images}))
        self.targets: Mapping[str, Sequence[str] | None] = {
            "label": self._labels,
            "kind": KINDS,
            "subject": SUBJECTS,
            "file": None,
        }
        self.digest = index.digest(
            (media.file for media in self._images),
            "images",
            [(media.caption, media.label, subject_of(media)) for media in self._images],
        )

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "all", sorted by file name."""
        if name not in SPLITS:
            raise unknown_split("worlds/images", name, SPLITS)
        chosen = [media for media in self._images if name in ("all", split_of(media.file))]
        return LazySplit(len(chosen), partial(self._sample, chosen))

    def _sample(self, chosen: Sequence[Media], position: int) -> Sample:
        media = chosen[position]
        targets = {
            "label": self._labels.index(media.label),
            "kind": KINDS.index(media.kind),
            "subject": subject_of(media),
            "file": media.file,
        }
        return Sample(media.file, {"image": index.image(media.file).copy(), "caption": media.caption}, targets)
