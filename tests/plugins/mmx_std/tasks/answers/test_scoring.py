"""VQA accuracy against its definition, written out; normalisation by examples of each rule."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mmx_std.tasks.answers.scoring import agreement, normalised, scores, vqa_accuracy


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("The Cat.", "cat"),
        ("a red ball", "red ball"),
        ("Two", "2"),
        ("none", "0"),
        ("ten dogs", "10 dogs"),
        ("yes!", "yes"),
        ("black-and-white", "black and white"),
        ("black - white", "black white"),
        ("1,000", "1000"),
        ("2.5", "2.5"),
        ("u.s.", "us"),
        ("  hot\n dog ", "hot dog"),
        ("an hour / day", "hour day"),
        ("Dont know", "don't know"),
        ("it's whats there", "it's what's there"),
        ("yall'd've", "y'all'd've"),
        ("couldntve", "couldntve"),  # two are missing
        ("hell", "hell"),
        ("oclock", "o'clock"),
    ],
)
def test_normalisation(written: str, expected: str) -> None:
    assert normalised(written) == expected


@pytest.mark.parametrize("same", range(11))
def test_accuracy_is_the_mean_over_the_sets_of_nine(same: int) -> None:
    given = ["Yes."] * same + ["no"] * (10 - same)
    sets = [min(1.0, sum(each == "Yes." for each in nine) / 3) for nine in combinations(given, 9)]
    assert vqa_accuracy("yes", given) == pytest.approx(sum(sets) / len(sets))


def test_known_values() -> None:
    """Three of ten: seven sets of nine hold all three, three hold two: (7 * 1 + 3 * 2 / 3) / 10."""
    assert vqa_accuracy("red", ["red"] * 3 + ["blue"] * 7) == pytest.approx(0.9)
    assert vqa_accuracy("red", ["red"] * 4 + ["blue"] * 6) == 1.0
    assert vqa_accuracy("green", ["red"] * 3 + ["blue"] * 7) == 0.0


def test_agreement_is_each_annotator_by_the_others() -> None:
    given = ["2", "two", "Two.", "3", "3", *["1"] * 5]
    by_hand = []
    for place, answer in enumerate(given):
        others = [normalised(each) for number, each in enumerate(given) if number != place]
        by_hand.append(min(1.0, others.count(normalised(answer)) / 3))
    assert agreement(given) == pytest.approx(sum(by_hand) / 10)


def test_scores_of_all_classes() -> None:
    given = [["two"] * 3 + ["3"] * 7, ["no"] * 10]
    np.testing.assert_allclose(scores(("2", "3", "no"), given), [[0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
