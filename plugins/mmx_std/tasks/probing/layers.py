"""Activations of every layer for a set of items, in the form that a linear probe takes.

Shape legend: B batch, T time steps, W windows, D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mmx import PortError, did_you_mean
from mmx_std.ops.ports import short

if TYPE_CHECKING:
    from mmx import Batch, Features, Model, Outputs, Run, Sample

__all__ = ["LayerFeatures", "Pooling", "calibrate", "calibrated", "encode", "features_of", "known_layers"]

Pooling = Literal["mean", "windows"]
LayerFeatures = dict[str, dict[str, np.ndarray]]
"""Layer -> item id -> windows (W, D)."""
WINDOW_SHARE = 0.1
"""SoundNet's window is a tenth of the clip: three of the 27 steps of pool5 for ten seconds."""
_OWN = ("tokens", "pooled")


@torch.inference_mode()
def features_of(
    model: Model,
    run: Run,
    samples: Sequence[Sample],
    reads: str,
    layers: Sequence[str],
    *,
    head: str | None = None,
    pooling: Pooling = "mean",
    batch_size: int = 16,
    label: str = "items",
) -> LayerFeatures:
    """Return features of items from several layers.

    Args:
        model: The model, used in evaluation mode.
        run: Yields the batches.
        samples: The items.
        reads: Port of the features, `encoded.NAME` or `fused.NAME`.
        layers: Names of its layers, "tokens", "pooled", or parts of the head's prediction.
        head: A head whose prediction is a mapping of steps (B, T, D), for layers that are its parts.
        pooling: "mean" over time, or sliding "windows" of a tenth of an item.
        batch_size: Items per batch.
        label: What progress is shown as.

    Raises:
        PortError: A layer is neither the features' nor the head's.
    """
    model.eval()
    batches = run.batches(model, samples, model.plan([reads]).encoders, batch_size)
    tracked = run.track(batches, label, math.ceil(len(samples) / batch_size))
    return encode(model, tracked, reads, layers, head=head, pooling=pooling)


@torch.inference_mode()
def encode(
    model: Model,
    batches: Iterable[Batch],
    reads: str,
    layers: Sequence[str],
    *,
    head: str | None = None,
    pooling: Pooling = "mean",
) -> LayerFeatures:
    """Return features of batches; see `features_of`."""
    needs = [reads, *([f"heads.{head}"] if head is not None else [])]
    found: LayerFeatures = {layer: {} for layer in layers}
    for batch in batches:
        steps = _Steps(model, model(batch, needs), batch, reads, head)
        for layer in layers:
            steps_BTD, length_B = steps.of(layer)
            width = _window(steps.encoder, layer) if pooling == "windows" else None
            for row, item in enumerate(batch.ids):
                length = steps_BTD.shape[1] if length_B is None else int(length_B[row])
                found[layer][item] = _windows(steps_BTD[row, :length], width).float().cpu().numpy()
    return found


@torch.inference_mode()
def known_layers(
    model: Model, run: Run, samples: Sequence[Sample], reads: str, head: str | None = None
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the layers that a port and those that a head offer for the first item that can be read, in order."""
    model.eval()
    needs = [reads, *([f"heads.{head}"] if head is not None else [])]
    for batch in run.batches(model, samples, model.plan([reads]).encoders, 1):
        steps = _Steps(model, model(batch, needs), batch, reads, head)
        return steps.own, list(steps.parts)
    return _OWN, ()


@torch.no_grad()
def calibrate(model: Model, run: Run, samples: Sequence[Sample], reads: str, batch_size: int = 32) -> None:
    """Give the batch normalisations of a port's encoders the statistics of these items, without any training.

    An untrained network normalises by mean 0 and variance 1, which no layer has; with calibrated statistics its random
    features are at their best: a fair comparison.
    """
    norms = _norms(model, reads)
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average: every batch counts the same
        norm.train()
    for batch in run.batches(model, samples, model.plan([reads]).encoders, batch_size) if norms else ():
        model(batch, [reads])
    model.eval()


@contextmanager
def calibrated(model: Model, run: Run, samples: Sequence[Sample], reads: str) -> Iterator[None]:
    """Judge a trained network with the statistics of these items, too; afterwards it has its own again.

    The statistics that training leaves are an average over its last batches, a draw that by itself moves the accuracy
    of a network whose weights never changed by some .06. Where the trained and the untrained network take theirs from
    the same items in the same order, weights are all that they differ in.
    """
    norms = _norms(model, reads)
    kept = [({name: value.clone() for name, value in norm.named_buffers()}, norm.momentum) for norm in norms]
    calibrate(model, run, samples, reads)
    try:
        yield
    finally:
        for norm, (buffers, momentum) in zip(norms, kept, strict=True):
            norm.load_state_dict(buffers, strict=False)
            norm.momentum = momentum


def _norms(model: Model, reads: str) -> list[nn.modules.batchnorm._BatchNorm]:
    parts = [part for name in model.plan([reads]).encoders for part in model.encoders[name].modules()]
    return [part for part in parts if isinstance(part, nn.modules.batchnorm._BatchNorm)]


class _Steps:
    """The layers of a batch over time: those of the features, then the parts of a head's prediction."""

    def __init__(self, model: Model, outputs: Outputs, batch: Batch, reads: str, head: str | None) -> None:
        name = short(reads)
        self.reads = reads
        self.features: Features = (outputs.encoded if reads.startswith("encoded.") else outputs.fused)[name]
        self.encoder: Any = model.encoders[name] if reads.startswith("encoded.") else None
        self.mask_BT = batch.masks.get(name)
        parts = outputs.heads.get(head) if head is not None else None
        self.parts = {k: x for k, x in parts.items() if k != "mask"} if isinstance(parts, Mapping) else {}
        self.parts_mask_BT = parts.get("mask") if isinstance(parts, Mapping) else None
        self.own = [*self.features.layers, *_OWN]

    def of(self, layer: str) -> tuple[Tensor, Tensor | None]:
        """Return a layer as (B, T, D) and the number of real steps per item (None: all)."""
        features = self.features
        if layer in self.parts:
            return self.parts[layer], None if self.parts_mask_BT is None else self.parts_mask_BT.sum(1)
        if layer in features.layers:
            lengths = None if self.mask_BT is None else self.encoder.lengths(self.mask_BT.sum(1))[layer]
            return features.layers[layer], lengths
        if layer == "pooled":
            return features.pooled_BD.unsqueeze(1), None
        if layer == "tokens" and features.tokens_BTD is not None:
            return features.tokens_BTD, None if features.mask_BT is None else features.mask_BT.sum(1)
        offered = [*self.own, *self.parts]
        raise PortError(
            f"{self.reads} has no layer {layer!r}{did_you_mean(layer, offered)}; it has {', '.join(offered)}"
        )


def _window(encoder: Any, layer: str) -> int | None:
    """Return how many steps of a layer are one window; None for layers that the table does not list."""
    lengths = encoder.lengths(encoder.shortest) if hasattr(encoder, "lengths") else {}
    return max(1, ceil(WINDOW_SHARE * lengths[layer])) if layer in lengths else None


def _windows(steps_TD: Tensor, width: int | None) -> Tensor:
    """Cut (T, D) into all windows of `width` steps, flattened (W, width * D); without a width, average over time."""
    if width is None:
        return steps_TD.mean(0, keepdim=True)
    return steps_TD.unfold(0, min(width, len(steps_TD)), 1).transpose(1, 2).flatten(1)
