"""Encoders of subtitles, queries, captions and questions: rows of tokens with a shared vocabulary.

Shape legend: B samples, S texts, L tokens, R = 3 + L numbers of a row (see `rows`).
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import ConfigError, Corpus, Cue, DataError, Features
from mmx_hero.model import rows
from mmx_hero.model.vocabulary import BAR, KINDS, shared_tokenizer
from mmx_std import tokenizers

Positive = Annotated[int, Field(ge=1)]
DEFAULT_VOCABULARY = 4096
"""Largest number of different tokens where nobody says another."""


class TextRows(nn.Module):
    """Common base of the text encoders: the experiment's tokenizer and the layout of a row.

    Args:
        corpus: Its `train` split trains the tokenizer.
        tokenizer: `word`, `bpe`, or a hub id or folder of a pretrained tokenizer.
        built: Parts that are built already, other text encoders among them (filled in).
        texts: Fields of the corpus that make the vocabulary; all of text and cues by default. Every encoder of an
            experiment needs the same.
        vocabulary: Largest number of different tokens of `word` and `bpe`. By default that of the experiment's first
            text encoder, and 4096 for that one: set it there, and every other part follows.
        tokens: Most tokens of a row.
        separator: Token before every text.
    """

    vocabulary: int

    def __init__(
        self,
        corpus: Corpus | None,
        tokenizer: str,
        texts: Sequence[str] | None,
        built: Mapping[str, Any],
        *,
        vocabulary: int | None,
        tokens: int,
        separator: int,
    ) -> None:
        super().__init__()
        others = {place: part for place, part in built.items() if isinstance(part, TextRows)}
        limit = vocabulary or next((part.vocabulary for part in others.values()), DEFAULT_VOCABULARY)
        self.tokenizer = shared_tokenizer(corpus, tokenizer, texts, limit, tokens)
        self.vocabulary = limit if tokenizer in KINDS else self.tokenizer.size
        for place, part in others.items():
            if not torch.equal(part.tokenizer.vocabulary, self.tokenizer.vocabulary):
                raise ConfigError(
                    [f"tokenizer, texts, vocabulary: not those of {place}; all texts share one word table"]
                )
        self.tokens, self.separator = tokens, separator
        self.out_dim = rows.TOKENS + tokens

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Return the rows (B, S, R) unchanged, one per text or candidate."""
        return rows.features(x)

    def append(self, row_R: Tensor, text: str) -> None:
        """Append a separator and the tokens of a text to a row, as far as there is room."""
        text = html.unescape(text)
        if text.isupper():
            text = text.lower()
        ids = [self.separator, *self.tokenizer.encode(text).tolist()]
        first = int(row_R[rows.COUNT])
        ids = ids[: self.tokens - first]
        row_R[rows.TOKENS + first : rows.TOKENS + first + len(ids)] = torch.tensor(ids, dtype=row_R.dtype)
        row_R[rows.COUNT] = first + len(ids)


class TimedText(TextRows):
    """Texts with their times (modality cues) as rows of tokens: start, end, number of tokens, tokens.

    A text in capitals only is lower-cased, HTML entities are decoded, and a separator is prepended. The encoder has no
    weights: words are embedded in the fuser, so that subtitles and queries share the table.

    Args:
        tokens: Longest text in tokens, separator included; the rest is cut off.
        lines: Most texts of one sample; the rest is left out, with one warning.
        separator: Token before every text.
    """

    modality = "cues"

    def __init__(
        self,
        corpus: Corpus | None,
        tokenizer: str = "word",
        *,
        built: Mapping[str, Any],
        texts: Sequence[str] | None = None,
        vocabulary: Positive | None = None,
        tokens: Positive = 60,
        lines: Positive = 100,
        separator: Annotated[int, Field(ge=0)] = tokenizers.SEP,
    ) -> None:
        super().__init__(corpus, tokenizer, texts, built, vocabulary=vocabulary, tokens=tokens, separator=separator)
        self.lines, self.warned = lines, False

    def prepare(self, raw: Any) -> Tensor:
        """Turn a tuple of `Cue` into float32 rows (lines, R), empty ones after the last.

        Raises:
            DataError: It is not a tuple of cues.
        """
        if not isinstance(raw, tuple | list) or not all(isinstance(cue, Cue) for cue in raw):
            raise DataError(f"texts with times are a tuple of Cue, not {type(raw).__name__}")
        if len(raw) > self.lines and not self.warned:
            self.warned = True
            warnings.warn(
                f"a sample has {len(raw)} texts, of which hero/timed-text takes the first {self.lines}: "
                "raise `lines`, or split long videos into items (std/manifest: columns start and end)",
                stacklevel=2,
            )
        found = torch.zeros(self.lines, self.out_dim)
        for row, cue in zip(found, raw[: self.lines], strict=False):
            self.append(row, cue.text)
            row[rows.START], row[rows.END] = cue.start, cue.end
        return found


class Choices(TextRows):
    """A question with candidate answers, or one statement, as rows of tokens: one row per candidate.

    `question | answer | answer | ...`; a text without a bar is a single candidate. A row holds the question, a
    separator and the answer; its times are empty.

    Args:
        tokens: Longest question with an answer, in tokens.
        candidates: Rows; a text with more candidates is refused.
        separator: Token before the question and before the answer.
    """

    modality = "text"

    def __init__(
        self,
        corpus: Corpus | None,
        tokenizer: str = "word",
        *,
        built: Mapping[str, Any],
        texts: Sequence[str] | None = None,
        vocabulary: Positive | None = None,
        tokens: Positive = 120,
        candidates: Positive = 5,
        separator: Annotated[int, Field(ge=0)] = tokenizers.SEP,
    ) -> None:
        super().__init__(corpus, tokenizer, texts, built, vocabulary=vocabulary, tokens=tokens, separator=separator)
        self.candidates = candidates

    def prepare(self, raw: Any) -> Tensor:
        """Turn one text into float32 rows (candidates, R).

        Raises:
            DataError: It is not a text, or has more candidates than rows.
        """
        if not isinstance(raw, str):
            raise DataError(f"a question is a text, not {type(raw).__name__}")
        question, *answers = (part.strip() for part in raw.split(BAR))
        if len(answers) > self.candidates:
            raise DataError(f"{len(answers)} candidate answers; this model takes {self.candidates}")
        found = torch.zeros(self.candidates, self.out_dim)
        if not question:
            return found
        for row, answer in zip(found, answers or [""], strict=False):
            self.append(row, question)
            if answer:
                self.append(row, answer)
        return found
