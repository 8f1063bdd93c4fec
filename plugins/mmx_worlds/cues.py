"""`worlds/cues`: a class told by a sensor and an image, each with evidence of known strength; all synthetic.

Each item has one evidence per class and modality, e ~ Normal(gain at the cue's class and 0 elsewhere, 1), which is
rendered without loss: as the level of a sensor's channel, as the contrast of a grating of one orientation. So the
posterior of the class is known exactly, and with it the best accuracy of each modality and of both together.
Shapes: N items, K classes, T time, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, LazyFields, LazySplit, Sample, Signal, unknown_split
from mmx_worlds.real import index

__all__ = ["Cues", "Evidence", "draw", "posterior"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
NAMES: Final = ("amber", "blue", "coral", "dune", "ebony", "fern")
"""Names of the classes: they mean nothing."""
SPLITS: Final = ("train", "val", "test", "no_sensor", "no_image")
"""The last two are split test without one of the fields."""
Rule = Literal["same", "sum"]
RATE: Final = 32.0
"""Sensor readings per second; an item lasts a second."""
_STEPS: Final = 32
_JITTER: Final = 0.5
"""Deviation of a channel's readings around its level: gone in the mean over time."""
_CYCLES: Final = 3.0
"""Periods of a grating across the image."""
_CONTRAST: Final = 14.0
"""Bytes of a grating's amplitude per unit of evidence."""

CARD: Final = Card(
    title="Cues world",
    summary="A class told by a sensor and an image, with evidence of known strength and the exact posterior.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=("A construction for proofs about fusion: its numbers say nothing about real sensors or images.",),
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was drawn for a split.

    Attributes:
        label_N: The class.
        cue_N: Modality -> the class that its evidence points to.
        evidence_NK: Modality -> evidence for each class.
    """

    label_N: np.ndarray
    cue_N: Mapping[str, np.ndarray]
    evidence_NK: Mapping[str, np.ndarray]


def draw(rng: np.random.Generator, count: int, classes: int, rule: Rule, gains: Mapping[str, float]) -> Evidence:
    """Draw a split.

    Args:
        rng: Where from.
        count: N.
        classes: K.
        rule: `same`: both cues are the class; `sum`: the class is the sum of the two cues modulo K (for two classes:
            exclusive or), so that either cue alone says nothing.
        gains: Modality -> gain of its evidence.
    """
    first_N, second_N = rng.integers(classes, size=count), rng.integers(classes, size=count)
    sensor, image = gains
    cues = {sensor: first_N, image: first_N if rule == "same" else second_N}
    label_N = first_N if rule == "same" else (first_N + second_N) % classes
    evidence = {
        name: rng.standard_normal((count, classes)) + gains[name] * np.eye(classes)[cue_N]
        for name, cue_N in cues.items()
    }
    return Evidence(label_N, cues, evidence)


def posterior(evidence_NK: Mapping[str, np.ndarray], gains: Mapping[str, float], rule: Rule) -> np.ndarray:
    """Return the exact probability of each class (N, K) given the evidence of the named modalities.

    Of one cue, p(cue = k | e) is the softmax over k of gain * e_k: the evidence is normal with unit variance. Cues are
    independent given the class (`same`: their product) or altogether (`sum`: the circular convolution).

    Args:
        evidence_NK: By modality; one or both.
        gains: Modality -> gain.
        rule: How the class depends on the cues.
    """
    given = [_softmax(gains[name] * each_NK) for name, each_NK in evidence_NK.items()]
    if rule == "same":
        product_NK = np.prod(given, axis=0)
        return np.asarray(product_NK / product_NK.sum(axis=1, keepdims=True))
    classes = given[0].shape[1]
    if len(given) == 1:
        return np.full_like(given[0], 1 / classes)
    first_NK, second_NK = given
    shifted = [(first_NK * np.roll(second_NK[:, ::-1], k + 1, axis=1)).sum(axis=1) for k in range(classes)]
    return np.stack(shifted, axis=1)


class Cues:
    """A class told by a sensor and an image of known reliability; synthetic, with its exact posterior.

    Fields: `sensor` (32 readings of K channels: the mean level of channel k is the evidence for class k) and `image`
    (the sum of K gratings, whose contrast is the softplus of the evidence, with random phases). Targets: `label`,
    `sensor_cue` and `image_cue` (the class that each points to), `posterior`, `posterior_sensor` and `posterior_image`
    (float32 (K,): the exact probabilities given both or one), `fold` (0 or 1, for stacking). Splits `no_sensor` and
    `no_image` are split test without one of the fields.

    Args:
        clips: Samples in split train.
        val_clips: Samples in split val.
        test_clips: Samples in split test.
        classes: Number of classes K.
        rule: `same`: both point to the class (redundant); `sum`: it is the sum of both cues modulo K (exclusive or
            for two classes): either alone says nothing.
        sensor: Gain of the sensor's evidence; 0 is a sensor without use.
        image: Gain of the image's evidence.
        side: Height and width of the image in pixels.
        grain: Deviation of the noise on each pixel, in bytes; it makes the image harder to learn from.
        swap: Share of training samples whose image shows another sample's evidence (a control: at 1 it has no use).
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"sensor": "signal", "image": "image"}
    card = CARD

    def __init__(
        self,
        clips: Annotated[int, Field(ge=2)] = 2000,
        val_clips: Annotated[int, Field(ge=2)] = 500,
        test_clips: Annotated[int, Field(ge=2)] = 1000,
        classes: Annotated[int, Field(ge=2, le=6)] = 4,
        rule: Rule = "same",
        sensor: Annotated[float, Field(ge=0)] = 2.0,
        image: Annotated[float, Field(ge=0)] = 2.0,
        side: Annotated[int, Field(ge=12, le=128)] = 16,
        grain: Annotated[float, Field(ge=0, le=64)] = 4.0,
        swap: Annotated[float, Field(ge=0, le=1)] = 0.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if rule == "sum" and 0 in (sensor, image):
            raise ConfigError(["rule: a sum needs both cues; a gain of 0 leaves nothing to learn"])
        self._lengths = {"train": clips, "val": val_clips, "test": test_clips}
        self._classes, self._rule, self._side, self._grain, self._swap = classes, rule, side, grain, swap
        self._gains = {"sensor": float(sensor), "image": float(image)}
        self._seed = seed
        names = NAMES[:classes]
        self.targets: Mapping[str, Sequence[str] | None] = {
            "label": names,
            "sensor_cue": names,
            "image_cue": names,
            "posterior": None,
            "posterior_sensor": None,
            "posterior_image": None,
            "fold": None,
        }
        facts = (self._lengths, classes, rule, self._gains, side, float(grain), float(swap), seed)
        self.digest = index.digest((), "cues", VERSION, *facts)
        self._drawn: dict[str, Evidence] = {}

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test", "no_sensor" or "no_image", rendered on access."""
        if name not in SPLITS:
            raise unknown_split("worlds/cues", name, SPLITS)
        of = name if name in self._lengths else "test"
        return LazySplit(self._lengths[of], partial(self._sample, of, name.removeprefix("no_")))

    def _evidence(self, split: str) -> Evidence:
        if split not in self._drawn:
            rng = np.random.default_rng((self._seed, SPLITS.index(split)))
            found = draw(rng, self._lengths[split], self._classes, self._rule, self._gains)
            if split == "train" and self._swap:
                chosen_M = np.flatnonzero(rng.random(self._lengths[split]) < self._swap)
                found.evidence_NK["image"][chosen_M] = found.evidence_NK["image"][rng.permutation(chosen_M)]
            self._drawn[split] = found
        return self._drawn[split]

    def _sample(self, split: str, lacks: str, position: int) -> Sample:
        drawn = self._evidence(split)
        evidence = {name: each_NK[position] for name, each_NK in drawn.evidence_NK.items()}
        stream = (self._seed, SPLITS.index(split), position)
        makers: dict[str, Callable[[], Any]] = {
            "sensor": partial(self._sensor, evidence["sensor"], (*stream, 1)),
            "image": partial(self._image, evidence["image"], (*stream, 2)),
        }
        fields = LazyFields({name: make for name, make in makers.items() if name != lacks})
        targets: dict[str, Any] = {"label": int(drawn.label_N[position]), "fold": position % 2}
        targets |= {f"{name}_cue": int(cue_N[position]) for name, cue_N in drawn.cue_N.items()}
        for key, given in {
            "posterior": evidence,
            **{f"posterior_{name}": {name: evidence[name]} for name in evidence},
        }.items():
            rows = {name: each_K[None] for name, each_K in given.items()}
            targets[key] = posterior(rows, self._gains, self._rule)[0].astype(np.float32)
        return Sample(f"{split}-{self._seed}-{position:05d}", fields, targets)

    def _sensor(self, evidence_K: np.ndarray, seed: Sequence[int]) -> Signal:
        """Return readings (32, K): each channel around its level, exactly that level in the mean."""
        jitter_TK = _JITTER * np.random.default_rng(seed).standard_normal((_STEPS, self._classes))
        return Signal((evidence_K + jitter_TK - jitter_TK.mean(axis=0)).astype(np.float32), RATE)

    def _image(self, evidence_K: np.ndarray, seed: Sequence[int]) -> np.ndarray:
        """Return the sum of gratings: uint8 (side, side, 3), grey."""
        rng = np.random.default_rng(seed)
        waves_KHW = _waves(self._classes, self._side)
        phase_K = rng.uniform(0, 2 * np.pi, self._classes)
        contrast_K = _CONTRAST * np.logaddexp(0, evidence_K)
        grey_HW = 128 + (contrast_K[:, None, None] * np.cos(waves_KHW + phase_K[:, None, None])).sum(axis=0)
        grey_HW = grey_HW + self._grain * rng.standard_normal(grey_HW.shape)
        return np.repeat(np.clip(grey_HW + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@lru_cache(maxsize=16)
def _waves(classes: int, side: int) -> np.ndarray:
    """Return the angle of each class's grating at each pixel (K, side, side); orientations are evenly spread."""
    y_HW, x_HW = np.mgrid[0:side, 0:side] / side
    angles_K = np.pi * np.arange(classes) / classes
    along = np.cos(angles_K)[:, None, None] * x_HW + np.sin(angles_K)[:, None, None] * y_HW
    return np.asarray(2 * np.pi * _CYCLES * along)


def _softmax(x_NK: np.ndarray) -> np.ndarray:
    powers_NK = np.exp(x_NK - x_NK.max(axis=1, keepdims=True))
    return np.asarray(powers_NK / powers_NK.sum(axis=1, keepdims=True))
