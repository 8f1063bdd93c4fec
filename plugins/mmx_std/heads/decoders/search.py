"""Search for a text, word by word: greedy, the best of a beam, or drawn from the likeliest words.

Shape legend: B texts, K hypotheses of each, N = B * K, V vocabulary, T words, P places that are attended to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from mmx_std.encoders.text.tokenizers import CLS, MASK, PAD, SEP, UNKNOWN

__all__ = ["NEVER", "State", "Step", "Written", "sample", "search"]

State = Mapping[str, Tensor]
"""What a decoder remembers between words: tensors by name, one row for each hypothesis."""
Step = Callable[[Tensor, State], tuple[Tensor, State, Tensor | None]]
"""Last words (N,) and state -> logits of the next words (N, V), the new state, where it looked (N, P) or None."""
NEVER: Final = (PAD, CLS, MASK, UNKNOWN)
"""Tokens that are never written."""


@dataclass(frozen=True)
class Written:
    """Texts that a search found.

    Attributes:
        ids_BT: Tokens, -1 from the end on.
        log_p_B: Log-probability of each text, its end included.
        maps_BTP: Where the decoder looked when it wrote each token; None for one that does not look.
    """

    ids_BT: Tensor
    log_p_B: Tensor
    maps_BTP: Tensor | None


def search(
    step: Step,
    state: State,
    *,
    tokens: int,
    beam: int = 1,
    length_penalty: float = 1.0,
    length_offset: float = 0.0,
    start: int = CLS,
    end: int = SEP,
    never: Sequence[int] = NEVER,
) -> Written:
    """Return the best text of each row; a text that does not end in time is cut.

    Hypotheses are ranked by log-probability / length ** `length_penalty`, the end counting as a word; with an offset o
    the length is (o + length) / (o + 1). One that has ended keeps its rank until `beam` better ones are there.

    Args:
        step: The decoder.
        state: Its state before the first word, one row for each text (B, ...).
        tokens: Longest text.
        beam: Hypotheses that are kept of each text; 1 is greedy.
        length_penalty: 0 ranks by probability, which prefers short texts; 1 by the mean over words.
        length_offset: 5 gives the penalty of Wu et al., 2016 (equation 14), which Vaswani et al., 2017, use.
        start: The token before the first word.
        end: The token after the last one.
        never: Tokens that are not written.
    """
    rows = len(next(iter(state.values())))
    device = next(iter(state.values())).device
    state = {name: value.repeat_interleave(beam, 0) for name, value in state.items()}
    word_N = torch.full((rows * beam,), start, device=device)
    log_p_BK = torch.full((rows, beam), -torch.inf, device=device)
    log_p_BK[:, 0] = 0.0  # all hypotheses are the same at first: one of them is enough
    over_BK = torch.zeros(rows, beam, dtype=torch.bool, device=device)
    length_BK = torch.zeros(rows, beam, device=device)
    ids_BKT = torch.zeros(rows, beam, 0, dtype=torch.int64, device=device)
    maps: list[Tensor] = []
    for _ in range(tokens):
        logits_NV, state, map_NP = step(word_N, state)
        more_BKV = _more(logits_NV.float(), over_BK, end, never)
        count = more_BKV.shape[-1]
        length_BK = length_BK + ~over_BK
        total_BKV = log_p_BK[..., None] + more_BKV
        rank_BKV = total_BKV / _cost(length_BK[..., None], length_penalty, length_offset)
        best_BK = rank_BKV.flatten(1).topk(beam, dim=1).indices
        from_BK, word_BK = best_BK // count, best_BK % count
        log_p_BK = total_BKV.flatten(1).gather(1, best_BK)
        length_BK, over_BK = length_BK.gather(1, from_BK), over_BK.gather(1, from_BK)
        from_N = (from_BK + beam * torch.arange(rows, device=device)[:, None]).flatten()
        state = {name: value[from_N] for name, value in state.items()}
        ids_BKT = torch.cat([ids_BKT.flatten(0, 1)[from_N].view(rows, beam, -1), word_BK[..., None]], -1)
        maps = [each[from_N] for each in (maps if map_NP is None else [*maps, map_NP])]
        over_BK = over_BK | (word_BK == end)
        word_N = word_BK.flatten()
        if bool(over_BK.all()):
            break
    best_B = (log_p_BK / _cost(length_BK.clamp(min=1), length_penalty, length_offset)).argmax(1)
    best_N = torch.arange(rows, device=device) * beam + best_B
    return _written(ids_BKT.flatten(0, 1)[best_N], log_p_BK.flatten()[best_N], [each[best_N] for each in maps], end)


def sample(
    step: Step,
    state: State,
    *,
    tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    start: int = CLS,
    end: int = SEP,
    never: Sequence[int] = NEVER,
) -> Written:
    """Return a drawn text of each row; log-probabilities are those of what is drawn from.

    Args:
        step: The decoder.
        state: Its state before the first word, one row for each text (B, ...).
        tokens: Longest text.
        generator: Draws, on the CPU.
        temperature: Logits are divided by it; towards 0 it is greedy.
        top_k: Draw among so many likeliest words (Fan et al., 2018); None: all.
        top_p: Draw among the likeliest words that together have this probability (Holtzman et al., 2020); None: all.
        start: The token before the first word.
        end: The token after the last one.
        never: Tokens that are not written.
    """
    first = next(iter(state.values()))
    word_B = torch.full((len(first),), start, device=first.device)
    over_B = torch.zeros_like(word_B, dtype=torch.bool)
    log_p_B = torch.zeros(len(first), device=first.device)
    ids, maps = [], []
    for _ in range(tokens):
        logits_BV, state, map_BP = step(word_B, state)
        kept_BV = _likely(logits_BV.float() / temperature, top_k, top_p, never)
        word_B = torch.multinomial(kept_BV.exp().cpu(), 1, generator=generator)[:, 0].to(first.device)
        word_B = torch.where(over_B, end, word_B)
        log_p_B = log_p_B + torch.where(over_B, 0.0, kept_BV.gather(1, word_B[:, None])[:, 0])
        ids.append(word_B)
        maps += [] if map_BP is None else [map_BP]
        over_B = over_B | (word_B == end)
        if bool(over_B.all()):
            break
    return _written(torch.stack(ids, 1), log_p_B, maps, end)


def _likely(logits_BV: Tensor, top_k: int | None, top_p: float | None, never: Sequence[int]) -> Tensor:
    """Return log-probabilities of the likeliest words, minus infinity for the others."""
    logits_BV[:, list(never)] = -torch.inf
    if top_k is not None:
        least_B1 = logits_BV.topk(min(top_k, logits_BV.shape[1]), dim=1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < least_B1, -torch.inf)
    if top_p is not None:
        order_BV = logits_BV.argsort(dim=1, descending=True, stable=True)
        p_BV = logits_BV.gather(1, order_BV).softmax(1)
        beyond_BV = p_BV.cumsum(1) - p_BV >= top_p  # the word that reaches the share is still among them
        logits_BV = logits_BV.masked_fill(torch.zeros_like(beyond_BV).scatter(1, order_BV, beyond_BV), -torch.inf)
    return logits_BV.log_softmax(-1)


def _written(ids_BT: Tensor, log_p_B: Tensor, maps: Sequence[Tensor], end: int) -> Written:
    """Return the best texts, without their ends."""
    ended_BT = (ids_BT == end).long().cumsum(1) > 0
    return Written(torch.where(ended_BT, -1, ids_BT), log_p_B, torch.stack(list(maps), 1) if maps else None)


def _cost(length: Tensor, penalty: float, offset: float) -> Tensor:
    """Return what log-probabilities of texts of these lengths are divided by."""
    return ((offset + length) / (offset + 1)) ** penalty


def _more(logits_NV: Tensor, over_BK: Tensor, end: int, never: Sequence[int]) -> Tensor:
    """Return log-probabilities (B, K, V) of the next words; a text that is over is followed by its end, at no cost."""
    logits_NV[:, list(never)] = -torch.inf
    more_BKV = logits_NV.log_softmax(-1).view(*over_BK.shape, -1)
    only_V = torch.full_like(more_BKV[0, 0], -torch.inf)
    only_V[end] = 0.0
    return torch.where(over_BK[..., None], only_V, more_BKV)
