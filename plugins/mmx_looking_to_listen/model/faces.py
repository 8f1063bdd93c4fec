"""Face embedders: one vector per frame of each face, the only visual input of the separation network.

`raw` is a video per face, in the order of the outputs. A missing face, or a black frame (the face is not
visible), is a vector of zeros.

Shape legend: B batch, N faces, V frames per face, C channels, S side in pixels, D features.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import DataError, Features, PortError, Video

FPS = 25.0


class FaceCnn(nn.Module):
    """A small convolutional embedder that is trained on the faces of the experiment's corpus.

    Args:
        faces: N, faces per sample.
        dim: Width of the embedding, D; the paper's is 1024.
        widths: Channels of the convolutions, each of which halves the image.
        side: Images are scaled to this many pixels.
        weights: A file with weights trained before.
    """

    modality = "videos"

    def __init__(
        self,
        faces: Annotated[int, Field(ge=1, le=3)] = 2,
        dim: Annotated[int, Field(ge=1)] = 1024,
        widths: Annotated[Sequence[int], Field(min_length=1)] = (
            16,
            32,
            32,
        ),
        side: Annotated[int, Field(ge=8, le=512)] = 32,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if side % 2 ** len(widths):
            raise PortError(f"side={side} cannot be halved {len(widths)} times (widths={list(widths)})")
        self.faces, self.side, self.out_dim = faces, side, dim
        sizes = [3, *widths]
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
            for a, b in itertools.pairwise(sizes)
        ]
        self.network = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(widths[-1] * (side >> len(widths)) ** 2, dim))
        if weights is not None:
            from mmx_std import weight_files

            weight_files.load_exactly(self, weight_files.read_tensors(weights), weights)

    def prepare(self, raw: Sequence[Video] | Video) -> Tensor:
        """Return uint8 images, face after face (N * V, 3, S, S)."""
        return prepare_faces(raw, self.faces, self.side)

    def forward(self, x_BTCSS: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Embed images (B, N * V, 3, S, S)."""
        return embed(self.network, x_BTCSS, self.out_dim)


def embed(network: nn.Module, x_BTCSS: Tensor, dim: int) -> Features:
    """Run a network on standardised images; missing ones give zeros.

    Args:
        network: (images, 3, S, S) to (images, `dim`).
        x_BTCSS: uint8 images.
        dim: D that everything else was built for.

    Raises:
        PortError: The network returns another width.
    """
    flat_XCSS = x_BTCSS.flatten(0, 1)
    there_X = flat_XCSS.flatten(1).any(1)
    vectors_XD = network(standardise(flat_XCSS))
    if vectors_XD.ndim != 2 or vectors_XD.shape[1] != dim:
        raise PortError(f"the face network returns {tuple(vectors_XD.shape[1:])}, not ({dim},): set dim to what it has")
    tokens_BTD = (vectors_XD * there_X.unsqueeze(1)).reshape(*x_BTCSS.shape[:2], dim)
    return Features(tokens_BTD.mean(1), tokens_BTD)


def standardise(images_XCSS: Tensor) -> Tensor:
    """Return each image with mean 0 and deviation 1 over all its values ("prewhitening"): light does not matter."""
    values = images_XCSS.float()
    values = values - values.mean((1, 2, 3), keepdim=True)
    # Half the time of `std`, and this runs over every image of a corpus.
    deviation = values.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1.0)
    return values / deviation


def prepare_faces(raw: Sequence[Video] | Video, faces: int, side: int) -> Tensor:
    """Return uint8 frames (N * V, 3, S, S) at 25 per second, face after face; missing faces are black.

    Raises:
        DataError: More faces than the model has outputs, or a video that is not uint8 RGB.
    """
    videos = [raw] if isinstance(raw, Video) else list(raw)
    if not videos or len(videos) > faces:
        raise DataError(
            f"the sample shows {len(videos)} faces, the model has {faces}: one model per number of visible faces "
            f"(mmx show looking_to_listen lists its presets)"
        )
    scaled = [_scaled(at_rate(video, FPS), side) for video in videos]
    longest = max(len(video) for video in scaled)
    stacked = torch.zeros(faces, longest, 3, side, side, dtype=torch.uint8)
    for place, video in enumerate(scaled):
        stacked[place, : len(video)] = video
    return stacked.flatten(0, 1)


def at_rate(video: Video, fps: float) -> np.ndarray:
    """Return frames at `fps`: the frame shown at the middle of each interval, so frames drop or repeat.

    Raises:
        DataError: No frames, or not uint8 RGB.
    """
    frames = np.asarray(video.frames_THWC)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise DataError(f"a face must be a video of uint8 RGB images, not {frames.dtype} {frames.shape}")
    if not video.fps > 0:
        raise DataError(f"a video must have more than {video.fps:g} frames per second")
    if video.fps == fps:
        return frames
    count = max(1, int(np.ceil(len(frames) / video.fps * fps - 1e-6)))
    places = ((np.arange(count) + 0.5) / fps * video.fps).astype(np.int64)
    return frames[np.minimum(places, len(frames) - 1)]


def _scaled(frames_VHWC: np.ndarray, side: int) -> Tensor:
    images_VCHW = torch.tensor(frames_VHWC).permute(0, 3, 1, 2)  # a copy: corpora lend read-only frames
    if images_VCHW.shape[2:] == (side, side):
        return images_VCHW
    smaller = min(images_VCHW.shape[2:]) > side
    scaled = nn.functional.interpolate(images_VCHW.float(), (side, side), mode="area" if smaller else "bilinear")
    return scaled.round().clamp(0, 255).to(torch.uint8)
