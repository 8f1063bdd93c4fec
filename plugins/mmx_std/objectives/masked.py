"""Loss of hidden words. Shapes: B batch, T tokens, M hidden ones, V vocabulary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

import torch
from pydantic import Field
from torch.nn import functional

from mmx import Batch, Losses, Outputs
from mmx_std.objectives.language import written
from mmx_std.objectives.matching import ALIGNED
from mmx_std.ops.ports import qualify
from mmx_std.ops.tokens.corruption import Hiding, Policy, hidden_key, vocabulary_of

__all__ = ["MaskedWordLoss", "hide"]

Share = Annotated[float, Field(ge=0, le=1)]
_SMALL: Final = 1e-5
"""Added to the number of hidden words, as the released code of BERT does."""


class MaskedWordLoss:
    """Cross-entropy of hidden words, mean over all of a batch: sum / (M + 1e-5), as in the released code of BERT.

    Words are hidden anew at every step. What is shown in their place is the mask, the word itself or a random word; the
    loss counts all three, and nothing that was not hidden. Texts that `std/match` has given to others are not counted
    (Lu et al. 2019, section 3.2).

    Args:
        built: Parts that are built already (filled in).
        head: Head that names hidden words: `std/masked-words`.
        text: Encoder of the text.
        policy: Tokens at `random`, the pieces of each `whole-word` together, or a `span` of words.
        share: Part of the tokens that is hidden.
        most: Hidden tokens of a text.
        masked: Part of the hidden ones that is shown as the mask.
        kept: Part that is shown as it is; the rest is shown as a random token.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        head: str = "words",
        text: str = "text",
        policy: Policy = "random",
        share: Share = 0.15,
        most: Annotated[int, Field(ge=1)] = 20,
        masked: Share = 0.8,
        kept: Share = 0.1,
    ) -> None:
        self.head, self.text = qualify(head, "heads"), text
        self.needs = (self.head,)
        encoder = built[f"encoders.{text}"]
        self.words = vocabulary_of(encoder.tokenizer, encoder.token.num_embeddings)
        self.hiding = Hiding(policy, share, most, masked, kept)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with words hidden, and what they were."""
        return hide(batch, self.text, self.hiding, self.words, generator)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of hidden words that are the most probable ones (`right`)."""
        logits_MV = written(outputs, self.head, "logits").float()
        truth_BT = batch.targets[hidden_key(self.text)].to(logits_MV.device)
        truth_M = truth_BT[truth_BT >= 0]
        if (aligned_B := batch.targets.get(ALIGNED)) is not None:
            keep_M = aligned_B.to(logits_MV.device)[(truth_BT >= 0).nonzero()[:, 0]]
            logits_MV, truth_M = logits_MV[keep_M], truth_M[keep_M]
        total = functional.cross_entropy(logits_MV, truth_M, reduction="sum")
        right = (logits_MV.argmax(-1) == truth_M).sum() / max(1, len(truth_M))
        return {"loss": total / (len(truth_M) + _SMALL), "right": right}

    def chance(self, batch_size: int) -> float | None:
        """Return the logarithm of the number of words."""
        return math.log(len(self.words.fixed_V))


def hide(batch: Batch, text: str, hiding: Hiding, words: Any, generator: torch.Generator) -> Batch:
    """Return a batch with words of a text hidden; the target `hidden TEXT` holds them, -1 where nothing is hidden."""
    ids_BT = batch.inputs[text]
    real_BT = batch.masks.get(text, torch.ones_like(ids_BT, dtype=torch.bool))
    hidden_BT = hiding.choose(ids_BT, real_BT, words, generator)
    shown_BT = hiding.corrupt(ids_BT, hidden_BT, words, generator)
    truth_BT = torch.where(hidden_BT, ids_BT, -1)
    return replace(
        batch, inputs={**batch.inputs, text: shown_BT}, targets={**batch.targets, hidden_key(text): truth_BT}
    )
