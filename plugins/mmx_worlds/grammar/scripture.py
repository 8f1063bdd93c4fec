"""`worlds/scripture`: real text, the King James Bible, with analogy questions about its words."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import AssetError, Card, LazySplit, Sample, unknown_split

_LARGEST: Final = 64 << 20
SPLITS: Final = ("train", "val", "test")

PAIRS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "male and female": (
        ("man", "woman"), ("king", "queen"), ("son", "daughter"), ("sons", "daughters"), ("brother", "sister"),
        ("father", "mother"), ("husband", "wife"), ("he", "she"), ("his", "her"), ("men", "women"),
    ),
    "singular and plural": (
        ("king", "kings"), ("city", "cities"), ("day", "days"), ("son", "sons"), ("priest", "priests"),
        ("prophet", "prophets"), ("river", "rivers"), ("tree", "trees"), ("house", "houses"), ("year", "years"),
        ("servant", "servants"), ("word", "words"),
    ),
    "base and third person": (
        ("go", "goeth"), ("come", "cometh"), ("say", "saith"), ("know", "knoweth"), ("make", "maketh"),
        ("give", "giveth"), ("keep", "keepeth"), ("love", "loveth"), ("hear", "heareth"), ("see", "seeth"),
    ),
}  # fmt: skip
"""Pairs of words that are related alike; every two pairs of a section make four questions."""
SECTIONS: Final = tuple(PAIRS)

CARD: Final = Card(
    title="King James Bible",
    summary="Real English of 1611: 0.8 million words, and analogy questions about its common words.",
    url="https://github.com/avendesora/pythonbible",
    licence="Public domain (Crown letters patent in the United Kingdom)",
    caveats=("A thousandth of the text that word vectors are usually learnt from, and of one kind.",),
)


class Scripture:
    """The King James Bible in passages, and analogy questions.

    Split train has passages (field `text`), val and test have questions (field `question`, targets `answer`, `section`
    and `pair`: the related pair that is asked for). Every fourth pair is asked for in split val.

    Args:
        path: The text (`asset:worlds/king-james`).
        words: Most words of a passage; whole sentences, unless one is longer.

    Raises:
        AssetError: The file is not that text.
    """

    fields: Mapping[str, str] = {"text": "text", "question": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"answer": None, "section": SECTIONS, "pair": None}
    card = CARD

    def __init__(self, path: str, words: Annotated[int, Field(ge=8, le=1000)] = 60) -> None:
        text = _stored(Path(path))
        self._passages = list(passages(text, words))
        self.digest = hashlib.sha256(f"{words} {text}".encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"."""
        if name not in SPLITS:
            raise unknown_split("worlds/scripture", name, SPLITS)
        if name == "train":
            return LazySplit(len(self._passages), partial(_passage, self._passages))
        return [each for each, held in questions() if held == (name == "val")]


def questions() -> list[tuple[Sample, bool]]:
    """Return all questions in both directions, each with whether split val asks it."""
    found: list[tuple[Sample, bool]] = []
    for section, pairs in enumerate(PAIRS.values()):
        for number, asked in enumerate(pairs):
            for given in pairs:
                for (a, b), (c, d) in ((given, asked), (given[::-1], asked[::-1])):
                    if given == asked or len({a, b, c, d}) < 4:
                        continue
                    truth: dict[str, Any] = {"answer": d, "section": section, "pair": " ".join(asked)}
                    found.append((Sample(f"{a}-{b}-{c}", {"question": f"{a} {b} {c}"}, truth), number % 4 == 0))
    return found


def passages(text: str, words: int) -> Iterator[str]:
    """Yield passages of at most `words` words, whole sentences of one paragraph."""
    for paragraph in text.splitlines():
        held: list[str] = []
        count = 0
        for sentence in re.split(r"(?<=[.?!:;])\s+", paragraph):
            size = len(sentence.split())
            if held and count + size > words:
                yield " ".join(held)
                held, count = [], 0
            if size:
                held.append(sentence)
                count += size
        if held:
            yield " ".join(held)


def convert_text(source: Path) -> dict[str, np.ndarray]:
    """Return the longest string of a Python file as bytes, without brackets around added words; nothing is run.

    Raises:
        AssetError: It has no such string.
    """
    try:
        tree = ast.parse(source.read_text("utf-8"))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise AssetError(f"{source}: not a Python file: {error}") from error
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    text = max(strings, key=len, default="").translate({ord("["): None, ord("]"): None}).strip()
    if not text:
        raise AssetError(f"{source}: no text in it")
    return {"text": np.frombuffer(text.encode(), np.uint8).copy()}


def _stored(path: Path) -> str:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if path.stat().st_size > _LARGEST:
            raise AssetError(f"{path}: larger than {_LARGEST >> 20} MB")
        return str(load_file(path)["text"].tobytes(), "utf-8")
    except (OSError, SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise AssetError(f"{path}: not the text of asset:worlds/king-james: {error}") from error


def _passage(held: Sequence[str], position: int) -> Sample:
    return Sample(f"passage-{position:06d}", {"text": held[position]})
