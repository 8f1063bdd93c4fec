"""Encoding of recordings and texts as unit vectors; windows of a recording are averaged.

Shapes: N items, W windows, D width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmx import Audio, Batch, DataError, Sample
from mmx_std import ports, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmx import Model, Run

BATCH = 64
QUIET = 1e-4
"""Peak below which a recording counts as silence (-80 dB)."""


@dataclass(frozen=True)
class Encoded:
    """Encoded recordings.

    Attributes:
        positions: Which of the offered samples could be read, ascending (N,).
        vectors_ND: One vector per readable sample: the mean over its windows, of length 1 where `unit` was asked for.
    """

    positions: NDArray[np.int64]
    vectors_ND: NDArray[np.float64]


def silent(audio: Audio) -> bool:
    """Return whether a recording is silent."""
    return not audio.samples_CT.size or float(np.abs(audio.samples_CT).max()) < QUIET


@torch.no_grad()
def encode(
    model: Model, run: Run, samples: Sequence[Sample], port: str, *, seconds: float, count: int, unit: bool = True
) -> Encoded:
    """Encode recordings.

    Args:
        model: In evaluation mode.
        run: Makes the batches and leaves out what cannot be read.
        samples: With a recording each.
        port: Output of the model: `fused.NAME`, or `heads.NAME`.
        seconds: Length of a window.
        count: Windows per recording.
        unit: Scale windows and their mean to length 1; without, they are averaged as they are (logits).
    """
    encoder = _encoder(model, port)
    parts = windows.Windows(samples, model.fields[encoder], seconds, count)
    sums: dict[int, NDArray[np.float64]] = {}
    counts: Counter[int] = Counter()
    for batch in run.batches(model, parts, [encoder], batch_size=BATCH):
        for name, vector_D in zip(batch.ids, _vectors(model, batch, port, unit), strict=True):
            sums[int(name)] = sums.get(int(name), 0.0) + vector_D
            counts[int(name)] += 1
    positions = np.array(sorted(sums), np.int64)
    if not len(positions):
        raise DataError("no recording of the split could be read")
    mean_ND = np.stack([sums[int(position)] / counts[int(position)] for position in positions])
    return Encoded(positions, normalised(mean_ND) if unit else mean_ND)


@torch.no_grad()
def encode_one(model: Model, audio: Audio, port: str, *, seconds: float, count: int) -> NDArray[np.float64]:
    """Return the unit vector (D,) of one recording of any length, from at most `count` windows."""
    encoder = _encoder(model, port)
    count = min(count, max(1, int(np.ceil(audio.seconds / seconds))))
    samples = [
        Sample(str(i), {model.fields[encoder]: part}) for i, part in enumerate(windows.cut(audio, seconds, count))
    ]
    batch = model.prepare(samples, [encoder]).to(model.device)
    mean_D: NDArray[np.float64] = normalised(_vectors(model, batch, port, True).sum(0)[None])[0]
    return mean_D


@torch.no_grad()
def encode_texts(model: Model, texts: Sequence[str], port: str) -> NDArray[np.float64]:
    """Return the unit vectors (N, D) of texts."""
    encoder = _encoder(model, port)
    parts = []
    for group in _groups(texts):
        samples = [Sample(str(i), {model.fields[encoder]: text}) for i, text in enumerate(group)]
        parts.append(_vectors(model, model.prepare(samples, [encoder]).to(model.device), port, True))
    return np.concatenate(parts)


def normalised(x_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows of length 1; a row of zeros stays one."""
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    unit_ND: NDArray[np.float64] = x_ND / np.where(length_N1 > 0, length_N1, 1.0)
    return unit_ND


def _groups(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(texts), BATCH):
        yield texts[first : first + BATCH]


def _vectors(model: Model, batch: Batch, port: str, unit: bool) -> NDArray[np.float64]:
    x_ND: NDArray[np.float64] = ports.read(model(batch, [port]), port).double().cpu().numpy()
    return normalised(x_ND) if unit else x_ND


def _encoder(model: Model, port: str) -> str:
    """Return the one encoder behind a port."""
    names = model.plan([port]).encoders
    return names[0] if len(names) == 1 else ports.short(port)
