"""The face decoder: a face feature to a frontal face with neutral expression in even light (Cole et al. 2017).

A shared layer, then two branches: landmarks, and a texture in the coordinates of the mean landmarks. A spline warp
brings the texture to the landmarks.

Shape legend: B batch, D width of the face feature, H hidden, L landmarks, S side in pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Corpus, DataError, Features, LazyFields, PortError
from mmx_speech2face.model.warp import warp
from mmx_std import ports

Positive = Annotated[int, Field(ge=1)]
_MOST = 500
"""Samples of the corpus whose landmarks make the mean."""


class FaceDecoder(nn.Module):
    """Decodes faces from face features, for every name of `reads` whose features are given.

    For each it returns `first`, the first layer (B, first), which is f_dec of the voice encoder's loss, and, computed
    when they are asked for, `landmarks` (B, L, 2) in -1..1, `texture` (B, 3, S, S) and `image` (B, 3, S, S) in 0..1,
    and `mean` (L, 2), the mean landmarks. `mean_D` is the mean of the face features that it was trained on.

    Args:
        dims: Widths by name (filled in).
        corpus: The experiment's corpus; its train split gives the mean landmarks (filled in); None leaves
            them to the weights of a run.
        reads: Names of the features; the first one must be there, the others may.
        first: Width of the first layer, f_dec; 1000 at full scale.
        hidden: Width of the layer that both branches share.
        landmarks: L, the number of landmarks; 0 has no landmarks and no warp, and the texture is the image.
        shape: Widths of the landmark branch.
        channels: Channels of the texture branch; every layer but the first doubles the side.
        side: S, side of the face in pixels.

    Raises:
        PortError: The features differ in width, the corpus has no such landmarks, or the side does not fit.
    """

    mean_D: Tensor
    mean_L2: Tensor
    seen: Tensor

    def __init__(
        self,
        dims: Mapping[str, int],
        corpus: Corpus | None,
        reads: Annotated[Sequence[str], Field(min_length=1)] = ("face", "voice"),
        first: Annotated[int, Field(ge=1)] = 1000,
        hidden: Annotated[int, Field(ge=1)] = 2048,
        landmarks: Annotated[int, Field(ge=0)] = 72,
        shape: Sequence[Positive] = (1024, 512, 256),
        channels: Annotated[Sequence[Positive], Field(min_length=2)] = (
            256,
            128,
            64,
            32,
            32,
        ),
        side: Annotated[int, Field(ge=8, le=512)] = 224,
    ) -> None:
        super().__init__()
        self.reads = [ports.short(name) for name in reads]
        self.needs = (f"fused.{self.reads[0]}",)
        widths = {name: ports.width(dims, name) for name in self.reads if name in dims}
        if len(set(widths.values())) != 1:
            found = ", ".join(f"{name} {value}" for name, value in widths.items())
            raise PortError(f"face and voice features must have one width, not {found}: set dim of both encoders alike")
        doublings = len(channels) - 1
        if side % 2**doublings:
            raise PortError(f"side={side} cannot be halved {doublings} times (channels={list(channels)})")
        self.start, self.side = side // 2**doublings, side
        dim = widths[self.reads[0]]
        self.first = nn.Linear(dim, first)
        self.shared = nn.Sequential(nn.ReLU(), nn.Linear(first, hidden), nn.ReLU())
        sizes = (hidden, *shape)
        layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
        self.shape = nn.Sequential(*layers, nn.Linear(sizes[-1], 2 * landmarks)) if landmarks else None
        self.spread = nn.Linear(hidden, channels[0] * self.start**2)
        self.paint = nn.Sequential(
            *(_doubling(a, b) for a, b in itertools.pairwise(channels)), nn.Conv2d(channels[-1], 3, 1), nn.Sigmoid()
        )
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("mean_L2", mean_landmarks(corpus, landmarks))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Mapping[str, Tensor]]:
        """Draw a face from every feature that is there."""
        return {
            name: self.draw(fused[name].pooled_BD, learn=name == self.reads[0]) for name in self.reads if name in fused
        }

    def draw(self, features_BD: Tensor, *, learn: bool = False) -> Mapping[str, Tensor]:
        """Draw faces from features; `learn` updates the mean feature in training."""
        if learn and self.training:
            self._update_mean(features_BD.detach())
        made: dict[str, Tensor] = {}
        first_BH = self.first(features_BD)

        def shared() -> Tensor:
            if "shared" not in made:
                made["shared"] = self.shared(first_BH)
            return made["shared"]

        def landmarks() -> Tensor:
            if "landmarks" not in made:
                moved = features_BD.new_zeros(len(features_BD), 0) if self.shape is None else self.shape(shared())
                made["landmarks"] = self.mean_L2 + moved.view(len(features_BD), *self.mean_L2.shape)
            return made["landmarks"]

        def texture() -> Tensor:
            if "texture" not in made:
                maps = self.spread(shared()).relu().view(len(features_BD), -1, self.start, self.start)
                made["texture"] = self.paint(maps)
            return made["texture"]

        def image() -> Tensor:
            if self.shape is None:
                return texture()
            return warp(texture(), self.mean_L2[None], landmarks())

        makers = {"first": lambda: first_BH, "landmarks": landmarks, "texture": texture, "image": image}
        return LazyFields({**makers, "mean": lambda: self.mean_L2})

    def _update_mean(self, features_BD: Tensor) -> None:
        """Update `mean_D`, the mean of all features of training."""
        self.seen += len(features_BD)
        self.mean_D += (features_BD.float().mean(0) - self.mean_D) * (len(features_BD) / self.seen)


def mean_landmarks(corpus: Corpus | None, count: int) -> Tensor:
    """Return the mean landmarks (L, 2) of a corpus's train split.

    Raises:
        PortError: It has no landmarks, or another number.
    """
    if not count or corpus is None:
        return torch.zeros(count, 2)
    if "landmarks" not in corpus.targets:
        raise PortError("the face decoder needs the target 'landmarks', which the corpus lacks; or set landmarks=0")
    samples = corpus.split("train")
    step = max(1, len(samples) // _MOST)
    found: list[np.ndarray] = []
    for index in range(0, len(samples), step):
        try:
            found.append(np.asarray(samples[index].targets["landmarks"], np.float32).reshape(-1, 2))
        except (DataError, KeyError, ValueError, TypeError):
            continue  # an item that cannot be read; training reports it
    counts = {len(points) for points in found}
    if counts != {count}:
        some = ", ".join(map(str, sorted(counts))) or "none"
        raise PortError(f"the corpus has {some} landmarks per face, the decoder {count}: set landmarks of the decoder")
    return torch.from_numpy(np.mean(found, axis=0))


def _doubling(source: int, target: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(source, target, 4, 2, 1, bias=False), nn.BatchNorm2d(target), nn.ReLU(inplace=True)
    )
