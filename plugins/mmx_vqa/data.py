"""Corpus `vqa/easy`: the data inside the Python package easy-vqa, read without running it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import Card, DataError, LazyFields, LazySplit, Sample, read_image, unknown_split

__all__ = ["EasyVqa"]

TYPES: Final = ("colour", "shape", "presence")
_SHARE: Final = 10
"""One image in ten of the training folder is of split val."""

CARD: Final = Card(
    title="easy-VQA",
    summary="48,248 questions about one coloured shape in an image of 64 pixels, 13 answers; drawn by a program.",
    licence="MIT (the package easy-vqa 1.0)",
    authors="Victor Zhou",
    year=2020,
    url="https://github.com/vzhou842/easy-VQA",
    synthetic=True,
    caveats=(
        "Three questions of four are answered by yes or no.",
        "One thing in each image: no question needs more than its colour or its shape.",
    ),
)


class EasyVqa:
    """Questions about one coloured shape, from the folder `data` of the package easy-vqa.

    Fields: `image`, `question`. Targets: `label` (of 13 answers), `type` of the question (colour, shape, presence),
    `image_id` (names the image: its questions are no independent items). Split `val` is a tenth of the training images.

    Args:
        path: A folder with `answers.txt`, `train/` and `test/`; by default the installed package's.
        most: Most questions of split test, evenly spread over it; null takes all.

    Raises:
        DataError: There is no such folder, or it holds something else.
    """

    fields: Mapping[str, str] = {"image": "image", "question": "text"}
    card = CARD

    def __init__(self, path: str = "", most: Annotated[int | None, Field(ge=1)] = None) -> None:
        self._folder = Path(path).expanduser() if path else _installed()
        self._names = tuple(sorted(_text(self._folder / "answers.txt").split()))
        self.targets: Mapping[str, Sequence[str] | None] = {"label": self._names, "type": TYPES, "image_id": None}
        self._rows: dict[str, list[tuple[str, str, int]]] = {"train": [], "val": []}
        for row in _questions(self._folder, "train"):
            self._rows["val" if row[2] % _SHARE == 0 else "train"].append(row)
        test = _questions(self._folder, "test")
        count = min(len(test), most or len(test))
        self._rows["test"] = [test[place * len(test) // count] for place in range(count)]
        known = json.dumps([self._names, self._rows]).encode()
        self.digest = hashlib.blake2b(b"easy-vqa" + known, digest_size=16).hexdigest()

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", images read on access."""
        if name not in self._rows:
            raise unknown_split("vqa/easy", name, tuple(self._rows))
        return LazySplit(len(self._rows[name]), partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        question, answer, picture = self._rows[split][position]
        folder = "test" if split == "test" else "train"
        makers: dict[str, Any] = {
            "image": partial(read_image, self._folder / folder / "images" / f"{picture}.png"),
            "question": partial(str, question),
        }
        targets = {
            "label": self._names.index(answer) if answer in self._names else -1,
            "type": TYPES.index(_type(question, answer)),
            "image_id": f"{folder}-{picture}",
        }
        return Sample(f"{split}-{position:06d}", LazyFields(makers), targets)


def _type(question: str, answer: str) -> str:
    if answer in ("yes", "no"):
        return "presence"
    return "colour" if "color" in question else "shape"


def _installed() -> Path:
    found = find_spec("easy_vqa")
    if found is None or found.origin is None:
        raise DataError(
            "the data of easy-vqa are not here; install them: pip install --no-deps easy-vqa "
            "(or give the folder: corpus.path=FOLDER)"
        )
    return Path(found.origin).with_name("data")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read; needed is the folder `data` of easy-vqa: {error}") from error


def _questions(folder: Path, split: str) -> list[tuple[str, str, int]]:
    """Return question, answer and image of each row of a split."""
    path = folder / split / "questions.json"
    try:
        return [(str(question), str(answer), int(image)) for question, answer, image in json.loads(_text(path))]
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: is no list of [question, answer, image]: {error}") from error
