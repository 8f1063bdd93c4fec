"""Losses: NCE between video and audio, and MIL-NCE between video and nearby texts (section 3.4).

Shapes: B pairs of this process, N of all processes, P texts per clip, D width.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, distributed, nn

from mmx import Batch, Features, Losses, Outputs
from mmx_std import contrastive, pairing

Denominator = Literal["paper", "symmetric", "asymmetric"]
_DENOMINATORS: Final = {
    "paper": (contrastive.DENOMINATORS["once"], 1),
    "asymmetric": (contrastive.DENOMINATORS["twice"], 1),
    "symmetric": (contrastive.DENOMINATORS["clip"], 2),
}
"""The shared loss, and how often it counts: two losses are twice their mean."""


@dataclass(frozen=True)
class Side:
    """One side of the pairs.

    Attributes:
        x_BPD: Unit vectors, P per clip.
        real_BP: Which there are.
    """

    x_BPD: Tensor
    real_BP: Tensor


class MilNce(nn.Module):
    """L = NCE(video, audio) + weight * MIL-NCE(video, texts), at a fixed temperature (equations 5 to 7).

    With s = cosine / temperature and P_i the texts of clip i (one recording is a set of one), and
    S_i = sum_{p in P_i} exp s(v_i, t_p):

        paper       -log S_i / (S_i + sum_{j != i} sum_{p in P_j} exp s(v_i, t_p) + sum_{j != i} sum_{p in P_i} exp
                    s(v_j, t_p))                                               the positives are counted once
        asymmetric  the same with the positives counted once for each direction: what the released code does
        symmetric   -log of S_i over its row, plus -log of S_i over its column: two losses, as in InfoNCE

    The loss is the mean over the clips that have both sides. With `paper` a clip that lacks one is neither anchor nor
    negative. With `asymmetric` and `symmetric`, as in the released code, a clip without text (or audio) is no anchor,
    but its video is a negative for the others' texts, and the losses' weighted sum is divided by the sum of weights.

    `view` draws DropToken: one random choice of tokens per modality and batch.

    Args:
        denominator: What the positives are compared with: one of the three above.
        temperature: Fixed (the paper: 0.07), or its first value.
        learned: Learn the temperature, as log(1 / temperature).
        max_scale: Largest 1 / temperature that may be learned.
        weight: Of the loss between video and texts (the paper's lambda); 0 leaves it out.
        audio_weight: Of the loss between video and audio; 0 leaves it out.
        drop_token: Share of the tokens of video and audio that is left out.
        shuffled: The control: audio and texts are those of another clip of the batch.
    """

    def __init__(
        self,
        *,
        denominator: Denominator = "paper",
        temperature: Annotated[float, Field(gt=0, le=1)] = 0.07,
        learned: bool = False,
        max_scale: Annotated[float, Field(ge=1)] = 100.0,
        weight: Annotated[float, Field(ge=0)] = 1.0,
        audio_weight: Annotated[float, Field(ge=0)] = 1.0,
        drop_token: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        shuffled: bool = False,
    ) -> None:
        super().__init__()
        if weight == audio_weight == 0:
            raise ValueError("weight and audio_weight are both 0: no loss is left")
        self.denominator, self.drop_token, self.shuffled = denominator, drop_token, shuffled
        self.weights = {"audio": audio_weight, "text": weight}
        ports = {"audio": ("fused.video_va", "fused.audio_va"), "text": ("fused.video_vt", "fused.text_vt")}
        self.needs = tuple(port for name, pair in ports.items() if self.weights[name] for port in pair)
        self.max_log_scale = math.log(max_scale)
        self.log_scale: Tensor
        pairing.set_scale(self, temperature, learned=learned)
        self._constants: deque[Tensor] = deque(maxlen=1000)
        self._chance: float | None = None

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch without a random share of the tokens of video and audio, the same for all its items."""
        if not self.drop_token:
            return batch
        masks = dict(batch.masks)
        for name in ("video", "audio"):
            if name in batch.inputs:
                kept_BT = dropped(batch.inputs[name], self.drop_token, generator)
                masks[name] = kept_BT & masks[name] if name in masks else kept_BT
        return replace(batch, masks=masks)

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, both losses, top-1 accuracies, shares of complete pairs, the temperature."""
        scale = pairing.held_scale(self.log_scale, self.max_log_scale, 0.0)
        losses: Losses = {}
        total = self.log_scale.new_zeros(())
        constant = self.log_scale.new_zeros(())
        for number, (name, space) in enumerate((("audio", "va"), ("text", "vt")), 1):
            if not self.weights[name]:
                continue
            video = _side(outputs.fused[f"video_{space}"], batch.present.get("video"))
            other = _side(outputs.fused[f"{name}_{space}"], batch.present.get(name))
            if self.shuffled:
                other = Side(other.x_BPD.roll(number, 0), other.real_BP.roll(number, 0))
            term, right, share, chance = pairs_loss(video, other, scale, self.denominator)
            total = total + self.weights[name] * term
            constant = constant + self.weights[name] * chance
            losses |= {space: term.detach(), f"right_{space}": right, f"share_{space}": share}
        if self.denominator != "paper":
            total, constant = (x / sum(self.weights.values()) for x in (total, constant))
        if self.training:  # not where somebody only looks
            self._constants.append(constant)
        return {"loss": total, **losses, "temperature": 1 / scale.detach()}

    def scores(self, outputs: Outputs, batch: Batch) -> Mapping[str, Tensor]:
        """Return by port how surely each clip's side finds the other among those of this process (B,).

        The probability of a clip's own recording, or of any of its own texts, by its video; and of its own video by
        its recording, or by its texts in the mean. NaN where a side is missing.
        """
        found: dict[str, Tensor] = {}
        for name, space in (("audio", "va"), ("text", "vt")):
            if not self.weights[name]:
                continue
            ports = (f"video_{space}", f"{name}_{space}")
            video, other = (_side(outputs.fused[port], batch.present.get(port.partition("_")[0])) for port in ports)
            if self.shuffled:
                number = 1 if name == "audio" else 2
                other = Side(other.x_BPD.roll(number, 0), other.real_BP.roll(number, 0))
            found |= dict(
                zip((f"fused.{port}" for port in ports), _finding(video, other, self.log_scale.exp()), strict=True)
            )
        return found

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of constant vectors: the mean over the batches since the last call.

        It depends on how many clips of a batch have text. Before the first batch every clip has one text:
        log(2 N - 1) per loss, log(2 N) for `asymmetric`, 2 log N for `symmetric`.
        """
        if self._constants:
            self._chance = float(torch.stack(list(self._constants)).mean())
            self._constants.clear()
        if self._chance is not None:
            return self._chance
        pairs = batch_size * pairing.world()
        kind, factor = _DENOMINATORS[self.denominator]
        return (sum(self.weights.values()) if self.denominator == "paper" else 1.0) * factor * kind.chance(pairs)


def dropped(x_BTV: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return a mask (B, T) that keeps 1 - `share` of the tokens, at least one, the same in every row."""
    tokens = x_BTV.shape[1]
    kept = max(1, round(tokens * (1 - share)))
    mask_T = torch.zeros(tokens, dtype=torch.bool)
    mask_T[torch.randperm(tokens, generator=generator)[:kept]] = True
    return mask_T.to(x_BTV.device).expand(len(x_BTV), tokens)


def pairs_loss(
    video: Side, other: Side, scale: Tensor, denominator: Denominator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the mean loss, the top-1 accuracy, the share of complete pairs, and the loss of constant vectors.

    Args:
        video: One vector per clip.
        other: One recording or several texts per clip.
        scale: 1 / temperature.
        denominator: See `MilNce`.
    """
    world = pairing.world()
    seen_B = video.real_BP.any(1)
    both_B = seen_B & other.real_BP.any(1)
    real_BP = other.real_BP & both_B[:, None]
    v_BD, t_BPD = video.x_BPD[:, 0], other.x_BPD
    compared_B = both_B if denominator == "paper" else seen_B
    v_ND, t_NPD, both_N, compared_N, real_NP = (
        pairing.gathered(x) if world > 1 else x for x in (v_BD, t_BPD, both_B, compared_B, real_BP)
    )
    first = distributed.get_rank() * len(v_BD) if world > 1 else 0
    own_BN = torch.arange(len(v_BD), device=v_BD.device)[:, None] + first == torch.arange(len(v_ND), device=v_ND.device)
    rows_BNP = scale * torch.einsum("bd,npd->bnp", v_BD, t_NPD)
    columns_BNP = scale * torch.einsum("bpd,nd->bnp", t_BPD, v_ND)
    rows_real_BNP = real_NP[None] & both_B[:, None, None]
    columns_real_BNP = real_BP[:, None, :] & compared_N[None, :, None]
    kind, factor = _DENOMINATORS[denominator]
    each_B, alone_B = (
        factor * contrastive.contrasted(x, y, rows_real_BNP, columns_real_BNP, own_BN, kind)
        for x, y in ((rows_BNP, columns_BNP), (torch.zeros_like(rows_BNP), torch.zeros_like(columns_BNP)))
    )
    # Processes average their gradients, so each divides by the mean number of complete pairs per process; in the
    # released code by its own.
    count = (both_N.sum() / world if denominator == "paper" else both_B.sum()).clamp(min=1)
    with torch.no_grad():
        guess_B = rows_BNP.masked_fill(~rows_real_BNP, -torch.inf).amax(2).argmax(1)
        right = (own_BN[torch.arange(len(guess_B)), guess_B] & both_B).sum() / both_B.sum().clamp(min=1)
    mean, chance = (torch.where(both_B, x_B, 0.0).sum() / count for x_B in (each_B, alone_B.detach()))
    return mean, right, both_B.float().mean(), chance


def _finding(video: Side, other: Side, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probabilities with which each clip's video finds its other side, and that its video (B,)."""
    seen_B = video.real_BP.any(1)
    logits_BNP = scale * torch.einsum("bd,npd->bnp", video.x_BPD[:, 0], other.x_BPD)
    lowest = torch.finfo(logits_BNP.dtype).min
    of_video_BN = logits_BNP.masked_fill(~other.real_BP, lowest).flatten(1).softmax(1).view_as(logits_BNP).sum(2)
    of_other_NP = logits_BNP.masked_fill(~seen_B[:, None, None], lowest).softmax(0).diagonal(dim1=0, dim2=1).T
    of_other_N = (of_other_NP * other.real_BP).sum(1) / other.real_BP.sum(1).clamp(min=1)
    both_B = seen_B & other.real_BP.any(1)
    return tuple(torch.where(both_B, each_B, torch.nan) for each_B in (of_video_BN.diagonal(), of_other_N))  # type: ignore[return-value]


def _side(features: Features, present_B: Tensor | None) -> Side:
    """Return a side's unit vectors: one per clip, or one per text where there are several."""
    several = features.tokens_BTD is not None and features.mask_BT is not None
    x_BPD = features.tokens_BTD if several else features.pooled_BD[:, None]
    real_BP = features.mask_BT if several else torch.ones(x_BPD.shape[:2], dtype=torch.bool, device=x_BPD.device)  # type: ignore[union-attr]
    if present_B is not None:
        real_BP = real_BP & present_B[:, None]  # type: ignore[operator]
    return Side(F.normalize(x_BPD.float(), dim=-1), real_BP)  # type: ignore[union-attr,arg-type]
