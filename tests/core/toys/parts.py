"""Toy components. Importing this module fails: whoever lists, shows or checks them must read the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from mmx.interfaces import Corpus, Encoder, Objective
from tests.core.toys.aliases import Mode, Named, Share

raise ImportError("components are read, not imported")

DEPTH = 4
Optional_ = Share | None


class Conv(nn.Module):
    """Convolutions over a waveform.

    More about it.

    Args:
        layers: Channels of each layer,
            from the first.
        mode: How it pools.
    """

    def __init__(
        self,
        width: Annotated[float, Field(gt=0, lt=DEPTH, description="Factor on every\n channel count.")] = 1.0,
        layers: Sequence[int] = (8, 16),
        *,
        mode: Mode = "sum",
        weights: str | None = "hub",
        depth: int = DEPTH,
        activation: Any = nn.ReLU,
        drop: Optional_ = None,
    ) -> None: ...


class Mel(nn.Module):
    """Mel bands."""

    def __init__(self, bands: Annotated[int, Field(ge=1)] = 64, rate: int = 16_000) -> None: ...


class Frames(nn.Module):
    """An encoder per frame."""

    def __init__(self, image: Encoder, step: int = 2) -> None: ...


class NoFusion:
    """Leaves features as they are."""


class Linear(nn.Module):
    """A linear classifier."""

    def __init__(self, dims: Mapping[str, int], classes: Mapping[str, Any], target: str) -> None: ...


class Kl:
    """Divergence."""

    def __init__(self, temperature: Annotated[float, Field(gt=0)] = 1.0) -> None: ...


class Weighted:
    """A sum of objectives."""

    def __init__(self, objectives: Mapping[str, Objective], weights: Mapping[str, float] | None = None) -> None: ...


class Chain:
    """Several objectives."""

    def __init__(self, objectives: Sequence[Objective]) -> None: ...


@dataclass(frozen=True)
class Clips:
    """Clips made by a program."""

    kind: ClassVar[str] = "toy"
    clips: int = 100
    noise: Mapping[str, float] = field(default_factory=dict)
    talkers: Corpus | None = None
    made: int = field(init=False, default=0)


class Manifest(Named):
    """Files of a user."""

    def __init__(self, path: str) -> None: ...


class Judge(Named):
    """Judges."""


class Odd(Tensor):
    """Its base is another library's."""


def adamw(params: Iterable[Tensor], lr: Annotated[float, Field(gt=0)] = 1e-3, **options: Any) -> Any:
    """Adam with decoupled weight decay.

    Args:
        params: What learns.
        lr: Learning rate.
    """


def sgd(params: Iterable[Tensor], lr: float = 0.1) -> Any:
    """Descend."""


def cosine(total_steps: int, warmup: int = 0) -> Any:
    """Half a cosine."""


class Calm:
    """Changes nothing."""

    def __init__(self, p: float = 0.1) -> None: ...


judge = Judge
