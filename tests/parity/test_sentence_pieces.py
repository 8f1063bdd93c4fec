"""Vocabularies of released translation models beside the SentencePiece library."""

from __future__ import annotations

import io

import pytest

from mmx_std.encoders.text.tokenizers import TextTokenizer
from mmx_transformer.weights import vocabulary

library = pytest.importorskip("sentencepiece")

TEXTS = ["The king sees the queen.", "a red cube  and ﬁve blue balls", "Würfel  und\u3000Kugeln, naïve café № ½", ""]


def test_texts_have_the_pieces_and_the_reading_of_the_library() -> None:
    model = io.BytesIO()
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20), model_writer=model, vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    theirs = library.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [theirs.id_to_piece(number) for number in range(theirs.vocab_size())]
    words = {piece: row for row, piece in enumerate([*pieces, "<pad>"])}

    class Config:
        pad_token_id, eos_token_id, decoder_start_token_id = len(pieces), words["</s>"], len(pieces)

    found = vocabulary(model.getvalue(), words, Config, written=False, source="trained")
    ours = TextTokenizer(found.tokenizer, limit=200)
    for text in [*TEXTS, "the kings and the cubes", "ＦＵＬＬ width ﬁne", "unseen Ωβ letters"]:
        ids = ours.encode(text).tolist()
        expected = [words.get(piece, words["<unk>"]) for piece in theirs.encode(text, out_type=str)]
        assert [found.rows[i] for i in ids] == [*expected, words["</s>"]], text
        if words["<unk>"] not in expected:
            assert ours.decode(ids) == theirs.decode(theirs.encode(text)), text
