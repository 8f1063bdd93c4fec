"""Simple methods on texts, beside cases that were computed by hand."""

from __future__ import annotations

import pytest

from mmx_std.tasks.texts import simple


def test_a_dictionary_finds_what_only_company_tells() -> None:
    """ "das haus / the house", "das buch / the book", "ein buch / a book": the classic example of model 1."""
    sources = [["das", "haus"], ["das", "buch"], ["ein", "buch"]]
    targets = [["the", "house"], ["the", "book"], ["a", "book"]]
    assert simple.dictionary(sources, targets) == {"das": "the", "haus": "house", "buch": "book", "ein": "a"}
    assert simple.dictionary([], []) == {}


def test_one_round_is_the_expectation_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs, "x y / p" and "x / q": after one round p(p|y) = 1, and x has half of p and the whole of q."""
    monkeypatch.setattr(simple, "ROUNDS", 1)
    assert simple.dictionary([["x", "y"], ["x"]], [["p"], ["q"]]) == {"x": "q", "y": "p"}


def test_words_are_replaced_in_order_and_unknown_ones_left_out() -> None:
    assert simple.word_for_word(["a", "b", "c"], {"c": "3", "a": "1"}) == "1 3"


def test_the_nearest_text_shares_the_largest_part_of_its_words() -> None:
    """Jaccard: {a, b} with {a, b, c, d} is 2/4, with {a} 1/2 too (the first wins), with {a, b, c} 2/3."""
    known = [["a", "b", "c", "d"], ["a"], ["a", "b", "c"], ["z"]]
    assert simple.nearest([["a", "b"], ["z", "z"], ["a", "d", "c", "b"], ["new"]], known) == [2, 3, 0, 0]


def test_the_word_between_two_others_is_the_likeliest_by_bigrams() -> None:
    counts = simple.bigrams([[1, 5, 2], [1, 5, 2], [1, 6, 2], [6, 3], [6, 4]])
    assert simple.between(1, 2, counts) == 5
    # 5 never stands before 3: p(5|1) p(3|5) = 2.1 * .1 / 3 is below that of 6, 1.1 * 1.1 / 4.
    assert simple.between(1, 3, counts) == 6
    assert simple.between(77, 78, counts) == -1
