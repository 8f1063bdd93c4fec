"""Pre-training tasks within one video: masked words, masked frames, the order of frames.

Shape legend: B videos, T frames, S subtitles, L tokens, N of those asked for, V width of features, R numbers of a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Losses, Outputs, PortError
from mmx_hero.model import rows
from mmx_hero.model.heads import head_outputs
from mmx_hero.model.rows import View
from mmx_hero.model.vocabulary import tokens_of
from mmx_std import masking

Share = Annotated[float, Field(gt=0, lt=1)]


class MaskedWords(nn.Module):
    """MLM: prediction of masked tokens of the subtitles (equation 1).

    Of the masked tokens 80 % become the mask token, 10 % a random one, 10 % stay. At least one per video.

    Args:
        head: Head that predicts words.
        subtitles: Encoder of the subtitles.
        share: Share of tokens that is masked.
        built: Parts that are built already (filled in).
        vocabulary: Number of tokens: random ones are drawn from them, and masked ones predicted among them. By default
            that of the encoder of the subtitles.
        mask: The mask token.
        first: Token before every subtitle in this task; null keeps the separator.
        specials: Tokens below this number are never drawn.
    """

    def __init__(
        self,
        head: str = "words",
        subtitles: str = "subtitles",
        *,
        built: Mapping[str, Any],
        share: Share = 0.15,
        vocabulary: Annotated[int, Field(ge=1)] | None = None,
        mask: Annotated[int, Field(ge=0)] = 3,
        first: int | None = 1,
        specials: Annotated[int, Field(ge=0)] = 5,
    ) -> None:
        super().__init__()
        self.needs = (f"heads.{head}",)
        self.head, self.subtitles, self.share, self.first = head, subtitles, share, first
        self.vocabulary = tokens_of(built, f"encoders.{subtitles}", vocabulary)
        self.mask, self.specials = mask, min(specials, self.vocabulary - 1)

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mask some words."""
        rows_BSR = rows.rows_of(batch, self.subtitles)
        ids_BSL, real_BSL = rows.ids(rows_BSR), rows.token_mask(rows_BSR)
        real_BSL = real_BSL & (torch.arange(ids_BSL.shape[-1], device=ids_BSL.device) > 0)  # the first is the separator
        hidden_BSL = masking.chosen(real_BSL.flatten(1), self.share, generator).view_as(real_BSL)
        labels_BSL = torch.where(hidden_BSL, ids_BSL, -1)
        new_BSL = masking.corrupted(ids_BSL, hidden_BSL, self.mask, self.specials, self.vocabulary, generator)
        if self.first is not None:
            new_BSL[..., 0] = torch.where(rows_BSR[..., rows.COUNT] > 0, self.first, new_BSL[..., 0])
        changed_BSR = torch.cat([rows_BSR[..., : rows.TOKENS], new_BSL.to(rows_BSR.dtype)], -1)
        return rows.with_view(rows.with_rows(batch, self.subtitles, changed_BSR), View(labels_BSL=labels_BSL))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the mean cross-entropy over masked words, and the accuracy.

        Without a view every word is predicted.
        """
        logits = head_outputs(outputs, self.head, "masked")["masked"]
        labels = rows.view_of(batch).labels_BSL
        if labels is None:
            rows_BSR = rows.rows_of(batch, self.subtitles)
            labels = torch.where(rows.token_mask(rows_BSR), rows.ids(rows_BSR), -1)
            logits = logits[(labels.flatten(1) >= 0)]
        labels_N = labels[labels >= 0]
        loss = functional.cross_entropy(logits[:, : self.vocabulary], labels_N, reduction="sum")
        count = max(1, len(labels_N))
        return {"loss": loss / count, "right": (logits.argmax(-1) == labels_N).sum() / count}

    def chance(self, batch_size: int) -> float:
        """Return ln of the number of tokens."""
        return math.log(self.vocabulary)


class MaskedFrames(nn.Module):
    """MFM: the features of masked frames are regressed, or identified among others (equations 2 and 3).

    `mffr` is the distance from the true features, averaged over masked frames; `mnce` identifies the true features
    among those of all masked frames of the batch and the predictions for all other frames, by dot products.

    Args:
        head: Head that predicts features.
        frames: Encoder of the features.
        kind: Regression (mffr) or contrast (mnce).
        share: Share of frames that is masked; at least one per video.
        temperature: Of the contrast.
        norm: Distance of the regression: `l2` is the length of the difference, `mse` the mean of its squares (as in the
            released code).
        scale: `unit` brings features and predictions to unit length first, so that features of any size fit the
            temperature; `raw` takes them as they are, as the paper does.
        padding: Count the predictions for padding among the negatives, as in the released code.
    """

    def __init__(
        self,
        head: str = "features",
        frames: str = "frames",
        *,
        kind: Literal["mffr", "mnce"] = "mnce",
        share: Share = 0.15,
        temperature: Annotated[float, Field(gt=0)] = 1.0,
        norm: Literal["l2", "mse"] = "l2",
        scale: Literal["raw", "unit"] = "raw",
        padding: bool = False,
    ) -> None:
        super().__init__()
        self.needs = (f"heads.{head}", f"encoded.{frames}")
        self.head, self.frames, self.kind, self.share = head, frames, kind, share
        self.temperature, self.norm, self.scale, self.padding = temperature, norm, scale, padding

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mask some frames."""
        hidden_BT = masking.chosen(rows.frame_mask(batch, self.frames), self.share, generator)
        return rows.with_view(batch, View(hidden_BT=hidden_BT))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss over masked frames; without a view over all frames."""
        predicted_BTV = outputs.heads[self.head]
        true_BTV, mask_BT = _features(outputs, self.frames, batch)
        hidden_BT = rows.view_of(batch).hidden_BT
        hidden_BT = mask_BT if hidden_BT is None else functional.pad(hidden_BT, (0, _less(mask_BT, hidden_BT)))
        predicted_NV, true_NV = predicted_BTV[hidden_BT], true_BTV[hidden_BT].detach()
        if self.scale == "unit":
            true_NV, predicted_BTV = functional.normalize(true_NV, dim=-1), functional.normalize(predicted_BTV, dim=-1)
            predicted_NV = predicted_BTV[hidden_BT]
        if not len(predicted_NV):
            return {"loss": predicted_BTV.sum() * 0.0}
        if self.kind == "mffr":
            return {"loss": self._distance(predicted_NV, true_NV)}
        rest_BT = ~hidden_BT if self.padding else ~hidden_BT & mask_BT
        candidates_XV = torch.cat([true_NV, predicted_BTV[rest_BT]])
        logits_NX = predicted_NV @ candidates_XV.T / self.temperature
        own_N = torch.arange(len(predicted_NV), device=predicted_NV.device)
        return {
            "loss": functional.cross_entropy(logits_NX, own_N),
            "right": (logits_NX.argmax(1) == own_N).float().mean(),
            "chance": torch.tensor(math.log(len(candidates_XV))),
        }

    def _distance(self, predicted_NV: Tensor, true_NV: Tensor) -> Tensor:
        if self.norm == "mse":
            return functional.mse_loss(predicted_NV, true_NV)
        return (predicted_NV - true_NV).square().sum(-1).add(1e-12).sqrt().mean()

    def chance(self, batch_size: int) -> None:
        """Return None: it depends on how many frames are masked; the term `chance` reports it for `mnce`."""
        return


class FrameOrder(nn.Module):
    """FOM: some frames are reordered before the temporal transformer; their positions are predicted (equation 4).

    Args:
        head: Head that predicts positions.
        frames: Encoder of the frames.
        share: Share of frames that is reordered, each drawn independently; at least two, where there are two.
        places: Classes: most frames of a video.
    """

    def __init__(
        self,
        head: str = "order",
        frames: str = "frames",
        *,
        share: Share = 0.15,
        places: Annotated[int, Field(ge=2)] = 100,
    ) -> None:
        super().__init__()
        self.needs = (f"heads.{head}", f"encoded.{frames}")
        self.head, self.frames, self.share, self.places = head, frames, share, places

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Move some frames: `order[i]` is where frame i goes."""
        mask_BT = rows.frame_mask(batch, self.frames)
        moved_BT = masking.chosen(mask_BT, self.share, generator, least=2)
        places_BT = torch.arange(mask_BT.shape[1], device=mask_BT.device).expand(mask_BT.shape)
        # The chosen slots in order of time, matched with the same slots in random order.
        slots_BT = torch.where(moved_BT, places_BT, mask_BT.shape[1]).sort(1).values
        keys_BT = masking.drawn(mask_BT.shape, generator, mask_BT).masked_fill(~moved_BT, 2.0)
        mixed_BT = keys_BT.argsort(1)
        count_B1 = moved_BT.sum(1, keepdim=True)
        mine_BT = places_BT < count_B1
        order_BT = places_BT.clone()
        rows_BT = torch.arange(len(mask_BT), device=mask_BT.device)[:, None].expand(mask_BT.shape)
        order_BT[rows_BT[mine_BT], mixed_BT[mine_BT]] = slots_BT[mine_BT]
        return rows.with_view(batch, View(order_BT=order_BT, moved_BT=moved_BT))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the cross-entropy over frames that were moved (over all frames without a view).

        Raises:
            PortError: The head predicts fewer places than there are classes.
        """
        logits_BTP = outputs.heads[self.head]
        if logits_BTP.shape[-1] < self.places:
            told = f"places={self.places}, and heads.{self.head} predicts {logits_BTP.shape[-1]}"
            raise PortError(f"{told}: set heads.{self.head}.places={self.places}")
        _, mask_BT = _features(outputs, self.frames, batch)
        view = rows.view_of(batch)
        places_BT = torch.arange(logits_BTP.shape[1], device=logits_BTP.device).expand(mask_BT.shape)
        target_BT = torch.where(mask_BT, places_BT, -1)
        if view.order_BT is not None and view.moved_BT is not None:
            target_BT = self.targets(view.order_BT, view.moved_BT)
            target_BT = functional.pad(target_BT, (0, _less(mask_BT, target_BT)), value=-1)
        counted_BT = (target_BT >= 0) & (target_BT < self.places)
        logits_NP, target_N = logits_BTP[counted_BT], target_BT[counted_BT]
        count = max(1, len(target_N))
        loss = functional.cross_entropy(logits_NP, target_N, reduction="sum") / count
        return {"loss": loss, "right": (logits_NP.argmax(-1) == target_N).sum() / count}

    @staticmethod
    def targets(order_BT: Tensor, moved_BT: Tensor) -> Tensor:
        """Return the original position of each slot's frame: target[order[i]] = i for chosen frames, else -1."""
        places_BT = torch.arange(order_BT.shape[1], device=order_BT.device).expand_as(order_BT)
        return torch.full_like(order_BT, -1).scatter(1, order_BT, torch.where(moved_BT, places_BT, -1))

    def chance(self, batch_size: int) -> float:
        """Return ln of the number of positions."""
        return math.log(self.places)


def _features(outputs: Outputs, name: str, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return an encoder's frames and which of them are real."""
    frames = outputs.encoded[name]
    x_BTV: Any = frames.tokens_BTD
    if x_BTV is None:
        raise PortError(f"encoded.{name} has no tokens")
    mask = frames.mask_BT
    mask_BT = torch.ones(x_BTV.shape[:2], dtype=torch.bool, device=x_BTV.device) if mask is None else mask
    present = batch.present.get(name)
    return x_BTV, mask_BT if present is None else mask_BT & present[:, None]


def _less(whole_BT: Tensor, part_BT: Tensor) -> int:
    return whole_BT.shape[1] - part_BT.shape[1]
