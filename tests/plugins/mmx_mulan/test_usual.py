"""Scores are compared with those of usual recordings: heard once per model and corpus, absent where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.types import Audio, Sample
from mmx_mulan.usual import COUNT, above, usual

from .conftest import Toys


def first(audio: Audio) -> np.ndarray:
    return np.array([audio.samples_CT[0, 0], 1.0])


def test_up_to_so_many_recordings_of_val_are_heard_once(toys: Toys) -> None:
    heard = []

    def hear(audio: Audio) -> np.ndarray:
        heard.append(audio)
        return first(audio)

    vectors_MD = usual(toys, "audio", "model", hear)
    assert vectors_MD is not None
    assert vectors_MD.shape == (60, 2)
    assert np.array_equal(vectors_MD, usual(toys, "audio", "model", hear))
    assert len(heard) == 60
    usual(toys, "audio", "other", hear)
    assert len(heard) == 120
    toys.split = lambda name: [toys._sample(name, i) for i in range(1000)]  # type: ignore[method-assign]
    toys.digest = "larger"
    larger_MD = usual(toys, "audio", "model", hear)
    assert larger_MD is not None
    assert len(larger_MD) == COUNT


def test_without_anything_usual_there_is_nothing_to_compare_with(toys: Toys) -> None:
    toys.split = lambda name: [Sample("mute", {})]  # type: ignore[method-assign]
    assert usual(toys, "audio", "model", first) is None

    def none(name: str) -> list[Sample]:
        raise DataError(f"no split {name}")

    toys.split = none  # type: ignore[method-assign]
    assert usual(toys, "audio", "model", first) is None


def test_above_counts_in_standard_deviations_of_each_text() -> None:
    scores_MN = np.array([[0.9, 0.1], [0.7, 0.3]])  # means 0.8 and 0.2, deviations 0.1
    assert above(np.array([0.85, 0.4]), scores_MN) == pytest.approx([0.5, 2.0])
    assert np.isfinite(above(np.array([0.5]), np.full((3, 1), 0.5))).all()
