"""Subtitles, queries, captions, questions: texts to rows of tokens, with one vocabulary for all of them.

Shape legend: B samples, S texts, L tokens, R = 3 + L numbers of a row (see `rows`).
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx.errors import AssetError, DataError, PortError, did_you_mean
from mmx.interfaces import Corpus
from mmx.types import Cue, Features
from mmx_hero import rows
from mmx_std.tokenizer import SEP, TextTokenizer, train_tokenizer

Positive = Annotated[int, Field(ge=1)]
Texts = Annotated[Sequence[str] | None, Field(description="Fields that the vocabulary is made of; all by default.")]
KINDS = ("word", "bpe")
BAR = "|"
"""Parts a question from its candidate answers, and these from each other."""
_READ = 20_000


class TimedText(nn.Module):
    """Texts with their times (modality cues) as rows of tokens: start, end, number of tokens, tokens.

    A text that is written in capitals only is lower-cased, entities become characters, and a separator stands before
    it. Nothing is learned here: words get their meaning in the fuser, so that subtitles and queries share it.

    Args:
        corpus: Its `train` split trains the tokenizer.
        tokenizer: `word`, `bpe`, or a hub id or folder of a pretrained tokenizer.
        texts: Fields of the corpus that make the vocabulary; all of text and cues by default. Every encoder of an
            experiment needs the same.
        vocabulary: Largest number of different tokens.
        tokens: Longest text in tokens, separator included; the rest is cut off.
        lines: Most texts of one sample; the rest is left out.
        separator: Token before every text.
    """

    modality = "cues"

    def __init__(
        self,
        corpus: Corpus | None,
        tokenizer: Annotated[str, Field(description="word, bpe, or a pretrained one.")] = "word",
        *,
        texts: Texts = None,
        vocabulary: Positive = 4096,
        tokens: Positive = 60,
        lines: Positive = 100,
        separator: Annotated[int, Field(ge=0, description="Token before every text.")] = SEP,
    ) -> None:
        super().__init__()
        self.tokenizer = shared_tokenizer(corpus, tokenizer, texts, vocabulary, tokens)
        self.tokens, self.lines, self.separator = tokens, lines, separator
        self.out_dim = rows.TOKENS + tokens

    def prepare(self, raw: Any) -> Tensor:
        """Turn a tuple of `Cue` into float32 rows (lines, R), empty ones after the last.

        Raises:
            DataError: It is something else.
        """
        if not isinstance(raw, tuple | list) or not all(isinstance(cue, Cue) for cue in raw):
            raise DataError(f"texts with times are a tuple of Cue, not {type(raw).__name__}")
        found = torch.zeros(self.lines, self.out_dim)
        for row, cue in zip(found, raw[: self.lines], strict=False):
            fill(row, self.tokenizer, [self.separator], cue.text, self.tokens)
            row[rows.START], row[rows.END] = cue.start, cue.end
        return found

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the rows (B, S, R) as they are."""
        return rows.features(x)


class Choices(nn.Module):
    """A question with candidate answers, or one statement, as rows of tokens: one row per candidate.

    `question | answer | answer | ...`; a text without a bar is one candidate by itself. A row holds the question, a
    separator and the answer; its times are empty.

    Args:
        corpus: Its `train` split trains the tokenizer.
        tokenizer: `word`, `bpe`, or a hub id or folder of a pretrained tokenizer.
        texts: Fields that make the vocabulary; see `hero/timed-text`.
        vocabulary: Largest number of different tokens.
        tokens: Longest question with an answer, in tokens.
        candidates: Rows; a text with more candidates is refused.
        separator: Token before the question and before the answer.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        tokenizer: Annotated[str, Field(description="word, bpe, or a pretrained one.")] = "word",
        *,
        texts: Texts = None,
        vocabulary: Positive = 4096,
        tokens: Positive = 120,
        candidates: Positive = 5,
        separator: Annotated[int, Field(ge=0, description="Token before question and answer.")] = SEP,
    ) -> None:
        super().__init__()
        self.tokenizer = shared_tokenizer(corpus, tokenizer, texts, vocabulary, tokens)
        self.tokens, self.candidates, self.separator = tokens, candidates, separator
        self.out_dim = rows.TOKENS + tokens

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into float32 rows (candidates, R).

        Raises:
            DataError: It is no text, or has more candidates than there is room for.
        """
        if not isinstance(raw, str):
            raise DataError(f"a question is a text, not {type(raw).__name__}")
        question, *answers = (part.strip() for part in raw.split(BAR))
        if len(answers) > self.candidates:
            raise DataError(f"{len(answers)} candidate answers; this model weighs {self.candidates}")
        found = torch.zeros(self.candidates, self.out_dim)
        if not question:
            return found
        for row, answer in zip(found, answers or [""], strict=False):
            fill(row, self.tokenizer, [self.separator], question, self.tokens)
            if answer:
                fill(row, self.tokenizer, [self.separator], answer, self.tokens)
        return found

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the rows (B, C, R) as they are."""
        return rows.features(x)


def fill(row_R: Tensor, tokenizer: TextTokenizer, before: Sequence[int], text: str, limit: int) -> None:
    """Append tokens to a row, as far as there is room."""
    text = html.unescape(text)
    if text.isupper():
        text = text.lower()
    ids = [*before, *tokenizer.encode(text).tolist()]
    first = int(row_R[rows.COUNT])
    ids = ids[: limit - first]
    row_R[rows.TOKENS + first : rows.TOKENS + first + len(ids)] = torch.tensor(ids, dtype=row_R.dtype)
    row_R[rows.COUNT] = first + len(ids)


def shared_tokenizer(
    corpus: Corpus | None, kind: str, texts: Sequence[str] | None, vocabulary: int, limit: int
) -> TextTokenizer:
    """Return a tokenizer: the same for every encoder that asks for the same.

    Raises:
        AssetError: A pretrained one cannot be had.
        PortError: The corpus has no such fields.
    """
    if kind not in KINDS:
        return TextTokenizer(pretrained(kind), limit=limit, specials=False)
    if corpus is None:
        return TextTokenizer(None, limit=limit, specials=False)
    key = (corpus.digest, kind, tuple(texts or ()), vocabulary)
    if key not in _TRAINED:
        _TRAINED.clear()  # one experiment is built at a time
        chosen: Literal["word", "bpe"] = "word" if kind == "word" else "bpe"
        _TRAINED[key] = train_tokenizer(words_of(corpus, texts), kind=chosen, vocabulary=vocabulary)
    return TextTokenizer(_TRAINED[key], limit=limit, specials=False)


_TRAINED: dict[tuple[Any, ...], str] = {}


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
        AssetError: It cannot be had.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        return str(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to its own
        raise AssetError(
            f"tokenizer {name!r} is none of {', '.join(KINDS)}, no local folder with tokenizer.json, and not to be had "
            f"from the hub ({type(error).__name__})"
        ) from error
