"""A modality taken away from a batch: removed, given to other samples, or drowned in noise. B batch, T time.

One mechanism for the controls of tasks, the monitor of modalities and `mmx eval RUN --ablate modalities`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import torch
from torch import Tensor

from mmx.types import Batch, Features

NOISE: Final = 1.0
"""Standard deviation of the noise, in standard deviations of the input over the batch."""

Change = Callable[[Batch, Sequence[str]], Batch]
"""What is done to a batch's inputs of the named encoders."""


def without(batch: Batch, encoders: Sequence[str]) -> Batch:
    """Return the batch as if no sample had what these encoders read: zeros of one length, marked as missing."""
    absent_B = torch.zeros(batch.size, dtype=torch.bool, device=_device(batch))
    return replace(
        batch,
        inputs={name: torch.zeros_like(x) if name in encoders else x for name, x in batch.inputs.items()},
        # Without masks: the length of the removed input would still carry information.
        masks={name: mask_BT for name, mask_BT in batch.masks.items() if name not in encoders},
        cached={name: _blank(x) if name in encoders else x for name, x in batch.cached.items()},
        present={**batch.present, **dict.fromkeys(encoders, absent_B)},
    )


def emptied(batch: Batch, features: Mapping[str, Features]) -> Batch:
    """Return the batch with zeros for these encoders' features, as long as those, which count as there.

    A loss leaves out what is missing and says nothing about it; of this it still has its say on every sample, and on
    as many words.
    """
    zeros = {name: replace(x.map(torch.zeros_like), mask_BT=x.mask_BT) for name, x in features.items()}
    return replace(batch, cached={**batch.cached, **zeros})


def shuffled(batch: Batch, encoders: Sequence[str], generator: torch.Generator) -> Batch:
    """Return the batch with these encoders' inputs given to other samples of it, each to exactly one, none to its own.

    A batch of one stays as it is.
    """
    order_B = torch.randperm(batch.size, generator=generator)
    partner_B = torch.empty_like(order_B)
    partner_B[order_B] = order_B.roll(1)  # one cycle through all samples: no fixed point
    partner_B = partner_B.to(_device(batch))

    def moved(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: x[partner_B] if name in encoders else x for name, x in values.items()}

    cached = {name: x.map(lambda t: t[partner_B]) if name in encoders else x for name, x in batch.cached.items()}
    return replace(
        batch, inputs=moved(batch.inputs), masks=moved(batch.masks), present=moved(batch.present), cached=cached
    )


def noised(batch: Batch, encoders: Sequence[str], generator: torch.Generator, level: float = NOISE) -> Batch:
    """Return the batch with normal noise on these encoders' inputs.

    Images as bytes stay within 0..255, as floats. Whole numbers of other types are ids, to which nothing can be added:
    they are left as they are (`takes_noise` tells).

    Args:
        batch: The batch.
        encoders: Whose inputs.
        generator: Draws the noise, on the CPU.
        level: Standard deviation of the noise, in standard deviations of the input over the batch.
    """

    def louder(x: Tensor) -> Tensor:
        if not _is_analogue(x):
            return x
        values = x.float()
        noise = torch.randn(values.shape, generator=generator).to(values.device)
        values = values + level * values.std(correction=0) * noise
        return values.clamp(0, 255) if x.dtype == torch.uint8 else values

    def on_features(features: Features) -> Features:
        return replace(
            features,
            pooled_BD=louder(features.pooled_BD),
            tokens_BTD=None if features.tokens_BTD is None else louder(features.tokens_BTD),
        )

    return replace(
        batch,
        inputs={name: louder(x) if name in encoders else x for name, x in batch.inputs.items()},
        cached={name: on_features(x) if name in encoders else x for name, x in batch.cached.items()},
    )


def takes_noise(batch: Batch, encoders: Sequence[str]) -> bool:
    """Return whether noise can be added to what one of these encoders reads: ids of words take none."""
    read = [batch.inputs[name] for name in encoders if name in batch.inputs and name not in batch.cached]
    return any(name in batch.cached for name in encoders) or any(map(_is_analogue, read))


def ablations(seed: int, level: float = NOISE) -> dict[str, Change]:
    """Return the three ways by name: `removed`, `shuffled`, `noised`. Each draws the same at every call.

    Args:
        seed: What they draw from.
        level: Of the noise.
    """

    def drawing(change: Callable[..., Batch], batch: Batch, encoders: Sequence[str], **options: float) -> Batch:
        return change(batch, encoders, torch.Generator().manual_seed(seed), **options)

    return {
        "removed": without,
        "shuffled": partial(drawing, shuffled),
        "noised": partial(drawing, noised, level=level),
    }


def _is_analogue(x: Tensor) -> bool:
    return x.is_floating_point() or x.dtype == torch.uint8


def _blank(features: Features) -> Features:
    return replace(features.map(torch.zeros_like), mask_BT=None)


def _device(batch: Batch) -> torch.device:
    tensors = [*batch.inputs.values(), *(each.pooled_BD for each in batch.cached.values())]
    return tensors[0].device if tensors else torch.device("cpu")
