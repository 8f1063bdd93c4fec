"""Late fusers: a classifier per modality, whose predictions are combined. B batch, D width, M modalities, C classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn

from mmx import Batch, Features, PortError, did_you_mean
from mmx_std.fusers.pooled import JOINT, presence, sorted_widths, vectors_of
from mmx_std.ops.ports import class_names

__all__ = ["LateEnsemble", "Stacked"]

_TIE: Final = 1e-3
"""Weight of the mean probabilities beside votes: it decides between classes with as many votes, and nothing else."""


class LateEnsemble(nn.Module):
    """One linear classifier per encoder; their class probabilities are combined.

    "joint" and every name hold logits (B, C), which an objective or a task can read as `fused.joint`. The joint logits
    are logarithms of what `mean` predicts, up to normalisation. Missing modalities give their weight to the others. The
    weights (B, M) are kept as layer `weights` of "joint". To train every part alone, a stage trains `encoders.NAME`
    and `fuser.classifiers.NAME` on `fused.NAME`; a last one may train `fuser.raw_weights_M` on the split val.

    Args:
        dims: Widths of the encoders by name.
        classes: The corpus's class names by target.
        target: Target whose classes are predicted.
        weights: "learned"; "uniform"; "confidence", by sample: a softmax over minus the entropies of the predictions;
            or one non-negative number per encoder.
        mean: Arithmetic mean of probabilities ("mean"), geometric ("log-mean"), the largest ("max", of those with
            weight), or the share of votes for each class ("vote"; the arithmetic mean decides between equal shares).
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "label",
        weights: Literal["learned", "uniform", "confidence"] | Mapping[str, float] = "learned",
        mean: Literal["mean", "log-mean", "max", "vote"] = "mean",
    ) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        count = len(class_names(classes, target))
        self.classifiers = nn.ModuleDict({name: nn.Linear(width, count) for name, width in self.widths.items()})
        self.mean = mean
        self.by_confidence = weights == "confidence"
        self.raw_weights_M: nn.Parameter | None = None
        self.fixed_M: Tensor
        self.register_buffer("fixed_M", self._fixed(weights))
        if weights == "learned":
            self.raw_weights_M = nn.Parameter(torch.zeros(len(self.widths)))
        self.dims = {**dict.fromkeys(self.widths, count), JOINT: count}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)

    def _fixed(self, weights: str | Mapping[str, float]) -> Tensor:
        if isinstance(weights, str):
            return torch.full((len(self.widths),), 1 / len(self.widths))
        if set(weights) != set(self.widths) or min(weights.values()) < 0 or sum(weights.values()) == 0:
            raise PortError(
                f"late ensemble needs one non-negative weight, not all zero, for each of {', '.join(self.widths)}; "
                f"given: {dict(weights)}"
            )
        values_M = torch.tensor([float(weights[name]) for name in self.widths])
        return values_M / values_M.sum()

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return logits by name and "joint"."""
        pooled = vectors_of(self.widths, features, batch)
        logits = {name: self.classifiers[name](pooled[name]) for name in self.widths}
        log_BMC = torch.stack([each.log_softmax(dim=1) for each in logits.values()], dim=1)
        weights_BM = _shares(self._weights(log_BMC), presence(list(self.widths), features, batch))
        fused = {name: Features(logits[name]) for name in self.widths if name in features}
        joint_BC = self._joint(log_BMC, weights_BM)
        return {**fused, JOINT: Features(joint_BC, layers={"weights": weights_BM})}

    def _weights(self, log_BMC: Tensor) -> Tensor:
        """Return weights before any modality is missing: (M,) or (B, M)."""
        if self.by_confidence:
            negative_entropy_BM = (log_BMC.exp() * log_BMC).sum(dim=2)
            return negative_entropy_BM.softmax(dim=1)
        return self.fixed_M if self.raw_weights_M is None else self.raw_weights_M.softmax(dim=0)

    def _joint(self, log_BMC: Tensor, weights_BM: Tensor) -> Tensor:
        none_BM = weights_BM == 0
        if self.mean == "log-mean":
            return (log_BMC * weights_BM[..., None]).sum(dim=1)
        if self.mean == "max":
            return log_BMC.masked_fill(none_BM[..., None], -torch.inf).amax(dim=1)
        # log of sum_m w_m p_m. The logarithm of a weight of zero has no gradient: those terms are left out by hand.
        log_weights_BM = weights_BM.masked_fill(none_BM, 1.0).log().masked_fill(none_BM, -torch.inf)
        mean_BC = (log_BMC + log_weights_BM[..., None]).logsumexp(dim=1)
        if self.mean == "mean":
            return mean_BC
        votes_BMC = nn.functional.one_hot(log_BMC.argmax(dim=2), log_BMC.shape[2])
        share_BC = (votes_BMC * weights_BM[..., None]).sum(dim=1)
        return ((1 - _TIE) * share_BC + _TIE * mean_BC.exp()).log()


class Stacked(nn.Module):
    """A logistic regression on the log-odds of classifiers that were trained alone (stacked generalisation).

    Log-odds are log-probabilities less their mean over classes; a missing modality has zeros. "joint" and every name
    hold logits (B, C). The regression must learn from predictions for samples that their classifier has not learned
    from (Wolpert, 1992): on a split that no part was trained on, or, with `folds`, on the training split, where each
    sample's log-odds come from the encoder that was trained without its fold. In judging the encoders named as keys
    of `folds`, trained on all folds, take their place.

    Args:
        dims: Widths of the encoders by name.
        classes: The corpus's class names by target.
        target: Target whose classes are predicted.
        folds: Encoder -> the encoders of the same field that were trained without fold 0, 1, ...
        fold: Target that holds the number of each training sample's fold.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        classes: Mapping[str, Sequence[str] | None],
        *,
        target: str = "label",
        folds: Mapping[str, Sequence[str]] = {},
        fold: str = "fold",
    ) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        for name in [*folds, *(each for several in folds.values() for each in several)]:
            if name not in self.widths:
                raise PortError(f"folds: no encoder {name!r}{did_you_mean(name, self.widths)}")
        self.folds = {name: tuple(several) for name, several in folds.items()}
        inner = {each for several in self.folds.values() for each in several}
        self.whole = [name for name in self.widths if name not in inner]
        self.fold = fold
        count = len(class_names(classes, target))
        self.classifiers = nn.ModuleDict({name: nn.Linear(width, count) for name, width in self.widths.items()})
        self.regression = nn.Linear(len(self.whole) * count, count)
        self.dims = {**dict.fromkeys(self.widths, count), JOINT: count}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return logits by name and "joint"."""
        pooled = vectors_of(self.widths, features, batch)
        logits = {name: self.classifiers[name](pooled[name]) for name in self.widths}
        present_BM = presence(list(self.widths), features, batch)
        odds = {
            name: _log_odds(each_BC) * present_BM[:, place, None]
            for place, (name, each_BC) in enumerate(logits.items())
        }
        held_out = self.regression.training and self.fold in batch.targets
        parts = [self._held_out(name, odds, batch) if held_out else odds[name] for name in self.whole]
        joint_BC = self.regression(torch.cat(parts, dim=1))
        return {**{name: Features(logits[name]) for name in self.widths if name in features}, JOINT: Features(joint_BC)}

    def _held_out(self, name: str, odds: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return each sample's log-odds by the encoder that has not learned from its fold."""
        several = self.folds.get(name)
        if not several:
            return odds[name]
        chosen_BFC = torch.stack([odds[each] for each in several], dim=1)
        fold_B = batch.targets[self.fold].long()
        return chosen_BFC[torch.arange(len(fold_B), device=fold_B.device), fold_B]


def _log_odds(logits_BC: Tensor) -> Tensor:
    log_BC = logits_BC.log_softmax(dim=1)
    return log_BC - log_BC.mean(dim=1, keepdim=True)


def _shares(weights: Tensor, present_BM: Tensor) -> Tensor:
    """Spread weights (M,) or (B, M) over the modalities that are there: (B, M), each row sums to 1."""
    kept_BM = weights * present_BM
    # Only modalities of weight zero are there, or none at all: equal shares of what there is.
    equal_BM = (present_BM | ~present_BM.any(dim=1, keepdim=True)).to(kept_BM.dtype)
    kept_BM = torch.where(kept_BM.sum(dim=1, keepdim=True) > 0, kept_BM, equal_BM)
    return kept_BM / kept_BM.sum(dim=1, keepdim=True)
