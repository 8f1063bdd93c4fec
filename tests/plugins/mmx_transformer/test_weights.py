"""SentencePiece files: the likeliest pieces of a text, at the rows of the model."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest

from mmx.errors import AssetError
from mmx_std.encoders.text.tokenizers import CLS, MASK, PAD, SEP, UNKNOWN, TextTokenizer
from mmx_transformer.weights import read_pieces, vocabulary
from tests.plugins.mmx_transformer.release import SOURCE, TARGET, WORDS, field, spm

ROWS = {word: row for row, word in enumerate([*WORDS, "<pad>"])}
CONFIG = SimpleNamespace(pad_token_id=ROWS["<pad>"], eos_token_id=0, decoder_start_token_id=ROWS["<pad>"])


def likeliest(text: str) -> list[str]:
    """Return the cut of a text into pieces with the largest sum of scores, of all cuts."""
    best: list[str] = []
    for cuts in itertools.product([False, True], repeat=len(text) - 1):
        places = [0, *(n + 1 for n, cut in enumerate(cuts) if cut), len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(places)]
        if all(part in SOURCE for part in parts):
            best = max(best, parts, key=lambda each: sum(map(SOURCE.__getitem__, each)) if each else -1e9)
    return best


def test_a_file_gives_the_scores_that_were_written() -> None:
    found = read_pieces(spm(SOURCE) + field(3, field(2, b"table")), "x")
    assert found.scores == pytest.approx(SOURCE) and found.characters == b"table"


@pytest.mark.parametrize(
    "content", [b"\x0a\xff", b"hello", b"", spm(SOURCE, kind=2)], ids=["cut", "text", "empty", "bpe"]
)
def test_what_is_no_file_of_a_unigram_model_is_refused(content: bytes) -> None:
    with pytest.raises(AssetError, match=r"x: .*SentencePiece file"):
        read_pieces(content, "x")


def test_texts_are_cut_into_the_likeliest_pieces_at_the_rows_of_the_model() -> None:
    found = vocabulary(spm(SOURCE), ROWS, CONFIG, written=False, source="x")
    tokenizer = TextTokenizer(found.tokenizer, limit=20)
    for text in ("the cubes", "  the  red cube ", "cube", "thes"):
        ids = tokenizer.encode(text).tolist()
        parts = likeliest("▁" + "▁".join(text.split()))
        if parts:
            assert [found.rows[i] for i in ids] == [*(ROWS.get(part, 1) for part in parts), 0]
    assert [found.rows[i] for i in tokenizer.encode("b").tolist()] == [ROWS["▁"], 1, 0], "a piece without a row"
    assert [found.rows[i] for i in tokenizer.encode(">>deu<< the").tolist()] == [ROWS[">>deu<<"], ROWS["▁the"], 0]
    assert tokenizer.encode("Ω the").tolist()[1] == UNKNOWN


def test_ids_are_this_projects_and_each_row_is_written_by_one_of_them() -> None:
    found = vocabulary(spm(TARGET), ROWS, CONFIG, written=True, source="x")
    tokenizer = TextTokenizer(found.tokenizer, limit=20)
    ids = tokenizer.encode("die Würfel").tolist()
    assert ids[0] == CLS and ids[-1] == SEP and tokenizer.decode(ids) == "die Würfel"
    assert [found.rows[i] for i in (PAD, CLS, SEP, UNKNOWN)] == [ROWS["<pad>"], ROWS["<pad>"], 0, 1]
    assert not any(found.first[i] for i in (PAD, CLS, MASK))
    written = [row for row, first in zip(found.rows, found.first, strict=True) if first]
    assert sorted(written) == sorted(row for word, row in ROWS.items() if word != "<pad>")


def test_a_table_without_the_unknown_token_is_refused() -> None:
    with pytest.raises(AssetError, match="no <unk>"):
        vocabulary(spm(SOURCE), json.loads('{"a": 0}'), CONFIG, written=False, source="x")
