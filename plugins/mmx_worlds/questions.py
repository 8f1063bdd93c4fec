"""`worlds/questions`: questions about drawn shapes, each with ten annotators' answers; all synthetic.

An image holds one to three things, no two of one shape or colour. Questions ask for the colour of a shape, the shape of
a colour, the number of things, and whether there is a colour, a shape, or both. Each of ten annotators gives the true
answer, or by mistake another of its kind, and writes it in one of several ways ("two" or "2", "circle" or "a circle.").
In dialogues the rounds about one image follow each other: the second speaks of "it", the third of "the other one"; of
three things the first round names one by its shape or colour, and the others ask what else "it" is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.real import index
from mmx_worlds.shapes import COLOURS, GROUND, SHAPES, Shape, stamp

__all__ = ["ANSWERS", "TYPES", "Questions", "annotated", "single"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
TYPES: Final = ("colour", "shape", "count", "presence")
NAMES: Final = tuple(COLOURS)
NUMBERS: Final = {"1": "one", "2": "two", "3": "three"}
ANSWERS: Final = (*NAMES, *SHAPES, *NUMBERS, "yes", "no")
KINDS: Final[Mapping[str, Sequence[str]]] = {
    "colour": NAMES,
    "shape": SHAPES,
    "count": tuple(NUMBERS),
    "presence": ("yes", "no"),
}
"""Type of a question -> its answers."""
ANNOTATORS: Final = 10
SPLITS: Final = ("train", "val", "test")
ROUNDS: Final = 3

CARD: Final = Card(
    title="Questions world",
    summary="Questions about the colour, shape, number and presence of drawn things, with ten answers each.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: fifteen answers and a few forms of questions; people's questions and mistakes are richer.",),
)


class Questions:
    """Questions about drawn shapes with ten annotators' answers, in four types; synthetic.

    Fields: `image`, `question`, `caption` (names all things, row by row), and in dialogues `history` (the earlier
    rounds, "" in the first). Targets: `label` (the answer that most annotators gave, of 15), `type` of the question,
    `answers` (ten, as they were written), `truth` (what is right), `round` (0, 1, ...) and `image_id` (names the image:
    the rounds about one are no independent items).

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test.
        side: Height and width of the image in pixels.
        max_objects: Most things in one image; each count is equally likely.
        noise: Standard deviation of the image's noise (pixels range over 0..1).
        error: Share of an annotator's answers that are wrong.
        rounds: Questions about each image, one after the other: above 1 a dialogue about images with two things, whose
            second question speaks of "it" and whose third of "the other one".
        things: Things in the images of a dialogue; of three, the rounds after the first ask what else "it" is.
        seed: What the samples are drawn from.
    """

    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 6000,
        val_clips: Annotated[int, Field(ge=1)] = 400,
        test_clips: Annotated[int, Field(ge=1)] = 1000,
        side: Annotated[int, Field(ge=24, le=256)] = 36,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 3,
        noise: Annotated[float, Field(ge=0, le=0.5)] = 0.05,
        error: Annotated[float, Field(ge=0, le=0.4)] = 0.1,
        rounds: Annotated[int, Field(ge=1, le=ROUNDS)] = 1,
        things: Literal[2, 3] = 2,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if rounds > 1 and max_objects < 2:
            raise ConfigError([f"rounds: {rounds} speak of another thing; max_objects must be at least 2"])
        self._lengths = dict(zip(SPLITS, (clips, val_clips, test_clips), strict=True))
        self._side, self._most, self._noise, self._error = side, max_objects, float(noise), float(error)
        self._rounds, self._about, self._seed = rounds, things, seed
        self.fields: Mapping[str, str] = {"image": "image", "question": "text", "caption": "text"}
        if rounds > 1:
            self.fields = {**self.fields, "history": "text"}
        self.targets: Mapping[str, Sequence[str] | None] = {
            "label": ANSWERS,
            "type": TYPES,
            "answers": None,
            "truth": ANSWERS,
            "round": None,
            "image_id": None,
        }
        facts = (self._lengths, side, max_objects, self._noise, self._error, rounds, seed)
        self.digest = index.digest((), "questions", VERSION, *facts, *(["three"] if things > 2 else []))

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", drawn on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/questions", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        picture, turn = divmod(position, self._rounds)
        stream = (self._seed, SPLITS.index(split), picture)
        rng = np.random.default_rng((*stream, 0))
        things = self._things(rng)
        dialogue = _dialogue if self._about < 3 else _dialogue_of_three
        asked = dialogue(rng, things) if self._rounds > 1 else [single(rng, things)]
        kind, question, truth = asked[turn]
        answers, label = annotated(np.random.default_rng((*stream, 2, turn)), kind, truth, self._error)
        earlier = " ".join(f"{question} {right}" for _, question, right in asked[:turn])
        makers: dict[str, Callable[[], Any]] = {
            "image": partial(self._image, things, (*stream, 1)),
            "question": partial(str, question),
            "caption": partial(_caption, things),
        }
        if self._rounds > 1:
            makers["history"] = partial(str, earlier)
        targets = {
            "label": ANSWERS.index(label),
            "type": TYPES.index(kind),
            "answers": answers,
            "truth": ANSWERS.index(truth),
            "round": turn,
            "image_id": f"{split}-{picture}",
        }
        return Sample(f"{split}-{self._seed}-{position:06d}", LazyFields(makers), targets)

    def _things(self, rng: np.random.Generator) -> list[Shape]:
        """Draw what an image holds: no two things of one shape or colour."""
        count = self._about if self._rounds > 1 else int(rng.integers(1, self._most + 1))
        shapes, colours = (rng.choice(many, size=count, replace=False) for many in (len(SHAPES), len(NAMES)))
        cells = rng.choice(9, size=count, replace=False)
        shifts = rng.uniform(-self._side / 32, self._side / 32, (count, 2))
        sizes = rng.integers(2, size=count)
        return [
            Shape(int(shape), int(colour), int(cell), ("small", "large")[int(size)], (float(right), float(down)))
            for shape, colour, cell, size, (right, down) in zip(shapes, colours, cells, sizes, shifts, strict=True)
        ]

    def _image(self, things: Sequence[Shape], seed: Sequence[int]) -> np.ndarray:
        """Draw the image: uint8 (side, side, 3)."""
        pixels_HWC = np.full((self._side, self._side, 3), GROUND)
        cell = self._side / 3
        for thing in things:
            right, down = thing.offset
            centre = (cell * (thing.cell % 3 + 0.5) + right, cell * (thing.cell // 3 + 0.5) + down)
            pixels_HWC[stamp(thing.shape, thing.size, centre, self._side)] = COLOURS[NAMES[thing.colour]]
        pixels_HWC += self._noise * np.random.default_rng(seed).standard_normal(pixels_HWC.shape)
        return np.asarray(np.clip(255 * pixels_HWC, 0, 255), np.uint8)


Asked = tuple[str, str, str]
"""Type, question and right answer."""


def single(rng: np.random.Generator, things: Sequence[Shape]) -> Asked:
    """Draw a question that needs no other; each type is equally likely, where there is a thing that it can be about.

    A question for a colour names a shape that only one thing has, one for a shape a colour that only one thing has.
    """
    kind = TYPES[int(rng.integers(len(TYPES)))]
    named = [each.shape if kind == "colour" else each.colour for each in things]
    about = [each for each, name in zip(things, named, strict=True) if named.count(name) == 1]
    kind = kind if about or kind not in ("colour", "shape") else "count"
    about = about if kind in ("colour", "shape") else list(things)
    thing, form = about[int(rng.integers(len(about)))], int(rng.integers(2))
    shape, colour = SHAPES[thing.shape], NAMES[thing.colour]
    if kind == "colour":
        return kind, (f"what colour is the {shape}?", f"which colour does the {shape} have?")[form], colour
    if kind == "shape":
        return kind, (f"what shape is the {colour} thing?", f"which shape does the {colour} thing have?")[form], shape
    if kind == "count":
        return kind, ("how many things are there?", "how many things do you see?")[form], str(len(things))
    what, there = _looked_for(rng, things)
    return kind, (f"is there a {what}?", f"do you see a {what}?")[form], "yes" if there else "no"


def _looked_for(rng: np.random.Generator, things: Sequence[Shape]) -> tuple[str, bool]:
    """Draw what is asked for, and whether it is there (as often as not)."""
    there = bool(rng.random() < 0.5)
    pairs = {(thing.shape, thing.colour) for thing in things}
    way = ("colour", "shape", "both")[int(rng.integers(3))]
    if way == "both":
        every = [(shape, colour) for shape in range(len(SHAPES)) for colour in range(len(NAMES))]
        # Half of what is not there has the shape of one thing and the colour of another: both words count.
        mixed = [(a.shape, b.colour) for a in things for b in things if (a.shape, b.colour) not in pairs]
        absent = mixed if mixed and rng.random() < 0.5 else [pair for pair in every if pair not in pairs]
        chosen = sorted(pairs) if there else absent
        shape, colour = chosen[int(rng.integers(len(chosen)))]
        return f"{NAMES[colour]} {SHAPES[shape]}", there
    names, seen = (NAMES, {c for _, c in pairs}) if way == "colour" else (SHAPES, {s for s, _ in pairs})
    chosen_names = [name for number, name in enumerate(names) if (number in seen) == there]
    name = chosen_names[int(rng.integers(len(chosen_names)))]
    return (f"{name} thing" if way == "colour" else name), there


def _dialogue(rng: np.random.Generator, things: Sequence[Shape]) -> list[Asked]:
    """Draw three rounds about two things: one is named, then it is "it", then the other is "the other one"."""
    first, other = (things[each] for each in rng.permutation(2))
    by_colour = bool(rng.random() < 0.5)
    opening: Asked = (
        ("shape", f"what shape is the {NAMES[first.colour]} thing?", SHAPES[first.shape])
        if by_colour
        else ("colour", f"what colour is the {SHAPES[first.shape]}?", NAMES[first.colour])
    )
    left = first.cell % 3, other.cell % 3
    row = first.cell // 3, other.cell // 3
    middle = (
        ("is it left of the other one?", left[0] < left[1])
        if left[0] != left[1]
        else ("is it above the other one?", row[0] < row[1])
    )
    closing: Asked = (
        ("colour", "what colour is the other one?", NAMES[other.colour])
        if rng.random() < 0.5
        else ("shape", "what shape is the other one?", SHAPES[other.shape])
    )
    return [opening, ("presence", middle[0], "yes" if middle[1] else "no"), closing]


def _dialogue_of_three(rng: np.random.Generator, things: Sequence[Shape]) -> list[Asked]:
    """Draw three rounds about one of three things: the first names it, then it is "it", and history tells which."""
    thing = things[int(rng.integers(len(things)))]
    shape, colour = SHAPES[thing.shape], NAMES[thing.colour]
    named = shape if rng.random() < 0.5 else f"{colour} thing"
    # Drawn apart from the name, so that neither history nor question alone tells what is asked.
    closing: Asked = (
        ("colour", "what colour is it?", colour) if rng.random() < 0.5 else ("shape", "what shape is it?", shape)
    )
    size = "yes" if thing.size == "large" else "no"
    return [("presence", f"is there a {named}?", "yes"), ("presence", "is it large?", size), closing]


def _caption(things: Sequence[Shape]) -> str:
    """Return all things, row by row."""
    ordered = sorted(things, key=lambda thing: thing.cell)
    return " and ".join(thing.words(with_size=False, with_place=False) for thing in ordered)


def annotated(rng: np.random.Generator, kind: str, truth: str, error: float) -> tuple[list[str], str]:
    """Return ten answers as they were written, and the most frequent of them (the true one among equals).

    Args:
        rng: Draws mistakes, and how answers are written.
        kind: Type of the question.
        truth: Right answer.
        error: Share of wrong answers.
    """
    others = [answer for answer in KINDS[kind] if answer != truth]
    plain = [
        others[int(rng.integers(len(others)))] if others and rng.random() < error else truth for _ in range(ANNOTATORS)
    ]
    counted = Counter(plain)
    label = max(counted, key=lambda answer: (counted[answer], answer == truth))
    return [_written(rng, kind, answer) for answer in plain], label


def _written(rng: np.random.Generator, kind: str, answer: str) -> str:
    """Return an answer in one of the ways that people write it."""
    way = int(rng.integers(4))
    if way == 0:
        return f"{answer.capitalize()}."
    if way == 1 and kind == "count":
        return NUMBERS[answer]
    if way == 1 and kind == "shape":
        return f"a {answer}"
    return answer
