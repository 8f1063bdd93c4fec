"""Tokenizers that are trained on the corpus or taken from a pretrained model, and saved in the checkpoint."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mmx import ConfigError, Corpus, DataError, PortError, did_you_mean

# Texts are encoded one by one, in data workers: a thread pool per worker would only cost, and warns after every fork.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

__all__ = [
    "CLS",
    "MASK",
    "PAD",
    "SEP",
    "SPECIALS",
    "UNKNOWN",
    "TextTokenizer",
    "corpus_texts",
    "corpus_tokenizer",
    "split_words",
    "train_tokenizer",
    "word_tokenizer",
    "words_in",
]

Kind = Literal["bpe", "word", "wordpiece"]
PAD, CLS, SEP, MASK, UNKNOWN = range(5)
"""Ids of the special tokens of every tokenizer trained here. PAD is 0, the padding of batches."""
SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]")
_BYTES = 256
_TOKEN = re.compile(r"\w+|[^\w\s]+")
_MARKS = ".,;:!?\"'()[]“”‘’«»|"
_READ_TEXTS = 20_000


class TextTokenizer(nn.Module):
    """A `tokenizers` tokenizer as a module: its JSON is a uint8 buffer, saved and loaded with the weights.

    Args:
        serialized: The tokenizer's JSON; None waits for `load_state_dict`.
        limit: Longest result in tokens, specials included.
        specials: Whether `[CLS] text [SEP]` (or what the tokenizer has for them) surround the text.
        words: The words of the texts that it was trained on; only a tokenizer of bytes, which encodes any word, needs
            them to tell which mean nothing.
    """

    vocabulary: Tensor
    words: Tensor

    def __init__(self, serialized: str | None, *, limit: int, specials: bool = True, words: Iterable[str] = ()) -> None:
        super().__init__()
        self.limit = limit
        self.specials = specials
        for name, content in (("vocabulary", serialized or ""), ("words", "\n".join(sorted(words)))):
            self.register_buffer(name, torch.from_numpy(np.frombuffer(content.encode(), np.uint8).copy()))
        self._tokenizer = self._parse()

    def encode(self, raw: str | Sequence[str]) -> Tensor:
        """Return the ids of one text, or of a pair of texts: int64 (T,), possibly empty without specials.

        Raises:
            DataError: `raw` is neither a text nor a pair of texts.
        """
        if self._tokenizer is None:
            raise DataError("this tokenizer is empty: give the encoder a corpus to train it on, or load a checkpoint")
        texts = [raw] if isinstance(raw, str) else raw
        if (
            not isinstance(texts, list | tuple)
            or len(texts) not in (1, 2)
            or not all(isinstance(t, str) for t in texts)
        ):
            raise DataError(f"a text encoder takes a text or a pair of texts, not {type(raw).__name__}")
        first, second = _encodable(texts[0]), _encodable(texts[1]) if len(texts) == 2 else None
        ids = self._tokenizer.encode(first, second, add_special_tokens=self.specials).ids
        return torch.tensor(ids, dtype=torch.int64)

    def unknown_words(self, text: str) -> list[str]:
        """Return the words of a text that mean nothing: those that are not in the vocabulary.

        A tokenizer of bytes makes every word of known pieces: where not one word of a text occurs in the texts that it
        was trained on, all of them are returned.
        """
        if self._tokenizer is None:
            return []
        if self._seen:
            normal = _words(text, self._tokenizer)
            return [] if self._seen & normal.keys() else list(normal.values())
        unknown = self._tokenizer.token_to_id(getattr(self._tokenizer.model, "unk_token", None) or SPECIALS[UNKNOWN])
        words = [word.strip(_MARKS) for word in _encodable(text).split() if word not in SPECIALS]
        ids = {word: self._tokenizer.encode(word, add_special_tokens=False).ids for word in words if word}
        return [word for word, found in ids.items() if unknown is not None and unknown in found]

    @property
    def size(self) -> int:
        """Number of different tokens; 0 where it waits for a checkpoint."""
        return 0 if self._tokenizer is None else int(self._tokenizer.get_vocab_size())

    def tokens(self) -> list[str]:
        """Return every token in the order of ids, specials first; empty where it waits for a checkpoint."""
        found = {} if self._tokenizer is None else self._tokenizer.get_vocab()
        return sorted(found, key=found.__getitem__)

    def id_of(self, token: str) -> int | None:
        """Return the id of a token as it is written, specials included; None where there is none."""
        return None if self._tokenizer is None else self._tokenizer.token_to_id(token)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, without specials."""
        return "" if self._tokenizer is None else str(self._tokenizer.decode([int(i) for i in ids]))

    def cut_at(self, limit: int) -> TextTokenizer:
        """Return a tokenizer of the same words with another limit."""
        read, seen = (bytes(each.cpu().numpy()).decode() for each in (self.vocabulary, self.words))
        return TextTokenizer(read or None, limit=limit, specials=self.specials, words=seen.split("\n") if seen else ())

    def _parse(self) -> Tokenizer | None:
        self._seen = frozenset(self.words.cpu().numpy().tobytes().decode().split("\n")) - {""}
        if not len(self.vocabulary):
            return None
        tokenizer = Tokenizer.from_str(self.vocabulary.cpu().numpy().tobytes().decode())
        tokenizer.enable_truncation(self.limit)
        tokenizer.no_padding()
        return tokenizer

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any) -> None:
        """Take over a vocabulary of any length; weights of older versions have no words."""
        stored = state_dict.get(f"{prefix}vocabulary")
        if stored is not None:
            state_dict = {f"{prefix}words": stored.new_empty(0), **state_dict}
            self.vocabulary = self.vocabulary.new_empty(stored.shape)
            self.words = self.words.new_empty(state_dict[f"{prefix}words"].shape)
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        if stored is not None:
            self._tokenizer = self._parse()


def train_tokenizer(
    texts: Iterable[str], *, kind: Kind = "bpe", vocabulary: int = 4096, lowercase: bool = True, min_count: int = 1
) -> str:
    """Train a tokenizer and return its JSON. The same texts give the same JSON.

    Args:
        texts: What it learns from.
        kind: `bpe` merges bytes, so that no character is unknown; `word` takes whole words and punctuation marks, the
            rest is [UNK]; `wordpiece` splits them into pieces, of which those inside a word begin with ##.
        vocabulary: Largest number of tokens, specials included.
        lowercase: Whether case is ignored.
        min_count: Words, or merged pieces, that occur less often get no token.

    Raises:
        ConfigError: `vocabulary` has no room for the specials (and for all bytes, with `bpe`; for all characters twice,
            with `wordpiece`).
    """
    if kind == "wordpiece":
        return _train_pieces([*map(_encodable, texts)], vocabulary, min_count, lowercase=lowercase)
    smallest = len(SPECIALS) + (_BYTES if kind == "bpe" else 1)
    if vocabulary < smallest:
        raise ConfigError([f"vocabulary: tokenizer {kind!r} needs at least {smallest} tokens, not {vocabulary}"])
    options: dict[str, Any] = {
        "vocab_size": vocabulary,
        "min_frequency": min_count,
        "special_tokens": list(SPECIALS),
        "show_progress": False,
    }
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer: Any = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    else:
        tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIALS[UNKNOWN]))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(**options)
    tokenizer.normalizer = _normalizer(lowercase)
    tokenizer.train_from_iterator(map(_encodable, texts), trainer)
    return _marked(tokenizer)


def _train_pieces(texts: Sequence[str], vocabulary: int, min_count: int, *, lowercase: bool) -> str:
    """Train a tokenizer of word pieces and return its JSON.

    The library numbers characters in the order of a hash table, another one in each process, and breaks ties by number:
    here all of them are given to it in order, as specials, and what it has learned goes into a new tokenizer.
    """
    normalizer = _normalizer(lowercase)
    letters = sorted({letter for text in texts for letter in normalizer.normalize_str(text) if not letter.isspace()})
    first = [*SPECIALS, *letters, *(f"##{letter}" for letter in letters)]
    if vocabulary <= len(first):
        told = f"{len(letters)} characters, alone and inside words, need more than {len(first)} tokens"
        raise ConfigError([f"vocabulary: {told}, not {vocabulary}"])
    learner = Tokenizer(models.WordPiece(unk_token=SPECIALS[UNKNOWN]))
    learner.normalizer, learner.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    options: dict[str, Any] = {"min_frequency": min_count, "special_tokens": first, "show_progress": False}
    learner.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=vocabulary, **options))
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token=SPECIALS[UNKNOWN]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIALS))
    return _marked(tokenizer)


def _normalizer(lowercase: bool) -> normalizers.Sequence:
    return normalizers.Sequence([normalizers.NFC(), *([normalizers.Lowercase()] if lowercase else [])])


def _marked(tokenizer: Tokenizer) -> str:
    """Return a tokenizer's JSON, made to put marks around texts and pairs of texts."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return str(tokenizer.to_str())


def corpus_tokenizer(
    corpus: Corpus | None,
    field: str | None,
    *,
    kind: Kind,
    vocabulary: int,
    lowercase: bool,
    limit: int,
    specials: bool = True,
    min_count: int = 1,
    more: Iterable[str] = (),
) -> TextTokenizer:
    """Train a tokenizer on the `train` split of a corpus; without a corpus return one that waits for a checkpoint.

    Texts of `more` count as often as a word must occur to be known.
    """
    if corpus is None:
        return TextTokenizer(None, limit=limit, specials=specials)
    texts = [*corpus_texts(corpus, field), *(text for text in more for _ in range(min_count))]
    serialized = train_tokenizer(texts, kind=kind, vocabulary=vocabulary, lowercase=lowercase, min_count=min_count)
    words = words_in(texts, serialized) if kind == "bpe" else ()
    return TextTokenizer(serialized, limit=limit, specials=specials, words=words)


def word_tokenizer(words: Sequence[str], *, lowercase: bool, limit: int) -> TextTokenizer:
    """Return a tokenizer of given words, after the specials and in their order, that encodes without specials."""
    ids = {word: number for number, word in enumerate([*SPECIALS, *words])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=SPECIALS[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.normalizer = _normalizer(lowercase)
    return TextTokenizer(str(tokenizer.to_str()), limit=limit, specials=False)


def split_words(text: str, *, lowercase: bool = True) -> list[str]:
    """Return the words and punctuation marks of a text, as a tokenizer of words splits it."""
    normal = unicodedata.normalize("NFC", _encodable(text))
    return _TOKEN.findall(normal.lower() if lowercase else normal)


def words_in(texts: Iterable[str], serialized: str) -> set[str]:
    """Return the words of texts without punctuation marks around them, as a tokenizer (its JSON) normalises them."""
    tokenizer = Tokenizer.from_str(serialized)
    return {word for text in texts for word in _words(text, tokenizer)}


def corpus_texts(corpus: Corpus, field: str | None = None) -> Iterator[str]:
    """Yield the texts of a corpus's `train` split, at most 20,000 samples of it, evenly spread.

    Args:
        corpus: The corpus; no other split is looked at.
        field: Field that holds the texts (a text, several, or cues); None means every field of modality "text".

    Raises:
        PortError: There is no such field.
    """
    fields = [field] if field else sorted(name for name, modality in corpus.fields.items() if modality == "text")
    if not fields:
        raise PortError(f"a text encoder needs a text field; this corpus has {_listed(corpus.fields)}")
    if field and field not in corpus.fields:
        hint = did_you_mean(field, corpus.fields)
        raise PortError(f"the corpus has no field {field!r} for a text encoder{hint}; it has {_listed(corpus.fields)}")
    samples = corpus.split("train")
    for index in range(0, len(samples), max(1, math.ceil(len(samples) / _READ_TEXTS))):
        values = samples[index].fields
        for name in fields:
            value = values.get(name)
            if value is not None:
                yield from [value] if isinstance(value, str) else [str(getattr(item, "text", item)) for item in value]


def _words(text: str, tokenizer: Tokenizer) -> dict[str, str]:
    """Return the words of a text, normalised -> as written."""
    words = [word.strip(_MARKS) for word in _encodable(text).split()]
    normalizer = tokenizer.normalizer
    return {word if normalizer is None else normalizer.normalize_str(word): word for word in words if word}


def _listed(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({modality})" for name, modality in sorted(fields.items())) or "no fields"


def _encodable(text: str) -> str:
    """Replace lone surrogates, which Python allows in a str and UTF-8 does not."""
    return text.encode("utf-8", "replace").decode()
