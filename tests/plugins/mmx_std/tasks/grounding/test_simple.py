"""Histograms against a count pixel by pixel, windows inside the image, colours found from words never seen together."""

from __future__ import annotations

import numpy as np

from mmx_std.tasks.grounding.scores import hits, truth_of
from mmx_std.tasks.grounding.simple import LEVELS, SIDE, histograms, simple, windows
from mmx_worlds.phrases import Phrases

FIELDS = {"image": "image", "prompt": "prompt", "boxes": "phrase_boxes", "of": "box_phrases"}


def test_histograms_are_counts() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 12, 12)).astype(np.uint8)
    boxes = np.array([[0, 0, 12, 12], [3, 2, 7, 11], [5, 5, 6, 6]])
    for found, (left, top, right, bottom) in zip(histograms(image, boxes / 12), boxes, strict=True):
        inside = image[:, top:bottom, left:right].reshape(3, -1) // (256 // LEVELS)
        expected = np.zeros((LEVELS,) * 3)
        for red, green, blue in inside.T:
            expected[red, green, blue] += 1
        np.testing.assert_allclose(found, expected.ravel() / inside.shape[1])


def test_windows_lie_inside_and_have_the_sizes_of_boxes() -> None:
    found = windows(np.array([0.25] * 3 + [0.5] * 3))
    assert found.min() == 0 and found.max() <= 1
    sides = np.round((found[:, 2:] - found[:, :2]) * SIDE).astype(int)
    assert (sides[:, 0] == sides[:, 1]).all() and {int(each) for each in sides[:, 0]} == {12, 24}


def test_colours_of_words_find_what_was_never_named_together() -> None:
    world = Phrases(clips=80, val_clips=1, test_clips=30, max_objects=2)
    test = list(world.split("novel"))
    truths = [
        truth_of(
            sample.fields["prompt"].rstrip(".").split(". "),
            sample.targets["phrase_boxes"],
            sample.targets["box_phrases"],
        )
        for sample in test
    ]
    found = simple(list(world.split("train")), test, truths, FIELDS)
    right = {
        name: np.mean(
            [
                hits(each, truth, place, 1).any()
                for each, truth in zip(several, truths, strict=True)
                for place in truth.present
            ]
        )
        for name, several in found.items()
    }
    assert right["nearest_colours"] > 0.5 > 0.3 > right["centre_box"]
