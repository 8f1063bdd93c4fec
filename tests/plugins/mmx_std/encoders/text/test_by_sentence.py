"""A text by its sentences: how it is divided, what the recurrence reads, and that padding is never read."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Encoder
from mmx_std.encoders.image import Pixels
from mmx_std.encoders.text.bag import TextBag
from mmx_std.encoders.text.by_sentence import BySentence, split_sentences
from mmx_std.encoders.text.rnn import TextRnn
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.padding import assert_padding_ignored

RAWS = ["A red cube falls. Over the blue floor! One ball?", "one ball", "a cube.\na red floor"]


def texts(sentences: Any = None, **options: Any) -> BySentence:
    torch.manual_seed(0)
    inner = TextRnn(Captions(), cell="lstm", width=5, embedding=4, vocabulary=50) if sentences is None else sentences
    return BySentence(inner, **{"width": 6, "words": 8, **options}).eval()


def test_sentences_end_with_a_mark_or_a_line() -> None:
    found = split_sentences("Dice it. Fry at 3.5 bar! Ready?\n\nServe")
    assert found == ["Dice it.", "Fry at 3.5 bar!", "Ready?", "Serve"]
    assert split_sentences(" \n ") == []


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_is_the_recurrence_over_the_vectors_of_the_sentences(cell: str) -> None:
    encoder = texts(cell=cell)
    assert isinstance(encoder, Encoder) and encoder.out_dim == 6
    inner = encoder.sentences
    vectors = [inner(inner.prepare(each)[None]).pooled_BD for each in split_sentences(RAWS[0])]
    states, _ = encoder.rnn(torch.stack(vectors, dim=1))
    found = encoder(encoder.prepare(RAWS[0])[None])
    torch.testing.assert_close(found.tokens_BTD, states)
    torch.testing.assert_close(found.pooled_BD, states[:, -1])


def test_neither_words_nor_sentences_of_padding_are_read() -> None:
    for encoder in (texts(), texts(TextBag(Captions(), width=4))):
        assert_padding_ignored(encoder, RAWS)
        empty = encoder.prepare("")
        assert empty.shape == (1, 8) and not empty.any()
        assert torch.isfinite(encoder(empty[None]).pooled_BD).all()


def test_order_of_sentences_counts_and_long_texts_are_cut() -> None:
    encoder = texts(most=2)
    orders = ("a cube. one ball.", "one ball. a cube.")
    forth, back = (encoder(encoder.prepare(text)[None]).pooled_BD for text in orders)
    assert not torch.allclose(forth, back)
    assert encoder.prepare("a. a. a. a.").shape == (2, 8)
    assert encoder.prepare("a " * 30).shape == (1, 8)


def test_sentences_are_texts() -> None:
    with pytest.raises(PortError, match="not of image"):
        BySentence(Pixels())
