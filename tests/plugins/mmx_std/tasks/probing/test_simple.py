"""Simple methods on the tones of the tiny world: their pitch is in every cheap statistic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mmx_std.tasks.probing import simple
from mmx_std.tasks.probing.items import divide, gather, recordings


def test_methods_without_a_network_recognise_pitches(corpus: Any) -> None:
    items = gather(corpus, "audio", "label", "shuffled", "test")
    plan = divide(items, "shuffled", "recording", folds=3, repeats=2)
    found = simple.methods(items, plan, "audio", recordings(items, "recording"), 0.01)
    assert set(found) >= {"mfcc", "nearest_neighbours_scalars", "logistic_regression_spectrum"}
    assert all(hits_N.shape == (24,) and hits_N.min() >= 0 and hits_N.max() <= 1 for hits_N in found.values())
    assert found["logistic_regression_spectrum"].mean() > 0.8
    assert found["nearest_neighbours_scalars"].mean() > 0.9


def test_no_method_sees_the_items_that_it_is_judged_on(corpus: Any) -> None:
    """Classes drawn at random: who is right of more than chance has seen them."""
    items = gather(corpus, "audio", "label", "shuffled", "test")
    drawn = replace(items, labels=np.random.default_rng(0).permutation(items.labels))
    plan = divide(drawn, "shuffled", "recording", folds=3, repeats=2)
    found = simple.methods(drawn, plan, "audio", recordings(drawn, "recording"), 0.01)
    chance = 1 / len(set(drawn.labels.tolist()))
    assert all(hits_N.mean() < chance + 0.3 for hits_N in found.values()), {k: v.mean() for k, v in found.items()}


def test_arrays_have_no_cepstrum(corpus: Any) -> None:
    items = gather(corpus, "audio", "label", "shuffled", "test")
    for sample in items.samples:
        sample.fields["audio"] = sample.fields["frames"][0]  # type: ignore[index]
    plan = divide(items, "shuffled", "recording", folds=3, repeats=1)
    found = simple.methods(items, plan, "audio", recordings(items, "recording"), 0.01)
    assert set(found) == {"nearest_neighbours_values", "logistic_regression_values"}
    assert found["nearest_neighbours_values"].mean() == 1.0
