"""Cues: the posterior against Bayes' rule by hand, and that what is rendered holds the evidence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx_worlds.cues import Cues, draw, posterior

GAINS = {"sensor": 1.5, "image": 2.5}


def density(evidence: Any, cue: int, gain: float) -> float:
    return math.prod(math.exp(-((e - gain * (k == cue)) ** 2) / 2) for k, e in enumerate(evidence))


@pytest.mark.parametrize("rule", ["same", "sum"])
def test_posterior_is_bayes_rule(rule: Any) -> None:
    drawn = draw(np.random.default_rng(0), 20, 3, rule, GAINS)
    found = posterior(drawn.evidence_NK, GAINS, rule)
    for n in range(20):
        joint = np.zeros(3)
        for a in range(3):
            for b in range(3):
                if rule == "same" and a != b:
                    continue
                label = a if rule == "same" else (a + b) % 3
                sensor, image = drawn.evidence_NK["sensor"][n], drawn.evidence_NK["image"][n]
                joint[label] += density(sensor, a, 1.5) * density(image, b, 2.5)
        np.testing.assert_allclose(found[n], joint / joint.sum(), rtol=1e-9)
    alone = posterior({"image": drawn.evidence_NK["image"]}, GAINS, rule)
    if rule == "sum":
        np.testing.assert_allclose(alone, 1 / 3)
    else:
        row = [density(drawn.evidence_NK["image"][0], k, 2.5) for k in range(3)]
        np.testing.assert_allclose(alone[0], np.array(row) / sum(row))


def test_posterior_is_calibrated() -> None:
    """Of items that it gives probability p, a share p is of that class."""
    drawn = draw(np.random.default_rng(1), 40000, 4, "same", GAINS)
    p = posterior(drawn.evidence_NK, GAINS, "same")
    sure = (p > 0.55) & (p < 0.65)
    hits = np.eye(4, dtype=bool)[drawn.label_N][sure]
    assert abs(hits.mean() - p[sure].mean()) < 0.03


def test_the_corpus_renders_the_evidence() -> None:
    world = Cues(clips=40, val_clips=10, test_clips=20, sensor=2.0, image=3.0)
    assert isinstance(world, Corpus) and set(world.split("train")[0].targets) == set(world.targets)
    best = []
    for sample in world.split("test"):
        levels = sample.fields["sensor"].values_TC.mean(axis=0)
        row = np.exp(2.0 * levels - (2.0 * levels).max())
        np.testing.assert_allclose(row / row.sum(), sample.targets["posterior_sensor"], atol=1e-5)
        image = sample.fields["image"].astype(float)[..., 0]
        assert image.shape == (16, 16) and image.std() > 3
        best.append(sample.targets["posterior"].argmax() == sample.targets["label"])
    assert sum(best) >= 16
    again = Cues(clips=40, val_clips=10, test_clips=20, sensor=2.0, image=3.0).split("test")[3]
    assert np.array_equal(again.fields["image"], world.split("test")[3].fields["image"])
    other = Cues(clips=40, val_clips=10, test_clips=20, sensor=2.0, image=2.0)
    assert other.digest != world.digest


def test_splits_without_a_field_are_the_test_items() -> None:
    world = Cues(clips=4, val_clips=4, test_clips=4)
    lacking, whole = world.split("no_image")[2], world.split("test")[2]
    assert set(lacking.fields) == {"sensor"} and lacking.id == whole.id
    assert lacking.targets["label"] == whole.targets["label"]
    with pytest.raises(DataError, match="did you mean"):
        world.split("no_imag")


def test_swapped_images_belong_to_other_training_items_only() -> None:
    own, swapped = Cues(clips=200, test_clips=20, image=4.0), Cues(clips=200, test_clips=20, image=4.0, swap=1.0)
    for split, low, high in (("train", 0.0, 0.5), ("test", 0.9, 1.0)):
        pairs = zip(own.split(split), swapped.split(split), strict=True)
        same = [np.array_equal(a.targets["posterior_image"], b.targets["posterior_image"]) for a, b in pairs]
        assert low <= np.mean(same) <= high
    with pytest.raises(ConfigError, match="gain of 0"):
        Cues(rule="sum", image=0.0)
