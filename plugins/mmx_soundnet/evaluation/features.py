"""Activations of every layer for a set of sounds, in the form that a linear probe takes.

Shape legend: B batch, T time steps, W windows, D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mmx import PortError, did_you_mean

if TYPE_CHECKING:
    from mmx import Batch, Features, Model, Run, Sample

Pooling = Literal["mean", "windows"]
LayerFeatures = dict[str, dict[str, np.ndarray]]
"""Layer -> item id -> windows (W, D)."""
WINDOW_SHARE = 0.1
"""The paper's window is a tenth of the clip: three of the 27 steps of pool5 for ten seconds."""


@torch.inference_mode()
def features_of(
    model: Model,
    run: Run,
    samples: Sequence[Sample],
    encoder: str,
    layers: Sequence[str],
    *,
    head: str | None = None,
    pooling: Pooling = "mean",
    batch_size: int = 16,
    label: str = "sounds",
) -> LayerFeatures:
    """Return features of sounds from several layers.

    Args:
        model: The model, used in evaluation mode.
        run: Yields the batches.
        samples: The sounds.
        encoder: Name of the encoder.
        layers: Names of its layers, "tokens", "pooled", or parts of the head's prediction ("objects", "scenes").
        head: Name of the two-headed classifier, for layers that are its predictions.
        pooling: "mean" over time, or the paper's sliding "windows".
        batch_size: Sounds per batch.
        label: What progress is shown as.

    Raises:
        PortError: A layer is neither the encoder's nor the head's.
    """
    model.eval()
    of_head = [layer for layer in layers if head is not None and layer in ("objects", "scenes")]
    needs = [f"encoded.{encoder}", *([f"heads.{head}"] if of_head else [])]
    found: LayerFeatures = {layer: {} for layer in layers}
    batches = run.batches(model, samples, [encoder], batch_size)
    for batch in run.track(batches, label, math.ceil(len(samples) / batch_size)):
        outputs = model(batch, needs)
        features = outputs.encoded[encoder]
        predictions = outputs.heads[head] if of_head and head is not None else {}
        for layer in layers:
            steps_BTD, length_B = _steps(model.encoders[encoder], features, predictions, batch, encoder, layer)
            width = _window(model.encoders[encoder], layer) if pooling == "windows" else None
            for row, item in enumerate(batch.ids):
                length = steps_BTD.shape[1] if length_B is None else int(length_B[row])
                found[layer][item] = _windows(steps_BTD[row, :length], width).float().cpu().numpy()
    return found


@torch.no_grad()
def calibrate(model: Model, run: Run, samples: Sequence[Sample], encoder: str, batch_size: int = 32) -> None:
    """Give the encoder's batch normalisations the statistics of these sounds, without any training.

    An untrained network normalises by mean 0 and variance 1, which no layer has; with calibrated statistics its random
    features are at their best: a fair comparison.
    """
    norms = _norms(model, encoder)
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average: every batch counts the same
        norm.train()
    for batch in run.batches(model, samples, [encoder], batch_size) if norms else ():
        model(batch, [f"encoded.{encoder}"])
    model.eval()


@contextmanager
def calibrated(model: Model, run: Run, samples: Sequence[Sample], encoder: str) -> Iterator[None]:
    """Judge a trained network with the statistics of these sounds, too; afterwards it has its own again.

    The statistics that training leaves are an average over its last batches, a draw that by itself moves the accuracy
    of a network whose weights never changed by some .06. Where the trained and the untrained network take theirs from
    the same sounds in the same order, weights are all that they differ in.
    """
    norms = _norms(model, encoder)
    kept = [({name: value.clone() for name, value in norm.named_buffers()}, norm.momentum) for norm in norms]
    calibrate(model, run, samples, encoder)
    try:
        yield
    finally:
        for norm, (buffers, momentum) in zip(norms, kept, strict=True):
            norm.load_state_dict(buffers, strict=False)
            norm.momentum = momentum


def _norms(model: Model, encoder: str) -> list[nn.modules.batchnorm._BatchNorm]:
    return [part for part in model.encoders[encoder].modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


def known_layers(model: Model, encoder: str, head: str | None) -> Sequence[str]:
    """Return the layers that an encoder and a head offer, in order, without running them."""
    table = getattr(model.encoders[encoder], "table", ())
    predictions = getattr(model.heads[head], "convs", ()) if head is not None and head in model.heads else ()
    return [*(layer.name for layer in table), "tokens", "pooled", *predictions]


def _steps(
    encoder: Any, features: Features, predictions: Mapping[str, Tensor], batch: Batch, name: str, layer: str
) -> tuple[Tensor, Tensor | None]:
    """Return a layer as (B, T, D) and the number of real steps per clip (None: all)."""
    mask_BT = batch.masks.get(name)
    if layer in predictions:
        return predictions[layer], None if "mask" not in predictions else predictions["mask"].sum(1)
    if layer in features.layers:
        lengths = None if mask_BT is None else encoder.lengths(mask_BT.sum(1))[layer]
        return features.layers[layer], lengths
    if layer == "pooled":
        return features.pooled_BD.unsqueeze(1), None
    if layer == "tokens" and features.tokens_BTD is not None:
        return features.tokens_BTD, None if features.mask_BT is None else features.mask_BT.sum(1)
    offered = [*features.layers, "tokens", "pooled", *predictions]
    raise PortError(
        f"encoder {name!r} has no layer {layer!r}{did_you_mean(layer, offered)}; it has {', '.join(offered)}"
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
