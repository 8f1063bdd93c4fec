"""A tiny corpus, model and run that the tests of tasks judge; every value is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Batch, Card, Features, Sample

T = TypeVar("T")


class Vector(nn.Module):
    """Reads a list of numbers; without training it says nothing."""

    modality = "signal"

    def __init__(self, width: int, trained: bool = True) -> None:
        super().__init__()
        self.out_dim = width
        self.scale = nn.Parameter(torch.tensor(1.0 if trained else 0.0))

    def prepare(self, raw: Any) -> Tensor:
        if isinstance(raw, str):
            raise DataError("broken")
        return torch.tensor(raw, dtype=torch.float32)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x * self.scale)


class Sum(nn.Module):
    """Features by name, and their sum as "joint"."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.dims = {**dims, "joint": next(iter(dims.values()))}

    def requires(self, output: str) -> Sequence[str]:
        return [name for name in self.dims if name != "joint"] if output == "joint" else [output]

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return {**features, "joint": Features(sum(each.pooled_BD for each in features.values()))}


class Same(nn.Module):
    needs = ("fused.joint",)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        return fused["joint"].pooled_BD


def make_model(names: Sequence[str], width: int, trained: bool = True) -> Model:
    encoders = {name: Vector(width, trained) for name in names}
    return Model(encoders, Sum(dict.fromkeys(names, width)), {"label": Same()}, {name: name for name in names})


class Listed:
    """A corpus of the samples given, by split."""

    def __init__(self, splits: Mapping[str, Sequence[Sample]], classes: Mapping[str, Sequence[str] | None]) -> None:
        self.splits, self.targets = splits, classes
        self.fields = {name: "signal" for samples in splits.values() for each in samples for name in each.fields}
        self.card, self.digest = Card("", "", "none", synthetic=True), "0"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in self.splits:
            raise DataError(f"no split {name!r}")
        return self.splits[name]


class Judged:
    """The parts of a run that a task sees."""

    id, experiment, seed, split = "run", "test", 0, "test"
    device = torch.device("cpu")
    folder = Path()

    def __init__(self, untrained: Model) -> None:
        self._untrained = untrained

    def batches(
        self, model: Model, samples: Sequence[Sample], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        good = []
        for sample in samples:
            try:
                model.prepare([sample], encoders)
            except DataError as error:
                if "no sample of the batch" not in str(error):
                    continue
            good.append(sample)
        for first in range(0, len(good), batch_size):
            batch = model.prepare(good[first : first + batch_size], encoders)
            batch.samples = good[first : first + batch_size]
            yield batch

    def untrained(self) -> Model:
        return self._untrained

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        return items

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        pass


COLOURS, SHAPES = ("red", "green", "blue"), ("circle", "square")
WORDS = (*COLOURS, *SHAPES, "a")


class Texts(nn.Module):
    """The sum of one-hot vectors of a text's words, known or not; "a" counts for half."""

    modality = "text"

    def __init__(self, trained: bool = True) -> None:
        super().__init__()
        self.out_dim = len(WORDS)
        self.scale = nn.Parameter(torch.tensor(1.0 if trained else 0.0))

    def prepare(self, raw: Any) -> Tensor:
        words = raw.split()
        return torch.tensor([words.count(word) * (0.5 if word == "a" else 1.0) for word in WORDS])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x * self.scale)


def thing(colour: int, shape: int) -> list[float]:
    """The vector of an item: what the text with its two words has."""
    return [float(word in (COLOURS[colour], SHAPES[shape])) for word in WORDS]


def make_dual(trained: bool = True) -> Model:
    """A model of items (lists of numbers) and texts in one space, without training or with perfect knowledge."""
    encoders = {"item": Vector(len(WORDS), trained), "text": Texts(trained)}
    return Model(encoders, Sum({"item": len(WORDS), "text": len(WORDS)}), {}, {"item": "item", "text": "caption"})
