"""Simple methods beside MuLan: a planted relation is found, and no tag of a judged recording is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmx.types import Audio, Sample
from mmx_mulan.evaluation import simple

RATE = 4000
WORDS = ("harp", "fiddle", "flute", "drum")


class Tones:
    """Every instrument is one pitch, and its text names it among other words."""

    fields: Mapping[str, str] = {"audio": "audio", "text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"tags": WORDS}

    def __init__(self, relabel: bool = False) -> None:
        self.relabel = relabel

    def split(self, name: str) -> list[Sample]:
        return [self._sample(name, number) for number in range(60 if name == "train" else 16)]

    def _sample(self, name: str, number: int) -> Sample:
        kind, rng = number % 4, np.random.default_rng([number, name == "train"])
        tone_T = np.sin(2 * np.pi * 200 * 1.7**kind * np.arange(RATE) / RATE) + rng.normal(size=RATE) / 10
        text = f"{rng.choice(['a slow tune', 'an old song'])} on the {WORDS[kind]}"
        fields = {"audio": Audio(tone_T[None].astype(np.float32), RATE), "text": text}
        tags = np.eye(4)[(kind + self.relabel) % 4]
        return Sample(f"{name}-{number}", fields, {"tags": tags})


def found(corpus: Any = None, most: int = 60) -> Mapping[str, np.ndarray]:
    corpus = corpus or Tones()
    return simple.scores(corpus, corpus.split("test"), WORDS, "audio", "text", most)


def test_a_planted_relation_is_found_by_the_spectrum() -> None:
    every = found()
    truth = np.arange(16) % 4
    assert {"cca", "nearest_neighbour", "ridge_statistics", "ridge_scalars"} <= set(every)
    for way in ("cca", "nearest_neighbour", "ridge_spectrum", "ridge_statistics"):
        assert every[way].shape == (16, 4)
        assert (every[way].argmax(1) == truth).all(), way


def test_tags_teach_nothing() -> None:
    for way, scores_NC in found().items():
        np.testing.assert_array_equal(scores_NC, found(Tones(relabel=True))[way])


@pytest.mark.parametrize("most", [0, 1])
def test_nothing_to_learn_from_is_no_baseline(most: int) -> None:
    assert found(most=most) == {}
