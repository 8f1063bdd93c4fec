"""Losses of heads that write: the next word, and attention that is to see every place.

Shape legend: B batch, T words after the start, V vocabulary, P places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, Losses, Outputs, PortError
from mmx_std.encoders.text.tokenizers import PAD
from mmx_std.objectives.pairing import permutation
from mmx_std.ops.ports import qualify, short

__all__ = ["DoublyStochastic", "NextToken"]


class NextToken:
    """Cross-entropy of every next token, the end included, given the true tokens before it (teacher forcing).

    Args:
        built: Parts that are built already (filled in).
        head: Head that writes; it gives `logits` (B, T, V).
        caption: Encoder of the true texts, `std/token-ids`.
        smoothing: Share of the truth that is spread evenly over the vocabulary.
        reduction: `token`: mean over all tokens; `text`: sum over the tokens of a text, mean over texts.
        prompt: First tokens of a text that are given and not learned.
        weights: Target with a weight for each text; by default all count the same.
        shuffled: Control: every input is shown with the text of a random item of the batch.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        head: str = "words",
        caption: str = "caption",
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        reduction: Literal["token", "text"] = "token",
        prompt: Annotated[int, Field(ge=0)] = 0,
        weights: str | None = None,
        shuffled: bool = False,
    ) -> None:
        self.head, self.caption = qualify(head, "heads"), f"encoded.{caption}"
        self.needs = (self.head, self.caption, *([f"targets.{weights}"] if weights else []))
        self.smoothing, self.reduction, self.prompt = smoothing, reduction, prompt
        self.weights, self.shuffled = weights, shuffled
        self.count = int(built[f"encoders.{caption}"].vocabulary)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch, with the texts in a random order where pairs are shuffled."""
        if not self.shuffled:
            return batch
        order_B, name = permutation(batch.size, generator), short(self.caption)

        def moved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {key: each[order_B.to(each.device)] if key == name else each for key, each in tensors.items()}

        return replace(batch, inputs=moved(batch.inputs), masks=moved(batch.masks), present=moved(batch.present))

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of tokens that are the most probable ones (`right`)."""
        logits_BTV = written(outputs, self.head, "logits").float()
        truth_BT, real_BT = following(outputs, self.caption, self.prompt)
        each_BT = functional.cross_entropy(
            logits_BTV.transpose(1, 2), truth_BT, reduction="none", label_smoothing=self.smoothing
        )
        weight_B = torch.ones(len(truth_BT), device=truth_BT.device)
        if self.weights is not None:
            weight_B = batch.targets[self.weights].to(truth_BT.device).float()
        total = (torch.where(real_BT, each_BT, 0.0) * weight_B[:, None]).sum()
        of_BT = real_BT * weight_B[:, None]
        count = of_BT.sum() if self.reduction == "token" else weight_B.sum()
        right = ((logits_BTV.argmax(-1) == truth_BT) & real_BT).sum() / real_BT.sum().clamp(min=1)
        return {"loss": total / count.clamp(min=1e-8), "right": right}

    def chance(self, batch_size: int) -> float | None:
        """Return the logarithm of the number of tokens; None for sums, which depend on the lengths of texts."""
        return math.log(self.count) if self.reduction == "token" else None


class DoublyStochastic:
    """sum_i (1 - sum_t alpha_ti)^2, mean over texts: every place is to be looked at in the end (section 4.2.1).

    Xu et al., 2015, equation 14 without its factor lambda, which is the weight of this loss in `std/weighted`.

    Args:
        head: Head that gives `attention` (B, T, P).
        caption: Encoder of the true texts, `std/token-ids`.
    """

    def __init__(self, *, head: str = "words", caption: str = "caption") -> None:
        self.head, self.caption = qualify(head, "heads"), f"encoded.{caption}"
        self.needs = (self.head, self.caption)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`."""
        alpha_BTP = written(outputs, self.head, "attention").float()
        _, real_BT = following(outputs, self.caption)
        seen_BP = torch.where(real_BT[..., None], alpha_BTP, 0.0).sum(1)
        return {"loss": (1 - seen_BP).square().sum(1).mean()}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on the lengths of texts."""
        return None


def written(outputs: Outputs, head: str, name: str) -> Tensor:
    """Return one of the tensors that a head that writes gives.

    Raises:
        PortError: It does not give that.
    """
    found = outputs.heads[short(head)]
    if not isinstance(found, Mapping) or name not in found:
        raise PortError(f"{head} gives no {name!r}; a head that writes does: std/lstm, std/lstm-attention, std/decoder")
    value: Tensor = found[name]
    return value


def following(outputs: Outputs, caption: str, prompt: int = 0) -> tuple[Tensor, Tensor]:
    """Return the token after each one (B, T), and which of them are learned (B, T).

    Args:
        outputs: With the encoded true texts.
        caption: Their port.
        prompt: First tokens that are not learned.
    """
    truth_BT = outputs.encoded[short(caption)].layers["ids"][:, 1:]
    real_BT = truth_BT != PAD
    real_BT[:, :prompt] = False
    return truth_BT, real_BT
