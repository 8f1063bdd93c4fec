"""Simple methods on the tones of the tiny world: their pitch is in every cheap statistic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mmx_soundnet.evaluation import simple
from mmx_soundnet.evaluation.sounds import divide, gather, recordings


def test_methods_without_a_network_recognise_pitches(corpus: Any) -> None:
    sounds = gather(corpus, "audio", "label", "shuffled", "test")
    plan = divide(sounds, "shuffled", "recording", folds=3, repeats=2)
    found = simple.on_sounds(sounds, plan, "audio", recordings(sounds, "recording"), 0.01)
    assert set(found) >= {"mfcc", "nearest_neighbours_scalars", "logistic_regression_spectrum"}
    assert all(hits_N.shape == (24,) and hits_N.min() >= 0 and hits_N.max() <= 1 for hits_N in found.values())
    assert found["logistic_regression_spectrum"].mean() > 0.8
    assert found["nearest_neighbours_scalars"].mean() > 0.9


def test_no_method_sees_the_sounds_that_it_is_judged_on(corpus: Any) -> None:
    """Classes drawn at random: who is right of more than chance has seen them."""
    sounds = gather(corpus, "audio", "label", "shuffled", "test")
    drawn = replace(sounds, labels=np.random.default_rng(0).permutation(sounds.labels))
    plan = divide(drawn, "shuffled", "recording", folds=3, repeats=2)
    found = simple.on_sounds(drawn, plan, "audio", recordings(drawn, "recording"), 0.01)
    chance = 1 / len(set(drawn.labels.tolist()))
    assert all(hits_N.mean() < chance + 0.3 for hits_N in found.values()), {k: v.mean() for k, v in found.items()}


def test_clips_too(corpus: Any) -> None:
    found = simple.on_clips(corpus.split("train"), corpus.split("test"), "audio", "object")
    assert found["nearest_neighbours_spectrum"].shape == (24,)
    assert found["nearest_neighbours_spectrum"].mean() > 0.9
