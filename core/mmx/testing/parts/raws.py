"""Tiny raw values of every modality, of different sizes and lengths, for checks of encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmx.types import Audio, Cue, Signal, Video

RATE = 8000


def raw_values(modality: str) -> Sequence[Any]:
    """Return a few raw values of a modality, the same at every call; empty for a modality that mmx does not know."""
    rng = np.random.default_rng(0)
    if modality == "image":
        return [rng.integers(0, 256, (height, 40, 3), dtype=np.uint8) for height in (40, 56, 32)]
    if modality == "audio":
        return [Audio(_noise(rng, 1, round(seconds * RATE)), RATE) for seconds in (1.0, 0.6, 0.8)]
    if modality == "video":
        return [Video(rng.integers(0, 256, (frames, 32, 48, 3), dtype=np.uint8), 8.0) for frames in (8, 5, 6)]
    if modality == "signal":
        return [Signal(_noise(rng, length, 4), 100.0) for length in (64, 40, 50)]
    if modality == "text":
        return ["a small red circle at the top", "blue", "there is a cross"]
    if modality == "cues":
        spoken = (Cue(0.2, 0.9, "Anna waters the tree."), Cue(1.0, 2.0, "It is dry."), Cue(1.8, 2.6, "AND OLD."))
        return [spoken, spoken[:1], spoken[1:]]
    return []


def _noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (0.1 * rng.standard_normal(shape)).astype(np.float32)


def shortened(raw: Any) -> Any:
    """Return a shorter version of a raw value that has a length; the value itself where it has none."""
    if isinstance(raw, Audio):
        return replace(raw, samples_CT=raw.samples_CT[:, : max(1, raw.samples_CT.shape[1] * 3 // 5)])
    if isinstance(raw, Video):
        return replace(raw, frames_THWC=raw.frames_THWC[: max(1, len(raw.frames_THWC) * 3 // 5)])
    if isinstance(raw, Signal):
        return replace(raw, values_TC=raw.values_TC[: max(1, len(raw.values_TC) * 3 // 5)])
    if isinstance(raw, str):
        words = raw.split()
        return " ".join(words[: max(1, len(words) // 2)])
    if isinstance(raw, tuple):
        return raw[: max(1, len(raw) // 2)]
    return raw
