"""The data: what a sample offers, what is true about it, and on what terms it may be used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from mmx import Card, DataError, Sample, Signal, did_you_mean
from pydantic import Field

RATE = 32.0
LENGTH = 64
PERIODS: Mapping[str, int] = {"slow": 16, "even": 11, "fast": 7}
"""Class -> frames between two beats."""
SPLITS = ("train", "val", "test")


class Beats:
    """Pulses under noise; how fast they follow each other is the truth. Field `signal`, target `tempo`.

    Args:
        clips: Samples in split train; val and test have a quarter of it each.
        noise: Standard deviation of the noise; a beat is 1 high.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"signal": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"tempo": tuple(PERIODS)}
    card = Card(
        title="my_plugin: beats",
        summary="Pulses of three tempos under noise, made by a program.",
        licence="LICENCE_ID",
        synthetic=True,
        caveats=("Synthetic data with known truth; replace it by real data, and this card by theirs.",),
    )

    def __init__(
        self,
        clips: Annotated[int, Field(ge=4)] = 768,
        noise: Annotated[float, Field(ge=0)] = 0.3,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.lengths = {"train": clips, "val": clips // 4, "test": clips // 4}
        self.noise, self.seed = noise, seed
        # Whatever changes the content must change the digest: caches and trackers tell versions apart by it.
        self.digest = hashlib.sha256(repr(("beats", 1, clips, noise, seed)).encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"; each sample is made when it is looked at, always the same."""
        if name not in SPLITS:
            raise DataError(f"no split {name!r}{did_you_mean(name, SPLITS)}; there are {', '.join(SPLITS)}")
        return _Split(self, name)

    def sample(self, split: str, position: int) -> Sample:
        """Make one sample."""
        rng = np.random.default_rng((self.seed, SPLITS.index(split), position))
        label = int(rng.integers(len(PERIODS)))
        period = tuple(PERIODS.values())[label]
        values_TC = rng.normal(0, self.noise, (LENGTH, 1))
        values_TC[int(rng.integers(period)) :: period] += 1
        signal = Signal(values_TC.astype(np.float32), RATE)
        return Sample(f"{split}-{position:05d}", {"signal": signal}, {"tempo": label})


class _Split(Sequence[Sample]):
    """One split, made sample by sample."""

    def __init__(self, corpus: Beats, name: str) -> None:
        self.corpus, self.name = corpus, name

    def __len__(self) -> int:
        return self.corpus.lengths[self.name]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.corpus.sample(self.name, index % len(self))
