"""`worlds/recipes`: images of dishes, and their recipes as two texts, of which each tells one half; all synthetic.

What is in a dish is told by its ingredients, what was done to it by its instructions, which name no ingredient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.real import index

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test")
COLOURS: Final[Mapping[str, tuple[float, float, float]]] = {
    "tomato": (0.90, 0.15, 0.12),
    "spinach": (0.12, 0.60, 0.18),
    "carrot": (0.98, 0.52, 0.08),
    "beetroot": (0.62, 0.10, 0.50),
    "corn": (0.98, 0.88, 0.20),
    "onion": (0.88, 0.80, 0.92),
    "plum": (0.25, 0.25, 0.80),
    "mushroom": (0.62, 0.56, 0.50),
}
"""Ingredient -> its colour; the first ones are the main ingredient most often, in proportion to 1 / rank."""
STAPLES: Final = ("salt", "oil", "water", "sugar", "pepper")
"""Ingredients that are listed and not seen."""
CUTS: Final[Mapping[str, Sequence[str]]] = {
    "whole": ("Wash everything and leave it whole.", "Clean all of it, do not cut."),
    "sliced": ("Cut everything into long slices.", "Slice all of it."),
    "diced": ("Dice everything.", "Chop all of it into small cubes."),
}
COOKED: Final[Mapping[str, Sequence[str]]] = {
    "fried": ("Fry it in a hot pan.", "Fry until the edges are dark."),
    "baked": ("Bake it in the oven.", "Put it into the oven until it is brown."),
    "boiled": ("Boil it for ten minutes.", "Let it simmer in a pot."),
}
SERVED: Final[Mapping[str, tuple[tuple[float, float, float], Sequence[str]]]] = {
    "plate": ((0.93, 0.93, 0.90), ("Serve on a plate.", "Arrange on a large plate.")),
    "board": ((0.72, 0.50, 0.28), ("Serve on a wooden board.", "Bring to the table on a board.")),
    "bowl": ((0.20, 0.30, 0.45), ("Serve in a bowl.", "Fill into a deep bowl.")),
}
HERBS: Final = ("Sprinkle with herbs.", "Add the herbs.")
"""Said before the cooking (herbs turn dark) or after it (they stay green)."""
IDLE: Final = ("Let it rest.", "Taste it.", "Heat the kitchen.")
"""Steps that are not seen."""
CLASSIC: Final = 4
"""Main ingredients, the most frequent, whose titles are classes."""
BACKGROUND: Final = "background"
CLASSES: Final = (BACKGROUND, *(f"{cooked} {main}" for main in tuple(COLOURS)[:CLASSIC] for cooked in COOKED))
Told = Literal["both", "ingredients", "instructions"]

TABLE: Final = (0.55, 0.45, 0.40)
BROWN: Final = np.array((0.42, 0.26, 0.12))
BROTH: Final = np.array((0.80, 0.85, 0.70))
RADIUS: Final = 0.46
"""Of plate and bowl, and half the side of the board, as a share of the image's side."""
PIECES: Final = {"whole": 5, "sliced": 9, "diced": 18}
MAIN: Final = 0.65
"""Share of the pieces that the main ingredient has."""

CARD: Final = Card(
    title="Recipes world",
    summary="Drawn dishes: ingredients in one text, instructions in another, and neither alone tells the dish.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: eight vegetables and fruits as coloured pieces. It says nothing about photos of food.",),
)


@dataclass(frozen=True, slots=True)
class Dish:
    """One dish: what is in it, and what was done to it.

    Attributes:
        main: Main ingredient, in `COLOURS`.
        second: Another one.
        cut: In `CUTS`.
        cooked: In `COOKED`.
        green: Herbs were added after the cooking.
        served: In `SERVED`.
    """

    main: str
    second: str
    cut: str
    cooked: str
    green: bool
    served: str

    @property
    def name(self) -> str:
        """Every fact; equal dishes have equal names."""
        herbs = "green" if self.green else "dark"
        return f"{self.cooked} {self.main} with {self.second}, {self.cut}, {herbs} herbs, {self.served}"

    @property
    def label(self) -> int:
        """Index of its title in `CLASSES`: how it was cooked and its main ingredient; 0 where that is rare."""
        title = f"{self.cooked} {self.main}"
        return CLASSES.index(title) if title in CLASSES else 0


class Recipes:
    """Images of dishes, and their recipe in two texts; synthetic and exact.

    Fields: `image` (uint8 RGB), `ingredients` ("tomato, salt, corn": the main one first, and one or two that are not
    seen), `instructions` (sentences in order; herbs before or after the cooking look different). Targets: `class`
    (title: how it was cooked and its main ingredient, 0 = background where the main ingredient is not among the four
    most frequent), `main`, `cooked`, `dish` (every fact in words, for losses and tasks to which equal dishes are one:
    `positives: dish`).

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test.
        side: Height and width of the image in pixels.
        noise: Standard deviation of the image's noise; pixels range over 0..1.
        told: Which of the two texts is told (controls); the other one is empty.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"image": "image", "ingredients": "text", "instructions": "text"}
    targets: Mapping[str, Sequence[str] | None] = {
        "class": CLASSES,
        "main": tuple(COLOURS),
        "cooked": tuple(COOKED),
        "dish": None,
    }
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 4000,
        val_clips: Annotated[int, Field(ge=1)] = 200,
        test_clips: Annotated[int, Field(ge=1)] = 300,
        side: Annotated[int, Field(ge=24, le=256)] = 48,
        noise: Annotated[float, Field(ge=0, le=0.5)] = 0.04,
        told: Told = "both",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._lengths = {"train": clips, "val": val_clips, "test": test_clips}
        self._side, self._noise, self._told, self._seed = side, noise, told, seed
        facts = (dict(self._lengths), side, float(noise), told, seed)
        self.digest = index.digest((), "recipes", VERSION, *facts)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test", rendered on access."""
        if name not in self._lengths:
            raise unknown_split("worlds/recipes", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        stream = (self._seed, SPLITS.index(split), position)
        rng = np.random.default_rng((*stream, 0))
        dish = _draw(rng)
        ingredients, instructions = _ingredients(dish, rng), _instructions(dish, rng)
        fields = LazyFields(
            {
                "image": partial(_image, dish, self._side, self._noise, (*stream, 1)),
                "ingredients": partial(str, ingredients if self._told != "instructions" else ""),
                "instructions": partial(str, instructions if self._told != "ingredients" else ""),
            }
        )
        truth = {
            "class": dish.label,
            "main": tuple(COLOURS).index(dish.main),
            "cooked": tuple(COOKED).index(dish.cooked),
            "dish": dish.name,
        }
        return Sample(f"{split}-{self._seed}-{position:06d}", fields, truth)


def _draw(rng: np.random.Generator) -> Dish:
    weights = 1 / np.arange(1, len(COLOURS) + 1)
    main = int(rng.choice(len(COLOURS), p=weights / weights.sum()))
    second = (main + int(rng.integers(1, len(COLOURS)))) % len(COLOURS)
    cut, cooked, served = (_one(tuple(table), rng) for table in (CUTS, COOKED, SERVED))
    names = tuple(COLOURS)
    return Dish(names[main], names[second], cut, cooked, bool(rng.integers(2)), served)


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _ingredients(dish: Dish, rng: np.random.Generator) -> str:
    """Return the list: the main ingredient, then the second among one or two that are not seen."""
    rest = [dish.second, *rng.choice(STAPLES, size=int(rng.integers(1, 3)), replace=False).tolist()]
    return ", ".join([dish.main, *(rest[place] for place in rng.permutation(len(rest)))])


def _instructions(dish: Dish, rng: np.random.Generator) -> str:
    """Return the sentences in order, with one at some place that changes nothing."""
    cooking = [_one(COOKED[dish.cooked], rng), _one(HERBS, rng)]
    steps = [_one(CUTS[dish.cut], rng), *(cooking if dish.green else cooking[::-1])]
    steps.insert(int(rng.integers(len(steps) + 1)), _one(IDLE, rng))
    return " ".join([*steps, _one(SERVED[dish.served][1], rng)])


def _image(dish: Dish, side: int, noise: float, seed: tuple[int, ...]) -> np.ndarray:
    """Return the image, uint8 (side, side, 3): table, plate, pieces as cut and cooked, herbs."""
    rng = np.random.default_rng(seed)
    y_H1, x_1W = np.ogrid[0.5:side, 0.5:side]
    x_1W, y_H1 = x_1W / side - 0.5, y_H1 / side - 0.5  # the centre is 0, 0
    image_HWC = np.empty((side, side, 3))
    image_HWC[:] = TABLE
    round_HW = x_1W**2 + y_H1**2 <= RADIUS**2
    square_HW = (abs(x_1W) <= RADIUS) & (abs(y_H1) <= RADIUS)
    image_HWC[square_HW if dish.served == "board" else round_HW] = SERVED[dish.served][0]
    if dish.cooked == "boiled":
        broth_HW = x_1W**2 + y_H1**2 <= (0.85 * RADIUS) ** 2
        image_HWC[broth_HW] = 0.35 * image_HWC[broth_HW] + 0.65 * BROTH
    count = PIECES[dish.cut]
    mains = round(MAIN * count)
    for number in rng.permutation(count):
        colour = np.array(COLOURS[dish.main if number < mains else dish.second])
        inner_HW, outer_HW = _piece(dish.cut, rng, x_1W, y_H1)
        image_HWC[outer_HW] = 0.35 * BROWN if dish.cooked == "fried" else _cooked(colour, dish.cooked)
        image_HWC[inner_HW] = _cooked(colour, dish.cooked)
    for _ in range(14):
        centre = _place(rng)
        speck_HW = (abs(x_1W - centre[0]) <= 0.016) & (abs(y_H1 - centre[1]) <= 0.016)
        image_HWC[speck_HW] = (0.35, 0.95, 0.30) if dish.green else (0.08, 0.10, 0.05)
    image_HWC += rng.normal(0, noise, image_HWC.shape)
    return (255 * image_HWC.clip(0, 1)).round().astype(np.uint8)


def _cooked(colour: np.ndarray, cooked: str) -> np.ndarray:
    """Return the colour of a piece: baked it is browner, boiled paler."""
    if cooked == "baked":
        return 0.62 * colour + 0.38 * BROWN
    return 0.75 * colour + 0.25 * BROTH if cooked == "boiled" else colour


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """Return a point on the plate, evenly over its inner part."""
    radius, angle = 0.72 * RADIUS * np.sqrt(rng.random()), 2 * np.pi * rng.random()
    return float(radius * np.cos(angle)), float(radius * np.sin(angle))


def _piece(cut: str, rng: np.random.Generator, x_1W: np.ndarray, y_H1: np.ndarray) -> tuple[Any, Any]:
    """Return which pixels (side, side) are the piece without its edge, and with it."""
    centre, turn = _place(rng), np.pi * rng.random()
    x_HW, y_HW = x_1W - centre[0], y_H1 - centre[1]
    along_HW = x_HW * np.cos(turn) + y_HW * np.sin(turn)
    across_HW = y_HW * np.cos(turn) - x_HW * np.sin(turn)
    if cut == "whole":
        away_HW = np.hypot(along_HW, across_HW) - 0.12
    elif cut == "sliced":
        away_HW = np.maximum(abs(along_HW) - 0.15, abs(across_HW) - 0.045)
    else:
        away_HW = np.maximum(abs(along_HW), abs(across_HW)) - 0.045
    return away_HW <= -0.02, away_HW <= 0
