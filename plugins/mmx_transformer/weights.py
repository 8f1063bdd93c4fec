"""Vocabularies of released translation models: SentencePiece files, read without its library.

A `.spm` file is a protocol-buffer message: fields by number, each a varint, a float or a run of bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from mmx import AssetError
from mmx_std import tokenizers

__all__ = ["Pieces", "Vocabulary", "read_pieces", "vocabulary"]

_UNIGRAM: Final = 1
_WRITTEN: Final = (1, 4)
"""Kinds of pieces that occur in texts: normal, and given by the user."""
_NEVER: Final = -1e6
"""Score of tokens that the file does not know: they are taken for characters that nothing else covers."""


@dataclass(frozen=True)
class Pieces:
    """What a SentencePiece file holds.

    Attributes:
        scores: Piece -> log-probability.
        characters: Table of replacements in the format of the file, empty for none.
    """

    scores: Mapping[str, float]
    characters: bytes


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer whose special tokens have the ids of this project, and where its tokens are in the model.

    Attributes:
        tokenizer: Its JSON.
        rows: Row of the model's table, by id.
        first: Ids that may be written: one of each row, and neither padding, start nor mask.
    """

    tokenizer: str
    rows: list[int]
    first: list[bool]


def vocabulary(spm: bytes, words: Mapping[str, int], config: Any, *, written: bool, source: str) -> Vocabulary:
    """Return the vocabulary of one side of a translation model.

    Args:
        spm: Content of `source.spm` or `target.spm`.
        words: Content of `vocab.json`: token -> row of the table.
        config: Of the model: rows of padding, of the end and of the start.
        written: Texts are given a start, as those that a decoder writes; else an end only.
        source: Where it comes from, for messages.
    """
    pieces = read_pieces(spm, source)
    unknown = words.get("<unk>")
    if unknown is None:
        raise AssetError(f"{source}: vocab.json has no <unk>")
    special = {"<unk>", *(token for token, row in words.items() if row in (config.pad_token_id, config.eos_token_id))}
    plain = [token for token in sorted(words, key=words.__getitem__) if token not in special]
    extra = sorted(set(pieces.scores) - set(plain) - special)
    rows = [config.pad_token_id, config.decoder_start_token_id, config.eos_token_id, unknown, unknown]
    rows += [words[token] for token in plain] + [unknown] * len(extra)
    names = [*tokenizers.SPECIALS, *plain, *extra]
    tokenizer = Tokenizer(models.Unigram([(each, pieces.scores.get(each, _NEVER)) for each in names], 4, False))
    cleaned = [normalizers.Precompiled(pieces.characters)] if pieces.characters else []
    spaces = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence([*cleaned, *spaces])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always", split=False)
    tokenizer.add_special_tokens(list(tokenizers.SPECIALS))
    codes = [token for token in plain if token.startswith(">>") and token.endswith("<<")]
    tokenizer.add_tokens([AddedToken(code, normalized=False) for code in codes])
    marks = [("[CLS]", tokenizers.CLS), ("[SEP]", tokenizers.SEP)]
    single = "[CLS] $A [SEP]" if written else "$A [SEP]"
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=marks)
    seen: dict[int, int] = {}
    for number, row in enumerate(rows):
        seen.setdefault(row, number)
    first = [seen[row] == number for number, row in enumerate(rows)]
    for number in (tokenizers.PAD, tokenizers.CLS, tokenizers.MASK):
        first[number] = False
    first[tokenizers.UNKNOWN] = True
    return Vocabulary(str(tokenizer.to_str()), rows, first)


def read_pieces(spm: bytes, source: str) -> Pieces:
    """Return what a SentencePiece file holds.

    Raises:
        AssetError: It is no such file, or its pieces are not those of a unigram model.
    """
    scores: dict[str, float] = {}
    characters, kind = b"", _UNIGRAM
    try:
        for number, value in _fields(spm):
            if number == 1:
                piece = {1: b"", 2: 0.0, 3: 1, **dict(_fields(value))}
                if piece[3] in _WRITTEN:
                    scores[piece[1].decode()] = piece[2]
            elif number == 2:
                kind = dict(_fields(value)).get(3, _UNIGRAM)
            elif number == 3:
                characters = dict(_fields(value)).get(2, b"")
    except (IndexError, ValueError, AttributeError, TypeError, struct.error) as error:
        raise AssetError(f"{source}: not a SentencePiece file") from error
    if kind != _UNIGRAM or not scores:
        raise AssetError(f"{source}: a SentencePiece file of a unigram model is needed, as Marian's releases have")
    return Pieces(scores, characters)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the number and the value of each field of a message: an int, a float or bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield number, struct.unpack_from("<d" if wire == 1 else "<f", message, place)[0]
            place += size
        elif wire == 2:
            size, place = _varint(message, place)
            if place + size > len(message):
                raise ValueError("the message is cut")
            yield number, message[place : place + size]
            place += size
        else:
            raise ValueError(f"no such type of field: {wire}")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the place after it."""
    value = shift = 0
    while True:
        byte = message[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place
