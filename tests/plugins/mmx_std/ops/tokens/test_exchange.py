"""Two words of one kind change places: nothing else of a text does, and equal words never do."""

from __future__ import annotations

import random

from mmx_std.encoders.text.tokenizers import word_tokenizer
from mmx_std.ops.tokens.exchange import exchanged, exchanged_text, kinds_of

KINDS = {"colour": ["red", "blue"], "shape": ["circle", "square"]}
TEXT = "a red circle, at the left; and a blue square"


def test_two_words_of_one_kind_change_places() -> None:
    draw = random.Random(0).randrange
    found = {exchanged_text(TEXT, KINDS, draw) for _ in range(40)}
    assert found == {
        "a blue circle, at the left; and a red square",
        "a red square, at the left; and a blue circle",
    }


def test_equal_words_and_single_ones_do_not() -> None:
    draw = random.Random(0).randrange
    assert exchanged_text("a red circle", KINDS, draw) is None
    assert exchanged_text("two red circle, red circle", KINDS, draw) is None
    assert {exchanged_text("red circle and red square", KINDS, draw) for _ in range(20)} == {
        "red square and red circle"
    }
    assert exchanged([], {1: "a"}, draw) is None


def test_ids_have_the_kinds_of_their_words() -> None:
    tokenizer = word_tokenizer(["red", "circle", "square", "a"], lowercase=True, limit=9)
    kinds = kinds_of(KINDS, tokenizer)
    assert {tokenizer.decode([number]): kind for number, kind in kinds.items()} == {
        "red": "colour",
        "circle": "shape",
        "square": "shape",
    }
