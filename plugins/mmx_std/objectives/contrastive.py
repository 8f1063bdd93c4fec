"""Contrastive objectives: InfoNCE between two named features, and the losses that differ in their denominator alone.

Shapes: B batch, N candidates, P features of a candidate, D width.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from mmx import Batch, ConfigError, Losses, Outputs
from mmx_std.objectives.pairing import PairLoss, PairSides, Similarity, gathered, held_scale, set_scale, similarities

__all__ = ["DENOMINATORS", "Denominator", "InfoNce", "contrasted", "gathered"]


class Denominator(NamedTuple):
    """What an anchor's own pair is compared with.

    Attributes:
        joint: One sum over both directions; else the mean of the logarithms of each direction's own.
        in_rows: The own pair is a term of the anchor's direction.
        in_columns: The own pair is a term of the other direction.
    """

    joint: bool
    in_rows: bool
    in_columns: bool

    def chance(self, candidates: int) -> float:
        """Return the loss where all similarities are equal: the logarithm of the number of terms."""
        others = max(candidates - 1, 1)
        rows, columns = others + self.in_rows, others + self.in_columns
        return math.log(rows + columns) if self.joint else (math.log(rows) + math.log(columns)) / 2


DENOMINATORS: Final = {
    "clip": Denominator(joint=False, in_rows=True, in_columns=True),
    "decoupled": Denominator(joint=False, in_rows=False, in_columns=False),
    "mulan": Denominator(joint=True, in_rows=False, in_columns=False),
    "once": Denominator(joint=True, in_rows=True, in_columns=False),
    "twice": Denominator(joint=True, in_rows=True, in_columns=True),
}
"""Denominators of CLIP (Radford et al. 2021), decoupled contrastive learning (Yeh et al. 2022), MuLan (Huang et al.
2022, equation 1), and MIL-NCE in the paper and in the code of VATT (Akbari et al. 2021, equation 6)."""


def contrasted(
    rows_BNP: Tensor,
    columns_BNP: Tensor,
    rows_real_BNP: Tensor,
    columns_real_BNP: Tensor,
    own_BN: Tensor,
    denominator: Denominator,
) -> Tensor:
    """Return each pair's loss (B,): the logarithm of the denominator less that of the sum over its own features.

    Several features per candidate, or several candidates of one's own, are a bag, any of which may be the right one
    (MIL-NCE, Miech et al. 2020).

    Args:
        rows_BNP: Scaled similarities of this anchor with all candidates.
        columns_BNP: Those of all anchors with this candidate.
        rows_real_BNP: Which of them there are, the own pair included.
        columns_real_BNP: Likewise.
        own_BN: The own pair, and other candidates of the bag.
        denominator: What they are compared with.
    """
    lowest = torch.finfo(rows_BNP.dtype).min  # not -inf: a row without any other pair stays finite
    rows_BNP = rows_BNP.masked_fill(~rows_real_BNP, lowest)
    columns_BNP = columns_BNP.masked_fill(~columns_real_BNP, lowest)
    own_BN1 = own_BN[..., None]
    positive_B = rows_BNP.masked_fill(~own_BN1, lowest).flatten(1).logsumexp(1)
    terms_BN = [
        (x_BNP if counted else x_BNP.masked_fill(own_BN1, lowest)).flatten(1)
        for x_BNP, counted in ((rows_BNP, denominator.in_rows), (columns_BNP, denominator.in_columns))
    ]
    if denominator.joint:
        return torch.cat(terms_BN, 1).logsumexp(1) - positive_B
    return (terms_BN[0].logsumexp(1) + terms_BN[1].logsumexp(1)) / 2 - positive_B


class InfoNce(PairLoss):
    """Which of the batch's b belongs to this a? Softmax cross-entropy over similarities, in one or both directions.

    For anchor i with positives P(i): loss_i = -1/|P(i)| sum_{p in P(i)} log softmax_j(s(a_i, b_j) / t)_p. P(i) is the
    own pair, and with `positives` every pair with the same id. On several processes the candidates of all are used,
    with gradient. Pairs of which one side is missing are neither anchors nor candidates.

    That is denominator `clip`. Of the others, where P(i) is a bag of which any may be right, with N(i) its negatives
    and s_ij = s(a_i, b_j) / t, S_i = sum_{p in P(i)} exp s_ip:

        decoupled  -log S_i + 1/2 log sum_{j in N(i)} exp s_ij + 1/2 log sum_{j in N(i)} exp s_ji
        mulan      -log S_i + log sum_{j in N(i)} (exp s_ij + exp s_ji)
        once       -log S_i + log (S_i + sum_{j in N(i)} (exp s_ij + exp s_ji))
        twice      -log S_i + log (sum over a_i's row + sum over b_i's column, P(i) in both)

    Args:
        a: First features: `fused.NAME`, or a bare name of fused features.
        b: Second features, likewise.
        direction: Which side looks for the other: both, or the only one that counts.
        reduction: How the two directions are put together.
        denominator: What the own pair is compared with; all but `clip` take both directions at once.
        temperature: Temperature t, or its first value if it is learned.
        learned: Learn the temperature, as a scale exp(s) = 1/t.
        max_scale: Largest 1/t (Radford et al., 2021, section 2.5: 100).
        normalise: Compare vectors of length 1 (with `dot` that is the cosine).
        similarity: `dot` product, or `negative-l2`: the negative Euclidean distance.
        positives: Target whose equal ids (numbers or strings; -1 and "" = none) mark further positives.
        gather: Use the candidates of all processes.
        shuffled: Control: every a is paired with the b of a random item of the batch.

    Raises:
        ConfigError: A denominator over both directions with one of them, or with the sum of two.
    """

    def __init__(
        self,
        *,
        a: str,
        b: str,
        direction: Literal["both", "a_to_b", "b_to_a"] = "both",
        reduction: Literal["mean", "sum"] = "mean",
        denominator: Literal["clip", "decoupled", "mulan", "once", "twice"] = "clip",
        temperature: Annotated[float, Field(gt=0, le=1)] = 0.07,
        learned: bool = True,
        max_scale: Annotated[float, Field(ge=1)] = 100.0,
        normalise: bool = True,
        similarity: Similarity = "dot",
        positives: str | None = None,
        gather: bool = True,
        shuffled: bool = False,
    ) -> None:
        super().__init__(
            a=a,
            b=b,
            direction=direction,
            similarity=similarity,
            normalised=("a", "b") if normalise else (),
            positives=positives,
            gather=gather,
            shuffled=shuffled,
        )
        if denominator != "clip" and (direction != "both" or reduction != "mean"):
            raise ConfigError([f"denominator: {denominator} takes direction=both and reduction=mean"])
        self.reduction, self.denominator = reduction, DENOMINATORS[denominator]
        self.max_log_scale = math.log(max_scale)
        self.log_scale: Tensor
        set_scale(self, temperature, learned=learned)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, each direction's softmax loss, the share of right first guesses, and the temperature."""
        found = self.sides(outputs, batch)
        scale = held_scale(self.log_scale, self.max_log_scale)
        terms: Losses = {}
        guesses, logits = [], {}
        for direction in self.directions:
            anchor, candidate = direction[0], direction[-1]
            logits_BN = self._logits(scale, found.own[anchor], found.others[candidate])
            # The smallest number, not -inf: a row without any candidate stays finite.
            logits_BN = logits_BN.masked_fill(~found.keep_N, torch.finfo(logits_BN.dtype).min)
            logits[direction] = logits_BN
            log_BN = torch.where(found.positive_BN, logits_BN.log_softmax(dim=1), 0.0)
            each_B = -log_BN.sum(dim=1) / found.positive_BN.sum(dim=1).clamp(min=1)
            terms[direction] = torch.where(found.keep_B, each_B, 0.0).sum() / found.anchors
            right_B = found.positive_BN.gather(1, logits_BN.argmax(dim=1, keepdim=True)).squeeze(1)
            guesses.append((right_B & found.keep_B).sum() / found.anchors)
        losses = torch.stack(list(terms.values()))
        if self.denominator != DENOMINATORS["clip"]:
            loss = self._compared(logits["a_to_b"], logits["b_to_a"], found)
        else:
            loss = losses.sum() if self.reduction == "sum" else losses.mean()
        return {
            "loss": loss,
            **{name: term.detach() for name, term in terms.items()},
            "right": torch.stack(guesses).mean(),
            "temperature": 1 / scale.detach(),
        }

    def _finds(self, found: PairSides, side: str, other: str) -> Tensor:
        """Return the probability of what belongs to each item (B,)."""
        logits_BN = self._logits(self.log_scale.exp(), found.own[side], found.others[other])
        shares_BN = logits_BN.masked_fill(~found.keep_N, torch.finfo(logits_BN.dtype).min).softmax(1)
        return torch.where(found.positive_BN, shares_BN, 0.0).sum(1)

    def _logits(self, scale: Tensor, own_BD: Tensor, others_ND: Tensor) -> Tensor:
        if self.similarity == "dot":  # the scale on the smaller factor
            return scale * own_BD @ others_ND.T
        return scale * similarities(own_BD, others_ND, self.similarity)

    def _compared(self, rows_BN: Tensor, columns_BN: Tensor, found: PairSides) -> Tensor:
        """Return the loss with one of the other denominators."""
        real_BN1 = (found.keep_N & found.keep_B[:, None] | found.own_BN)[..., None]
        each_B = contrasted(
            rows_BN[..., None],
            columns_BN[..., None],
            real_BN1,
            real_BN1,
            found.positive_BN | found.own_BN,
            self.denominator,
        )
        # An anchor without any negative has nothing to be compared with.
        counted_B = found.keep_B & (found.keep_N & ~found.positive_BN).any(1)
        return torch.where(counted_B, each_B, 0.0).sum() / found.anchors

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of equal similarities: ln N for N candidates per anchor (`batch_size` is per process).

        Twice that for the sum of both directions; the logarithm of the number of terms for other denominators, None
        where further positives change that number.
        """
        candidates = max(batch_size * self._world(), 1)
        if self.denominator != DENOMINATORS["clip"]:
            return None if self.positives else self.denominator.chance(candidates)
        return math.log(candidates) * (len(self.directions) if self.reduction == "sum" else 1)
