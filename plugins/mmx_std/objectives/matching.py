"""Does a text belong to an input: cross-entropy of two classes on pairs, some of which are given another's text.

Shape legend: B batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, ConfigError, Losses, Outputs, PortError
from mmx_std.objectives.pairing import permutation
from mmx_std.ops.masking import drawn
from mmx_std.ops.ports import qualify, read
from mmx_std.ops.tokens.corruption import hidden_key
from mmx_std.ops.tokens.exchange import exchanged, kinds_of

__all__ = ["ALIGNED", "Match"]

ALIGNED = "aligned pairs"
"""Target, bool (B,), of what `view` drew."""


class Match:
    """Image-text alignment as in ViLBERT: each text is replaced by a random other of the batch with probability 1/2.

    A replaced text that says the same as the true one counts as its own. With `exchanged`, some of the replaced texts
    are the true one with two of its words in each other's place (which must then be false): a harder pair, which no
    count of words tells.

    Args:
        built: Parts that are built already (filled in).
        head: Head with two logits: other, own.
        text: Encoder whose input is replaced.
        positives: Target with what each text says, or null where every text is one of its own.
        replaced: Share of texts that are replaced.
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
        exchanged: Annotated[float, Field(ge=0, le=1)] = 0.0,
        kinds: Mapping[str, Sequence[str]] = {},
        shuffled: bool = False,
    ) -> None:
        self.head, self.text, self.positives = qualify(head, "heads"), text, positives
        self.needs = (self.head, f"encoded.{text}", *([f"targets.{positives}"] if positives else []))
        self.replaced, self.exchanged, self.shuffled = replaced, exchanged, shuffled
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
        texts, turned_B = self._exchanged(batch, moved_B, generator)
        moved_B &= ~turned_B
        order_B = torch.where(moved_B, permutation(batch.size, generator), own_B)
        aligned_B = order_B == own_B
        if self.positives is not None:
            said = [str(each) for each in batch.targets[self.positives]]
            same = [said[int(other)] == said[place] for place, other in enumerate(order_B)]
            aligned_B |= torch.tensor(same, dtype=torch.bool)
        aligned_B &= ~turned_B
        if self.shuffled:
            aligned_B = aligned_B[permutation(batch.size, generator)]

        def given(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {key: x[order_B.to(x.device)] if key == self.text else x for key, x in tensors.items()}

        targets: dict[str, Any] = {**batch.targets, ALIGNED: aligned_B}
        return replace(
            batch,
            inputs=given({**batch.inputs, **texts}),
            masks=given(batch.masks),
            present=given(batch.present),
            cached={
                key: x.map(lambda t: t[order_B.to(t.device)]) if key == self.text else x
                for key, x in batch.cached.items()
            },
            targets=targets,
        )

    def _exchanged(self, batch: Batch, moved_B: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Return the texts with words of some exchanged, by encoder, and which."""
        turned_B = torch.zeros(batch.size, dtype=torch.bool)
        if not self.exchanged:
            return {}, turned_B
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
        return {self.text: ids_BT}, turned_B

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
