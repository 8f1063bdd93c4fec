"""Tokenizer of an experiment: trained on the texts of its corpus, or pretrained."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Literal

from mmx import AssetError, Corpus, PortError, did_you_mean
from mmx_std import tokenizers

KINDS = ("word", "bpe")
BAR = "|"
"""Separates a question from its candidate answers, and these from each other."""
_READ = 20_000


def shared_tokenizer(
    corpus: Corpus | None, kind: str, texts: Sequence[str] | None, vocabulary: int, limit: int
) -> tokenizers.TextTokenizer:
    """Return a tokenizer: the same for every encoder that asks for the same.

    Raises:
        AssetError: A pretrained one cannot be loaded.
        PortError: The corpus has no such fields.
    """
    if kind not in KINDS:
        return tokenizers.TextTokenizer(pretrained(kind), limit=limit, specials=False)
    if corpus is None:
        return tokenizers.TextTokenizer(None, limit=limit, specials=False)
    key = (corpus.digest, kind, tuple(texts or ()), vocabulary)
    if key not in _TRAINED:
        _TRAINED.clear()  # one experiment is built at a time
        chosen: Literal["word", "bpe"] = "word" if kind == "word" else "bpe"
        read = list(words_of(corpus, texts))
        serialized = tokenizers.train_tokenizer(read, kind=chosen, vocabulary=vocabulary)
        _TRAINED[key] = serialized, tokenizers.words_in(read, serialized) if kind == "bpe" else set()
    serialized, words = _TRAINED[key]
    return tokenizers.TextTokenizer(serialized, limit=limit, specials=False, words=words)


_TRAINED: dict[tuple[Any, ...], tuple[str, Set[str]]] = {}


def tokens_of(built: Mapping[str, Any], place: str, given: int | None) -> int:
    """Return the number of different tokens of another part, unless one is given.

    Args:
        built: Parts that are built already, by place.
        place: Of that part: `encoders.NAME`, or `fuser`.
        given: The number that the user gives.

    Raises:
        PortError: None is given, and that part has none.
    """
    if given is not None:
        return given
    found = getattr(built.get(place), "vocabulary", None)
    if not isinstance(found, int):
        raise PortError(
            f"vocabulary: {place} has none to take it from; give a number{did_you_mean(place, set(built) - {place})}"
        )
    return found


def words_of(corpus: Corpus, texts: Sequence[str] | None) -> Iterator[str]:
    """Yield the texts of a corpus's `train` split, those of cues among them; at most 20,000 samples of it.

    Raises:
        PortError: There is no such field.
    """
    fields: Mapping[str, str] = corpus.fields
    names = [name for name, kind in sorted(fields.items()) if kind in ("text", "cues")] if texts is None else texts
    for name in names:
        if fields.get(name) not in ("text", "cues"):
            raise PortError(f"texts: the corpus has no texts {name!r}{did_you_mean(name, fields)}")
    if not names:
        raise PortError("the corpus has neither texts nor cues to make a vocabulary of")
    samples = corpus.split("train")
    for index in range(0, len(samples), max(1, -(-len(samples) // _READ))):
        values = samples[index].fields
        for name in names:
            value = values.get(name)
            if isinstance(value, str):
                yield from value.split(BAR)
            elif value is not None:
                yield from (html.unescape(cue.text) for cue in value)


def pretrained(name: str) -> str:
    """Return the JSON of a pretrained tokenizer: hub id, or a folder with tokenizer.json.

    Raises:
        AssetError: It cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        return str(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"tokenizer {name!r} is none of {', '.join(KINDS)}, no local folder with tokenizer.json, and not "
            f"available from the hub ({type(error).__name__})"
        ) from error
