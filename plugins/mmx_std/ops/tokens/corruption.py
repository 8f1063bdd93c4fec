"""Hidden words: which tokens of a text are hidden, and what is shown in their place.

Shape legend: B texts, T tokens, V vocabulary, R tokens that may be shown at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from mmx_std.encoders.text.tokenizers import SPECIALS, TextTokenizer
from mmx_std.ops.masking import drawn

__all__ = ["KEY", "Hiding", "Policy", "Vocabulary", "hidden_key", "vocabulary_of"]

Policy = Literal["random", "whole-word", "span", "attention-weighted"]
KEY: Final = "hidden"
STOP: Final = 0.2
"""Probability that a span ends after each word (Joshi et al., 2020, section 3.1)."""
LONGEST_SPAN: Final = 10
"""Words of a span."""
ATTENDED: Final = 0.2
"""Part of a text's tokens that counts as the most attended (Zellers et al., 2021)."""


@dataclass(frozen=True)
class Vocabulary:
    """What hiding needs to know of a tokenizer.

    Attributes:
        mask: The token that stands for a hidden one.
        fixed_V: True for marks that are never hidden: beginnings, ends, padding, the mask.
        regular_R: Tokens that may be shown in place of a hidden one.
        inside_V: True for pieces that continue a word.
    """

    mask: int
    fixed_V: Tensor
    regular_R: Tensor
    inside_V: Tensor


def vocabulary_of(tokenizer: TextTokenizer, rows: int) -> Vocabulary:
    """Return what hiding needs to know of a tokenizer; without words it has the ids of one that is trained here.

    Args:
        tokenizer: Of words, word pieces (inside a word they begin with ##) or bytes (a word begins with a space).
        rows: V, of the table of words, which may be larger than the vocabulary.
    """
    words = tokenizer.tokens() or list(SPECIALS)
    special = [words.index(name) if name in words else -1 for name in SPECIALS]
    fixed_V, inside_V = torch.zeros(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.bool)
    fixed_V[[number for number in special[:4] if number >= 0]] = True
    regular = [number for number in range(len(words)) if number not in special]
    spaced = any(word.startswith("\u0120") for word in words)
    inside = [
        number for number in regular if words[number].startswith("##") or (spaced and words[number][0] != "\u0120")
    ]
    inside_V[inside] = True
    return Vocabulary(special[3], fixed_V, torch.tensor(regular or [0]), inside_V)


@dataclass(frozen=True)
class Hiding:
    """Choice of hidden tokens, and of what is shown instead (Devlin et al., 2019, section 3.1).

    Of a text of n tokens, marks included, min(`most`, max(1, round(`share` n))) are hidden, never its marks.

    Attributes:
        policy: Tokens at `random`; all pieces of a `whole-word` together, unless they would be too many; a `span` of
            words, whose length is geometric and at most 10; or `attention-weighted` as in MERLOT: half of the draws are
            among the fifth of the tokens that is most attended to, and take up to two neighbours on each side.
        share: Part of the tokens.
        most: Of a text.
        masked: Part of the hidden tokens that is shown as the mask.
        kept: Part that is shown as it is; the rest is shown as a random token.
    """

    policy: Policy = "random"
    share: float = 0.15
    most: int = 20
    masked: float = 0.8
    kept: float = 0.1

    def choose(
        self,
        ids_BT: Tensor,
        real_BT: Tensor,
        words: Vocabulary,
        generator: torch.Generator,
        attended_BT: Tensor | None = None,
    ) -> Tensor:
        """Return which tokens are hidden, bool (B, T).

        Args:
            ids_BT: Tokens.
            real_BT: False at padding.
            words: Of the tokenizer.
            generator: Draws, on the CPU.
            attended_BT: How much each token is attended to, for the policy `attention-weighted`.

        Raises:
            ValueError: The policy needs `attended_BT`.
        """
        free_BT = real_BT & ~words.fixed_V.to(ids_BT.device)[ids_BT]
        count_B = (real_BT.sum(1) * self.share).round().clamp(min=1, max=self.most)
        if self.policy == "attention-weighted":
            if attended_BT is None:
                raise ValueError("the policy attention-weighted needs the attention that tokens are given")
            rows = zip(free_BT.tolist(), attended_BT.tolist(), count_B.tolist(), strict=True)
            hidden = [_of_attention(*row, generator) for row in rows]
            return torch.tensor(hidden, dtype=torch.bool, device=ids_BT.device).reshape(ids_BT.shape)
        keys_BT = drawn(ids_BT.shape, generator, ids_BT).masked_fill(~free_BT, 2.0)
        if self.policy == "random":
            rank_BT = keys_BT.argsort(1).argsort(1)
            return free_BT & (rank_BT < count_B[:, None])
        begins_BT = free_BT & ~words.inside_V.to(ids_BT.device)[ids_BT]
        begins_BT[:, 1:] |= free_BT[:, 1:] & ~free_BT[:, :-1]
        of_words = zip(free_BT.tolist(), begins_BT.tolist(), keys_BT.tolist(), count_B.tolist(), strict=True)
        hidden = [self._of_words(*row, generator) for row in of_words]
        return torch.tensor(hidden, dtype=torch.bool, device=ids_BT.device).reshape(ids_BT.shape)

    def corrupt(self, ids_BT: Tensor, hidden_BT: Tensor, words: Vocabulary, generator: torch.Generator) -> Tensor:
        """Return the tokens that are shown (B, T)."""
        fate_BT = drawn(ids_BT.shape, generator, ids_BT)
        place_BT = (drawn(ids_BT.shape, generator, ids_BT) * len(words.regular_R)).long()
        random_BT = words.regular_R.to(ids_BT.device)[place_BT]
        shown_BT = torch.where(fate_BT < 1 - self.kept, random_BT, ids_BT)
        shown_BT = torch.where(fate_BT < self.masked, words.mask, shown_BT)
        return torch.where(hidden_BT, shown_BT, ids_BT)

    def _of_words(
        self, free: Sequence[bool], begins: Sequence[bool], keys: Sequence[float], count: float, generator: Any
    ) -> list[bool]:
        """Return which tokens of one text are hidden, words as wholes, in the order of the keys of their beginnings."""
        groups = list(_words(free, begins))
        hidden = [False] * len(free)
        for start in sorted(range(len(groups)), key=lambda number: keys[groups[number][0]]):
            length = 1 if self.policy == "whole-word" else _geometric(generator)
            for group in groups[start : start + length]:
                fresh = [place for place in group if not hidden[place]]
                if sum(hidden) + len(fresh) <= count:
                    for place in fresh:
                        hidden[place] = True
            if sum(hidden) >= count:
                break
        return hidden


def hidden_key(text: str) -> str:
    """Return the target under which the truth of an encoder's hidden tokens travels: (B, T), -1 where none is."""
    return f"{KEY} {text}"


def _words(free: Sequence[bool], begins: Sequence[bool]) -> Iterator[list[int]]:
    """Yield the places of each word."""
    group: list[int] = []
    for place, (here, begin) in enumerate(zip(free, begins, strict=True)):
        if group and (begin or not here):
            yield group
            group = []
        if here:
            group.append(place)
    if group:
        yield group


def _geometric(generator: torch.Generator) -> int:
    """Return a length of 1 to 10: it grows by one with probability 0.8."""
    more = torch.rand(LONGEST_SPAN - 1, generator=generator) >= STOP
    return 1 + int(more.long().cumprod(0).sum())


def _of_attention(
    free: Sequence[bool], attended: Sequence[float], count: float, generator: torch.Generator
) -> list[bool]:
    """Return which tokens of one text are hidden: draws among the most attended ones or all, with their neighbours."""
    places = [place for place, each in enumerate(free) if each]
    ranked = sorted(places, key=lambda place: -attended[place])
    best = ranked[: max(1, round(ATTENDED * len(places)))]
    hidden = [False] * len(free)
    while sum(hidden) < min(count, len(places)):
        coin, where, left, right = torch.rand(4, generator=generator).tolist()
        pool = [place for place in (best if coin < 0.5 else places) if not hidden[place]]
        pool = pool or [place for place in places if not hidden[place]]
        middle = pool[int(where * len(pool))]
        around = [*range(middle - 1, middle - 1 - _reach(left), -1), *range(middle + 1, middle + 1 + _reach(right))]
        for place in (middle, *around):
            if 0 <= place < len(free) and free[place] and sum(hidden) < count:
                hidden[place] = True
    return hidden


def _reach(uniform: float) -> int:
    """Return 0, 1 or 2 neighbours with probabilities .625, .25 and .125 of a uniform number."""
    return (uniform >= 0.625) + (uniform >= 0.875)
