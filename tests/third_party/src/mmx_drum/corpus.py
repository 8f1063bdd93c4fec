"""Taps: two signals of one rhythm, on the skin and in the air."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmx import Card, DataError, Sample, Signal

LENGTH = 48


class Taps:
    """Pulses of three periods, with independent noise in two fields.

    Args:
        clips: Samples per split.
        noise: Standard deviation of the noise.
    """

    fields: Mapping[str, str] = {"skin": "signal", "air": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"period": ("five", "eight", "eleven")}
    card = Card(title="taps", summary="Pulses made by a program.", licence="CC0-1.0", synthetic=True)

    def __init__(self, clips: int = 256, noise: float = 0.3) -> None:
        self.clips, self.noise = clips, noise
        self.digest = f"taps-1-{clips}-{noise}"

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train" or "test"."""
        if name not in ("train", "test"):
            raise DataError(f"drum/taps has no split {name!r}; it has train and test")
        return [self._sample(name, index) for index in range(self.clips)]

    def _sample(self, split: str, index: int) -> Sample:
        rng = np.random.default_rng((len(split), index))
        label = int(rng.integers(3))
        pulses = np.zeros((LENGTH, 1))
        pulses[int(rng.integers(5)) :: (5, 8, 11)[label]] = 1
        fields = {
            name: Signal((pulses + rng.normal(0, self.noise, pulses.shape)).astype(np.float32), 16.0)
            for name in self.fields
        }
        return Sample(f"{split}-{index}", fields, {"period": label})
