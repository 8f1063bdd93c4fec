"""Pairs of neighbouring words from what goes with a text: colours and shapes that are bound in rows."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Sample, Signal
from mmx_std.tasks.texts.pairs import Pairs

COLOURS, SHAPES = ("red", "blue", "green"), ("circle", "square", "cross")


def item(number: int) -> tuple[Sample, list[str]]:
    """Two things, no colour and no shape twice: sums of rows tell which are there, never which belong together."""
    rng = np.random.default_rng(number)
    colours, shapes = rng.permutation(3)[:2], rng.permutation(3)[:2]
    rows = np.concatenate([np.eye(3)[colours], np.eye(3)[shapes]], axis=1) + rng.normal(scale=0.05, size=(2, 6))
    words = ["a", COLOURS[colours[0]], SHAPES[shapes[0]], "and", "a", COLOURS[colours[1]], SHAPES[shapes[1]]]
    return Sample(str(number), {"regions": Signal(rows, 1)}, {}), words


@pytest.fixture(scope="module")
def known() -> tuple[Pairs[str], list[list[str]]]:
    train, judged = ([item(i) for i in numbers] for numbers in (range(200), range(200, 300)))
    texts = [words for _, words in train]
    return Pairs([each for each, _ in train], [each for each, _ in judged], ["regions"], texts), [w for _, w in judged]


def test_exchanged_colours_are_told_from_the_true_ones(known: tuple[Pairs[str], list[list[str]]]) -> None:
    pairs, texts = known
    exchanged = [[*text[:1], text[5], *text[2:5], text[1], text[6]] for text in texts]
    assert (np.diagonal(pairs.scores(texts)) > np.diagonal(pairs.scores(exchanged))).mean() > 0.95


def test_a_hidden_colour_is_named_by_its_shape(known: tuple[Pairs[str], list[list[str]]]) -> None:
    pairs, texts = known
    assert np.mean([pairs.between(i, "a", text[2]) == text[1] for i, text in enumerate(texts)]) > 0.95
    assert pairs.between(0, "never", "met") is None


def test_a_text_of_unknown_words_is_shown_by_nothing(known: tuple[Pairs[str], list[list[str]]]) -> None:
    pairs, texts = known
    assert (pairs.scores([["one", "two"], []]) == 0).all()
    # A text is the mean over its pairs: said twice it is shown no more than once.
    once, twice = pairs.scores([texts[0][:3], [*texts[0][:3], "unknown", *texts[0][:3]]]).T
    assert once == pytest.approx(twice)


def test_an_item_without_regions_is_one_of_zeros() -> None:
    train = [item(i)[0] for i in range(30)]
    bare = Sample("bare", {"regions": None}, {})
    pairs = Pairs(train, [bare], ["regions"], [item(i)[1] for i in range(30)])
    assert np.isfinite(pairs.expected_NQ).all()
