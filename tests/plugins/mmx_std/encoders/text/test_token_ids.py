"""Texts as ids: between start and end, padded with [PAD], cut where they are too long."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Encoder
from mmx_std.encoders.text.token_ids import TokenIds
from mmx_std.encoders.text.tokenizers import CLS, PAD, SEP, UNKNOWN
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.padding import assert_padding_ignored


def test_ids_stand_between_start_and_end_and_can_be_read_back() -> None:
    texts = TokenIds(Captions(), vocabulary=40, tokens=6)
    assert isinstance(texts, Encoder) and not list(texts.parameters())
    assert_padding_ignored(texts, ["one ball", "a red cube falls over the blue floor"])
    ids = texts.prepare("one ball")
    assert ids[0] == CLS and ids[-1] == SEP and texts.tokenizer.decode(ids) == "one ball"
    assert len(texts.prepare("a red cube falls over the blue floor")) == 6
    padded = texts(torch.tensor([[CLS, 7, SEP, 9]]), torch.tensor([[True, True, True, False]]))
    assert padded.layers["ids"].tolist() == [[CLS, 7, SEP, PAD]] and padded.pooled_BD.tolist() == [[3.0]]


def test_a_checkpoint_brings_the_words_back() -> None:
    texts = TokenIds(Captions(), vocabulary=40, tokens=6)
    empty = TokenIds(None, vocabulary=40, tokens=6)
    empty.load_state_dict(texts.state_dict())
    assert torch.equal(empty.prepare("one ball"), texts.prepare("one ball"))


def test_several_texts_of_a_sample_are_a_list_or_lines() -> None:
    texts = TokenIds(Captions(), vocabulary=40, tokens=6, several=True)
    lines, listed = texts.prepare("one ball\na red cube"), texts.prepare(["one ball", "a red cube"])
    assert lines.shape == (2, 6) and torch.equal(lines, listed)
    assert texts.tokenizer.decode(lines[0]) == "one ball" and lines[0, 4:].tolist() == [PAD, PAD]
    there = torch.tensor([[True, True, False]])
    found = texts(torch.nn.functional.pad(lines, (0, 0, 0, 1))[None], there)
    assert found.layers["ids"].shape == (1, 3, 6) and torch.equal(found.mask_BT, there)  # type: ignore[arg-type]
    assert texts.prepare("").shape == (1, 6)


def test_answers_that_no_text_holds_are_words_of_their_own() -> None:
    class Asked(Captions):
        def __init__(self) -> None:
            super().__init__()
            self.targets = {"label": ("yes", "never", "red"), "score": None}  # type: ignore[assignment]

    without, known = TokenIds(Asked()), TokenIds(Asked(), answers="label", min_count=2)
    assert without.prepare("yes").tolist() == without.prepare("never").tolist() == [CLS, UNKNOWN, SEP]
    ids = {name: known.prepare(name).tolist() for name in ("yes", "never", "red")}
    assert len({tuple(each) for each in ids.values()}) == 3 and not any(UNKNOWN in each for each in ids.values())
    with pytest.raises(PortError, match="has no classes"):
        TokenIds(Asked(), answers="score")


def test_the_vocabulary_of_the_encoder_whose_table_reads_the_ids_holds() -> None:
    """It is set in one place; words of other texts are not taken, as these would be unknown."""
    whole = TokenIds(Captions(), vocabulary=40)
    for size in (8, 40):
        table = TokenIds(Captions(), vocabulary=size)
        texts = TokenIds(Captions(), vocabulary=40 if size == 8 else 8, tokens=5)
        assert texts.take_words(table.tokenizer, size)
        assert texts.tokenizer.tokens() == table.tokenizer.tokens() and texts.vocabulary == size
        assert len(texts.prepare("a red cube falls over the blue floor")) == 5, "its own limit stays"
        empty = TokenIds(None, vocabulary=7, tokens=5)
        assert empty.take_words(TokenIds(None).tokenizer, size), "as where a run is built again"
        empty.load_state_dict(texts.state_dict())
        assert empty.vocabulary == size and empty.tokenizer.tokens() == table.tokenizer.tokens()
    assert not whole.take_words(TokenIds(Captions(), vocabulary=8).tokenizer, 40), "there is room: other texts"
    assert not whole.take_words(TokenIds(Captions(), tokenizer="bpe", vocabulary=300).tokenizer, 300)
