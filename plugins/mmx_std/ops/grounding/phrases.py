"""Prompts of phrases: how they are written, and scores of phrases from scores of their tokens.

A prompt is phrases with a full stop after each: "a red square. a blue circle." (GLIP, section 3.1). Shape legend:
B batch, A regions, T tokens, P phrases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["joined", "phrase_means", "split", "token_focal"]

_BETWEEN: Final = re.compile(r"[.;\n]+")


def split(prompt: str) -> list[str]:
    """Return the phrases of a prompt: what stands between full stops, semicolons or ends of lines."""
    return [" ".join(part.split()) for part in _BETWEEN.split(prompt) if part.strip()]


def joined(phrases: Sequence[str]) -> str:
    """Return phrases as a prompt."""
    return " ".join(f"{phrase}." for phrase in phrases)


def token_focal(
    logits_BAT: Tensor, truth_BAT: Tensor, mask_BT: Tensor | None, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Return the sum of the focal loss over all regions and real tokens (Lin et al. 2017, equation 5).

    -alpha_t (1 - p_t)^gamma log p_t, where p_t is the probability of the truth, and alpha_t is alpha for a true pair of
    region and token, 1 - alpha for any other.

    Args:
        logits_BAT: Score of each token at each region.
        truth_BAT: 1 where the region shows what the token's phrase names.
        mask_BT: Real tokens.
        alpha: Weight of true pairs.
        gamma: How much less well classified pairs count.
    """
    truth = truth_BAT.to(logits_BAT.dtype)
    surprise = functional.binary_cross_entropy_with_logits(logits_BAT, truth, reduction="none")
    wrong = -torch.expm1(-surprise)  # 1 - p_t
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    each = weight * wrong**gamma * surprise
    return each.sum() if mask_BT is None else torch.where(mask_BT[:, None], each, 0.0).sum()


def phrase_means(scores_BAT: Tensor, phrases_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean score over the tokens of each phrase (B, A, P), and which phrases have tokens (B, P).

    Args:
        scores_BAT: Score of each token.
        phrases_BT: Number of each token's phrase from 0; -1 for tokens of none.
    """
    count = max(1, int(phrases_BT.max()) + 1) if phrases_BT.numel() else 1
    of_BTP = functional.one_hot(phrases_BT.clamp(min=-1) + 1, count + 1)[..., 1:].to(scores_BAT.dtype)
    tokens_BP = of_BTP.sum(1)
    means_BAP = scores_BAT @ of_BTP / tokens_BP.clamp(min=1)[:, None]
    return means_BAP, tokens_BP > 0
