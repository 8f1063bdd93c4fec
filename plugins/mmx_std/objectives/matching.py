"""Does a text belong to an input: cross-entropy of two classes on pairs, some of which are given another's text.

Shape legend: B batch, T tokens, D width, V tokens that occur.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, ConfigError, Features, Losses, Outputs, PortError
from mmx_std.objectives.pairing import permutation
from mmx_std.ops.masking import drawn
from mmx_std.ops.ports import qualify, read
from mmx_std.ops.tokens.corruption import hidden_key
from mmx_std.ops.tokens.exchange import exchanged, kinds_of

__all__ = ["ALIGNED", "Match"]

ALIGNED = "aligned pairs"
"""Target, bool (B,), of what `view` drew."""


class Match:
    """Image-text alignment as in ViLBERT: each text is replaced by another of the batch with probability 1/2.

    A replaced text that says the same as the true one counts as its own. What it is replaced by (`negatives`):

    - `random`: a random other;
    - `roll`: that of the next item, so that every text is given once if all are replaced;
    - `hard`: the most similar one that says something else. Similar are texts that share a large part of their
      different tokens (Jaccard), or, where their encoder is frozen and its features are kept, vectors by cosine.

    With `exchanged`, some of the replaced texts are the true one with two of its words in each other's place (which
    must then be false): a harder pair, which no count of words tells.

    Args:
        built: Parts that are built already (filled in).
        head: Head with two logits: other, own.
        text: Encoder whose input is replaced.
        positives: Target with what each text says, or null where every text is one of its own.
        replaced: Share of texts that are replaced.
        negatives: What they are replaced by: `random`, `roll` or `hard`.
        exchanged: Share of the replaced texts that are the true one with two words exchanged, where it has such words;
            the others are drawn from the batch.
        kinds: Words that are exchanged, by kind: a colour with a colour, a shape with a shape.
        shuffled: Control: whether a pair is aligned is told at random.

    Raises:
        ConfigError: Words are to be exchanged, and none are named.
    """

    def __init__(
        self,
        *,
        built: Mapping[str, Any],
        head: str = "aligned",
        text: str = "caption",
        positives: str | None = "sentence",
        replaced: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        negatives: Literal["random", "roll", "hard"] = "random",
        exchanged: Annotated[float, Field(ge=0, le=1)] = 0.0,
        kinds: Mapping[str, Sequence[str]] = {},
        shuffled: bool = False,
    ) -> None:
        self.head, self.text, self.positives = qualify(head, "heads"), text, positives
        self.needs = (self.head, f"encoded.{text}", *([f"targets.{positives}"] if positives else []))
        self.given = ()  # the text is among the needs so that there is one to replace
        self.replaced, self.negatives, self.shuffled, self.exchanged = replaced, negatives, shuffled, exchanged
        if exchanged and not kinds:
            raise ConfigError(["kinds: which words are to be exchanged? e.g. {colour: [red, blue]}"])
        self.kind_of = kinds_of(kinds, built[f"encoders.{text}"].tokenizer) if kinds else {}

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with some texts given to others, and which pairs are aligned as a target.

        Raises:
            PortError: Words of the texts are hidden already: their truth would stay with the old text.
        """
        if hidden_key(self.text) in batch.targets:
            raise PortError(f"std/match must come before what hides words of {self.text!r}: views are taken by name")
        own_B = torch.arange(batch.size)
        moved_B = drawn(own_B.shape, generator, own_B) < self.replaced
        ids_BT, turned_B = self._exchanged(batch, moved_B, generator)
        moved_B &= ~turned_B
        same_BB = torch.eye(batch.size, dtype=torch.bool)
        if self.positives is not None:
            said = [str(each) for each in batch.targets[self.positives]]
            same_BB |= torch.tensor([[one == other for other in said] for one in said])
        order_B = torch.where(moved_B, self._others(batch, same_BB, generator), own_B)
        aligned_B = same_BB[own_B, order_B] & ~turned_B
        if self.shuffled:
            aligned_B = aligned_B[permutation(batch.size, generator)]

        def given(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {key: x[order_B.to(x.device)] if key == self.text else x for key, x in tensors.items()}

        targets: dict[str, Any] = {**batch.targets, ALIGNED: aligned_B}
        turned = {}
        if ids_BT is not None:
            kept_B1 = ~turned_B.to(ids_BT.device)[:, None]
            turned = {self.text: torch.where(kept_B1, given(batch.inputs)[self.text], ids_BT)}
        return replace(
            batch,
            inputs={**given(batch.inputs), **turned},
            masks=given(batch.masks),
            present=given(batch.present),
            cached={
                key: x.map(lambda t: t[order_B.to(t.device)]) if key == self.text else x
                for key, x in batch.cached.items()
            },
            targets=targets,
        )

    def _others(self, batch: Batch, same_BB: Tensor, generator: torch.Generator) -> Tensor:
        """Return the number of the item whose text each would be given (B,)."""
        if self.negatives == "roll":
            return torch.arange(batch.size).roll(-1)
        if self.negatives == "random":
            return permutation(batch.size, generator)
        kept = batch.cached.get(self.text)
        near_BB = _shared(batch.inputs[self.text], batch.masks.get(self.text)) if kept is None else _cosines(kept)
        keys_BB = drawn(near_BB.shape, generator, near_BB) * 1e-6  # of texts that are equally near, any
        return (near_BB + keys_BB).masked_fill(same_BB, -torch.inf).argmax(1)

    def _exchanged(self, batch: Batch, moved_B: Tensor, generator: torch.Generator) -> tuple[Tensor | None, Tensor]:
        """Return the texts with words of some exchanged, by encoder, and which."""
        turned_B = torch.zeros(batch.size, dtype=torch.bool)
        if not self.exchanged:
            return None, turned_B
        if self.text in batch.cached:
            raise PortError(f"words of {self.text!r} cannot be exchanged: its encoder does not learn and is cached")
        ids_BT = batch.inputs[self.text].clone()
        wanted_B = moved_B & (drawn(moved_B.shape, generator, moved_B) < self.exchanged)

        def draw(count: int) -> int:
            return int(torch.randint(count, (), generator=generator))

        for place in wanted_B.nonzero()[:, 0].tolist():
            found = exchanged(ids_BT[place].tolist(), self.kind_of, draw)
            if found is not None:
                ids_BT[place] = ids_BT.new_tensor(found)
                turned_B[place] = True
        return ids_BT, turned_B

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the share of pairs that are told right (`right`); without `view` all are aligned.

        Raises:
            PortError: The head gives another number of logits than two.
        """
        logits_B2 = read(outputs, self.head).float()
        if logits_B2.ndim != 2 or logits_B2.shape[1] != 2:
            raise PortError(f"{self.head}: std/match reads two logits, other and own; got {tuple(logits_B2.shape)}")
        aligned_B = batch.targets.get(ALIGNED)
        truth_B = torch.ones(len(logits_B2)) if aligned_B is None else aligned_B
        truth_B = truth_B.to(logits_B2.device).long()
        right = (logits_B2.argmax(1) == truth_B).float().mean()
        return {"loss": functional.cross_entropy(logits_B2, truth_B), "right": right}

    def score(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the probability that each pair is aligned (B,): of true pairs, where no view was taken."""
        return read(outputs, self.head).float().softmax(1)[:, 1]

    def chance(self, batch_size: int) -> float | None:
        """Return ln 2: half of the pairs are aligned (or a few more, where texts repeat)."""
        return math.log(2)


def _shared(ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
    """Return the part of the different tokens of two texts that both have (B, B).

    Raises:
        PortError: The inputs are no tokens.
    """
    if ids_BT.ndim != 2 or ids_BT.is_floating_point():
        raise PortError(
            "std/match with negatives: hard compares texts by their tokens, or by features of a frozen encoder"
        )
    ids_BT = ids_BT.cpu()
    _, number_BT = torch.unique(ids_BT, return_inverse=True)
    has_BV = torch.zeros(len(ids_BT), int(number_BT.max()) + 1)
    real_BT = torch.ones_like(ids_BT, dtype=torch.bool) if mask_BT is None else mask_BT.cpu()
    rows_BT = torch.arange(len(ids_BT))[:, None].expand_as(ids_BT)
    has_BV[rows_BT[real_BT], number_BT[real_BT]] = 1.0
    both_BB, count_B = has_BV @ has_BV.T, has_BV.sum(1)
    shared_BB: Tensor = both_BB / (count_B[:, None] + count_B - both_BB).clamp(min=1)
    return shared_BB


def _cosines(features: Features) -> Tensor:
    unit_BD = functional.normalize(features.pooled_BD.detach().float().cpu(), dim=1)
    return unit_BD @ unit_BD.T
