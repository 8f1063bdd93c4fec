"""`worlds/shapes`: coloured shapes in image, audio, text and sensors, with exact truth; all synthetic.

A shape has a fundamental tone, a colour has overtones and a rate of pulses; a small shape is quieter.
All fields describe the same things, so a model that links any two of them can be checked exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Audio, Card, ConfigError, LazyFields, LazySplit, Sample, Signal, unknown_split
from mmx_worlds import sensors
from mmx_worlds.real import index

VERSION: Final = 2
"""Part of the digest: raise it when the same parameters would give other samples."""
SHAPES: Final = ("circle", "square", "triangle", "cross")
COLOURS: Final[Mapping[str, tuple[float, float, float]]] = {
    "red": (0.9, 0.15, 0.15),
    "green": (0.15, 0.8, 0.2),
    "blue": (0.2, 0.3, 0.95),
    "yellow": (0.95, 0.9, 0.15),
    "purple": (0.7, 0.2, 0.85),
    "white": (0.95, 0.95, 0.95),
}
CLASSES: Final = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""Index = shape * number of colours + colour."""
SPLITS: Final = ("train", "val", "test", "novel", "pairs")
GLIDES: Final = ("rising", "falling")
TEMPLATES: Final = ("{}", "a picture of {}", "there is {}", "{} on a dark ground")
Said = Literal["all", "no-colour", "no-shape"]
"""What captions say of colour and shape."""
ROWS: Final = ("top", "middle", "bottom")
COLUMNS: Final = ("left", "centre", "right")

GROUND: Final = 0.12
RADIUS: Final = {"large": 0.38, "small": 0.26}
"""Radius as a share of a cell."""
CENTRED: Final = 2.0
"""How much larger a thing is that stands alone in the centre."""
MIDDLE: Final = 4
"""The cell in the centre."""
BANDS: Final = 40
FRAMES: Final = 64
FUNDAMENTALS: Final = (4, 9, 14, 19)
"""Shape -> band of its fundamental."""
OVERTONES: Final = ((0,), (0, 6), (0, 6, 12), (0, 10), (0, 3), (0, 14))
"""Colour -> bands above the fundamental."""
PULSES: Final = (2, 3, 4, 6, 8, 11)
"""Colour -> pulses per clip."""
GLIDE: Final = 4.0
"""Bands over which all tones of a clip rise or fall."""
NEAR: Final = {"large": 0.85, "small": 0.5}
"""Disparity of a thing: a large one is near."""
WARM: Final = (0.95, 0.55, 0.25, 0.7, 0.4, 0.82)
"""Colour -> temperature."""

CARD: Final = Card(
    title="Shapes world",
    summary="Four shapes in six colours in nine places: drawn, synthesised and described, with exact truth.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A toy: it shows whether a method works at all, never how well it would do on real data.",),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing: index of its shape, colour and cell, its size, and how far it is off the cell's centre, in pixels."""

    shape: int
    colour: int
    cell: int
    size: str
    offset: tuple[float, float]

    @property
    def label(self) -> int:
        """Index in `CLASSES`."""
        return self.shape * len(COLOURS) + self.colour

    def words(self, *, with_size: bool, with_place: bool = True, said: Said = "all") -> str:
        """Return its description: "a small red circle at the top left".

        Args:
            with_size: Say its size.
            with_place: Say its cell.
            said: What is said of colour and shape; a thing of an unsaid shape is a "thing".
        """
        size = f"{self.size} " if with_size else ""
        colour = f"{tuple(COLOURS)[self.colour]} " if said != "no-colour" else ""
        shape = SHAPES[self.shape] if said != "no-shape" else "thing"
        place = f" at the {ROWS[self.cell // 3]} {COLUMNS[self.cell % 3]}" if with_place else ""
        return f"a {size}{colour}{shape}{place}"

    @property
    def laps(self) -> int:
        """Times that the inertial unit goes around it per clip."""
        return self.colour + 1


def held_out_classes(count: int) -> list[int]:
    """Return `count` classes, no two of one colour: every shape and every colour still occurs in other classes."""
    return [(colour % len(SHAPES)) * len(COLOURS) + colour for colour in range(count)]


def band_frequency(band: float) -> float:
    """Return the frequency in Hz of a band of the patch: eight bands per octave above 120 Hz."""
    return float(120.0 * 2.0 ** (band / 8.0))


def stamp(shape: int, size: str, centre: tuple[float, float], side: int, scale: float = 1.0) -> np.ndarray:
    """Return which pixels (side, side) a shape covers.

    Args:
        shape: Index in `SHAPES`.
        size: "small" or "large".
        centre: x and y in pixels.
        side: Side of the image.
        scale: Factor on the radius.
    """
    radius = scale * RADIUS[size] * side / 3
    y_H1, x_1W = np.ogrid[0.5:side, 0.5:side]
    right_1W, down_H1 = (x_1W - centre[0]) / radius, (y_H1 - centre[1]) / radius
    if SHAPES[shape] == "circle":
        return np.asarray(right_1W**2 + down_H1**2 <= 1)
    if SHAPES[shape] == "square":
        return np.asarray((abs(right_1W) <= 0.85) & (abs(down_H1) <= 0.85))
    if SHAPES[shape] == "triangle":  # apex up; its sides meet the base at +-1
        return np.asarray((down_H1 <= 0.8) & (abs(right_1W) <= (down_H1 + 1) / 1.8))
    arm_1W, arm_H1 = abs(right_1W), abs(down_H1)
    return np.asarray(((arm_1W <= 0.33) & (arm_H1 <= 1)) | ((arm_H1 <= 0.33) & (arm_1W <= 1)))


class Shapes:
    """Coloured shapes with the same truth in image, audio, words and boxes; synthetic, exact and very fast.

    Fields: `image`, `audio` (waveform), `signal` (a log-mel-like patch of 64 frames and 40 bands), `caption`, and three
    stand-ins for sensors (`mmx_worlds.sensors`): `depth` (grey image of disparity, which shows shapes and sizes and no
    colour), `thermal` (blurred grey image, in which a colour is a temperature) and `motion` (an inertial unit that is
    led along the outline of the first thing, as many times as its colour says). Targets: `object` (class of the first
    thing), `shape` and `colour` (of the first thing), `objects` (float32 multi-hot), `boxes` (float32 (max_objects, 4):
    left, top, right, bottom in pixels), `cells` and `things` (int64 (max_objects,): the cell and the class of each
    thing, as it is named; -1 where there is none), `glide` (-1 without glides), `sound` (object and glide of the first
    thing: sounds in pairs that differ in their order in time alone), `sentence` (the caption, for losses and tasks to
    which equal captions are one: `positives: sentence`). Split `novel` holds only combinations of shape and colour that
    no other split has, split `pairs` two things in every sample.

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test, in split novel, and in split pairs.
        side: Height and width of the image in pixels.
        max_objects: Most things in one sample; each count is equally likely.
        seconds: Length of the audio.
        rate: Audio samples per second.
        noise: Standard deviation of the image's noise (pixels range over 0..1); the audio's follows it.
        held_out: Number of combinations that only split novel has; with none there is no such split.
        centred: One thing in the middle of the image, twice as large; captions then name no place.
        places: Captions name the cell.
        sizes: Half of the captions name the size; without `places` and `sizes` captions repeat, class by class.
        said: What captions say of colour and shape: all, or (a control) no colour or no shape.
        plain: Captions have one form, and name things row by row, as one reads.
        glides: All tones of a clip rise, or all fall, by half an octave; the mean spectrum is the same.
        colours: Number of colours that occur, the first ones.
        alike: Two things of each image have one shape, where there are two: only colour or place tells them apart.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {
        "image": "image",
        "audio": "audio",
        "signal": "signal",
        "caption": "text",
        "depth": "image",
        "thermal": "image",
        "motion": "signal",
    }
    card = CARD
    world = "worlds/shapes"

    def __init__(
        self,
        clips: Annotated[int, Field(ge=1)] = 3000,
        val_clips: Annotated[int, Field(ge=1)] = 300,
        test_clips: Annotated[int, Field(ge=1)] = 600,
        side: Annotated[int, Field(ge=24, le=256)] = 36,
        max_objects: Annotated[int, Field(ge=1, le=3)] = 1,
        seconds: Annotated[float, Field(ge=0.25, le=10)] = 1.0,
        rate: Annotated[int, Field(ge=6000, le=48000)] = 8000,
        noise: Annotated[float, Field(ge=0, le=0.5)] = 0.05,
        held_out: Annotated[int, Field(ge=0, le=6)] = 3,
        centred: bool = False,
        places: bool = True,
        sizes: bool = True,
        said: Said = "all",
        plain: bool = False,
        glides: bool = False,
        colours: Annotated[int, Field(ge=2, le=6)] = 6,
        alike: bool = False,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._lengths = {"train": clips, "val": val_clips, "test": test_clips, "novel": test_clips}
        self._side, self._max_objects, self._seconds, self._rate = side, max_objects, seconds, rate
        if centred and max_objects > 1:
            raise ConfigError([f"max_objects: only one thing can be in the centre, not {max_objects}"])
        self._noise, self._seed = noise, seed
        self._centred, self._places, self._sizes, self._said = centred, places and not centred, sizes, said
        self._glides, self._plain, self._alike = glides, plain, alike
        if held_out > colours:
            raise ConfigError([f"held_out: {held_out} combinations, at most one of each of {colours} colours"])
        self._novel = held_out_classes(held_out)
        self._there = [label for label in range(len(CLASSES)) if label % len(COLOURS) < colours]
        self._common = [label for label in self._there if label not in self._novel]
        self.targets: Mapping[str, Sequence[str] | None] = {
            "object": CLASSES,
            "shape": SHAPES,
            "colour": tuple(COLOURS),
            "objects": None,
            "boxes": None,
            "cells": None,
            "things": None,
            "glide": GLIDES,
            "sound": [f"{glide}{CLASSES[label]}" for label in self._there for glide in self._glide_names()],
            "sentence": None,
        }
        facts = (dict(self._lengths), side, max_objects, float(seconds), rate, float(noise), held_out, seed)
        told = (
            centred,
            self._places,
            sizes,
            said,
            *(["plain"] if plain else []),
            *(["glides"] if glides else []),
            *([colours] if colours < len(COLOURS) else []),
            *(["alike"] if alike else []),
        )
        self._lengths |= {} if centred else {"pairs": test_clips}
        self._lengths.pop("novel" if not held_out else "", None)
        self.digest = index.digest((), "shapes", VERSION, *facts, *told)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test", "novel" or "pairs", rendered on access."""
        if name not in self._lengths:
            raise unknown_split(self.world, name, tuple(self._lengths))
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        stream = (self._seed, SPLITS.index(split), position)
        rng = np.random.default_rng((*stream, 0))
        glide = int(np.random.default_rng((*stream, 4)).integers(len(GLIDES))) if self._glides else -1
        least, most = (2, 2) if split == "pairs" else (1, self._max_objects)
        things = self._draw(rng, self._novel if split == "novel" else self._common, least, most)
        things = sorted(things, key=lambda thing: thing.cell) if self._plain else things
        words = " and ".join(self._words(thing, rng.random()) for thing in things)
        caption = words if self._plain else TEMPLATES[int(rng.integers(len(TEMPLATES)))].format(words)
        fields = LazyFields(
            {
                "image": partial(self._image, things, (*stream, 1)),
                "audio": partial(self._audio, things, glide, (*stream, 2)),
                "signal": partial(self._signal, things, (*stream, 3)),
                "caption": partial(str, caption),
                "depth": partial(self._depth, things, (*stream, 5)),
                "thermal": partial(self._thermal, things, (*stream, 6)),
                "motion": partial(self._motion, things, (*stream, 7)),
            }
        )
        sound = self._there.index(things[0].label) * len(self._glide_names()) + max(glide, 0)
        heard = {"glide": glide, "sound": sound}
        truth = {**self._truth(things, max(most, self._max_objects)), **heard, "sentence": caption}
        return Sample(f"{split}-{self._seed}-{position:06d}", fields, truth)

    def _glide_names(self) -> Sequence[str]:
        return [f"{name} " for name in GLIDES] if self._glides else [""]

    def _words(self, thing: Shape, drawn: float) -> str:
        return thing.words(with_size=self._sizes and drawn < 0.5, with_place=self._places, said=self._said)

    def _draw(self, rng: np.random.Generator, labels: Sequence[int], least: int, most: int) -> list[Shape]:
        count = min(int(rng.integers(least, most + 1)), len(labels))
        chosen = rng.choice(labels, size=count, replace=False)
        same = [
            x for x in labels if x // len(COLOURS) == chosen[0] // len(COLOURS) and x not in (chosen[0], *chosen[2:])
        ]
        chosen[1:2] = rng.choice(same) if self._alike and same else chosen[1:2]
        cells = rng.choice(9, size=count, replace=False)
        cells = np.full_like(cells, MIDDLE) if self._centred else cells
        offsets = rng.uniform(-self._side / 32, self._side / 32, (count, 2))
        sizes = rng.integers(2, size=count)
        return [
            Shape(
                shape=int(label) // len(COLOURS),
                colour=int(label) % len(COLOURS),
                cell=int(cell),
                size=("small", "large")[int(size)],
                offset=(float(offset[0]), float(offset[1])),
            )
            for label, cell, size, offset in zip(chosen, cells, sizes, offsets, strict=True)
        ]

    def _stamp(self, thing: Shape) -> np.ndarray:
        width = self._side / 3
        centre = (width * (thing.cell % 3 + 0.5) + thing.offset[0], width * (thing.cell // 3 + 0.5) + thing.offset[1])
        return stamp(thing.shape, thing.size, centre, self._side, CENTRED if self._centred else 1.0)

    def _truth(self, things: Sequence[Shape], most: int) -> dict[str, Any]:
        objects = np.zeros(len(CLASSES), np.float32)
        boxes_N4 = np.zeros((most, 4), np.float32)
        cells_N, things_N = np.full(most, -1, np.int64), np.full(most, -1, np.int64)
        for number, thing in enumerate(things):
            objects[thing.label] = 1.0
            covered_HW = self._stamp(thing)
            rows, columns = np.flatnonzero(covered_HW.any(axis=1)), np.flatnonzero(covered_HW.any(axis=0))
            boxes_N4[number] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
            cells_N[number], things_N[number] = thing.cell, thing.label
        first = things[0]
        return {
            "object": first.label,
            "shape": first.shape,
            "colour": first.colour,
            "objects": objects,
            "boxes": boxes_N4,
            "cells": cells_N,
            "things": things_N,
        }

    def _image(self, things: Sequence[Shape], seed: Sequence[int]) -> np.ndarray:
        """Draw the image: uint8 (side, side, 3)."""
        pixels_HWC = np.full((self._side, self._side, 3), GROUND, np.float32)
        for thing in things:
            pixels_HWC[self._stamp(thing)] = tuple(COLOURS.values())[thing.colour]
        rng = np.random.default_rng(seed)
        pixels_HWC += np.float32(self._noise) * rng.standard_normal(pixels_HWC.shape, dtype=np.float32)
        return np.asarray(np.clip(pixels_HWC, 0, 1) * 255 + 0.5).astype(np.uint8)

    def _depth(self, things: Sequence[Shape], seed: Sequence[int]) -> np.ndarray:
        near = [NEAR[thing.size] for thing in things]
        return sensors.depth([self._stamp(thing) for thing in things], near, self._noise, seed)

    def _thermal(self, things: Sequence[Shape], seed: Sequence[int]) -> np.ndarray:
        warm = [WARM[thing.colour] for thing in things]
        return sensors.thermal([self._stamp(thing) for thing in things], warm, self._noise, seed)

    def _motion(self, things: Sequence[Shape], seed: Sequence[int]) -> Signal:
        first, rng = things[0], np.random.default_rng(seed)
        readings_TC = sensors.motion(SHAPES[first.shape], first.laps, self._noise, rng)
        return Signal(readings_TC, sensors.STEPS / self._seconds)

    def _audio(self, things: Sequence[Shape], glide: int, seed: Sequence[int]) -> Audio:
        """Mix the sounds of the things: overtones with random phases, pulsing with a random phase, and faint noise."""
        rng = np.random.default_rng(seed)
        length = round(self._seconds * self._rate)
        wave_T = np.float32(0.2 * self._noise) * rng.standard_normal(length, dtype=np.float32)
        for thing in things:
            tones_KT, pulse_2T = _tones(thing.shape, thing.colour, length, self._rate, glide)
            phases = rng.uniform(0, 2 * np.pi, len(tones_KT) // 2)
            carrier_T = np.concatenate([np.cos(phases), np.sin(phases)]).astype(np.float32) @ tones_KT
            angle = rng.uniform(0, 2 * np.pi)
            envelope_T = np.float32(0.55) + np.array([np.cos(angle), np.sin(angle)], np.float32) @ pulse_2T
            gain = (0.6 if thing.size == "small" else 1.0) * 0.7 / (len(phases) * len(things))
            wave_T += np.float32(gain) * carrier_T * envelope_T
        return Audio(np.clip(wave_T, -1, 1)[None], self._rate)

    def _signal(self, things: Sequence[Shape], seed: Sequence[int]) -> Signal:
        """Return the same audio as a log-mel-like patch, float32 (64 frames, 40 bands)."""
        rng = np.random.default_rng(seed)
        patch_TC = -4 + np.float32(12 * self._noise) * rng.standard_normal((FRAMES, BANDS), dtype=np.float32)
        turns_T = np.arange(FRAMES) / FRAMES
        for thing in things:
            bands = [FUNDAMENTALS[thing.shape] + overtone for overtone in OVERTONES[thing.colour]]
            pulse_T = 0.55 + 0.45 * np.sin(2 * np.pi * (PULSES[thing.colour] * turns_T + rng.random()))
            patch_TC[:, bands] += np.float32(4.8 if thing.size == "large" else 4.0) * pulse_T[:, None].astype(
                np.float32
            )
        return Signal(patch_TC, FRAMES / self._seconds)


@lru_cache(maxsize=256)
def _tones(shape: int, colour: int, length: int, rate: int, glide: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sines and cosines of a class's tones (2 K, T), and 0.45 times those of its pulse (2, T)."""
    time_T = np.arange(length) / rate
    if glide >= 0:  # the integral of the frequency, which moves from half the glide below its middle to half above
        way_T = (np.arange(length) / length - 0.5) * (GLIDE / 8) * (1 if glide == GLIDES.index("rising") else -1)
        time_T = np.cumsum(2.0**way_T) / rate
    turns_KT = np.outer([band_frequency(FUNDAMENTALS[shape] + above) for above in OVERTONES[colour]], time_T)
    pulse_T = PULSES[colour] * np.arange(length) / length
    tones_KT = np.concatenate([np.sin(2 * np.pi * turns_KT), np.cos(2 * np.pi * turns_KT)])
    pulse_2T = 0.45 * np.stack([np.sin(2 * np.pi * pulse_T), np.cos(2 * np.pi * pulse_T)])
    return tones_KT.astype(np.float32), pulse_2T.astype(np.float32)
