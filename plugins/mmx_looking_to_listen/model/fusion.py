"""Fusion: face embeddings through one shared temporal network, then a recurrent network over them and the audio.

Shape legend: B batch, N faces, V frames per face, K spectrogram frames, D features.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, DataError, Features, PortError

Visual = Literal["full", "static_frame", "shuffled", "zero", "early_fusion", "none"]
Merge = Literal["concat", "sum"]

KERNELS = ((7, 1), (5, 1), (5, 2), (5, 4), (5, 8), (5, 16))
"""Kernel and dilation over time of the visual stream (table 2 of the paper)."""


class VisualStream(nn.Sequential):
    """Six temporal convolutions over the embeddings of one face, the same weights for every face (table 2).

    Args:
        dim: Width of the embeddings.
        channels: Channels of every layer.
    """

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__(
            *(
                nn.Sequential(
                    nn.Conv1d(channels if place else dim, channels, kernel, padding="same", dilation=dilation),
                    nn.BatchNorm1d(channels),
                    nn.ReLU(inplace=True),
                )
                for place, (kernel, dilation) in enumerate(KERNELS)
            )
        )


class AudioVisualBlstm(nn.Module):
    """Concatenate the audio with every face, then a bidirectional LSTM and fully connected layers, per frame.

    Output: "joint" (B, K, widths[-1]). Faces come as face after face in one row of tokens.

    Args:
        dims: Widths of the encoders (filled in).
        faces: N, the number of faces, and of voices to separate.
        audio: Name of the audio encoder.
        embeddings: Name of the face encoder.
        channels: Channels of the visual stream.
        hidden: Units of the LSTM per direction.
        merge: Concatenate both directions of the LSTM, or add them (the paper does not state which).
        widths: Units of the fully connected layers.
        fusion: A recurrent network, or temporal convolutions instead, for the ablation.
        upsample: Interpolation from the video's frame rate to the spectrogram's.
        visual: Visual input: all frames; the middle frame, repeated; frames in random order; zeros in place of the
            visual stream's output; embeddings straight into the recurrent network without a visual stream; no faces
            at all (audio only).
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        faces: Annotated[int, Field(ge=1, le=3)] = 2,
        audio: str = "audio",
        embeddings: str = "faces",
        channels: Annotated[int, Field(ge=1)] = 256,
        hidden: Annotated[int, Field(ge=1)] = 400,
        merge: Merge = "concat",
        widths: Annotated[Sequence[int], Field(min_length=1)] = (600, 600, 600),
        fusion: Literal["blstm", "conv"] = "blstm",
        upsample: Literal["nearest", "linear"] = "nearest",
        visual: Visual = "full",
    ) -> None:
        super().__init__()
        wanted = [audio] if visual == "none" else [audio, embeddings]
        missing = [name for name in wanted if name not in dims]
        if missing:
            raise PortError(f"the fuser joins encoders {', '.join(wanted)}; there is no {', '.join(missing)}")
        self.faces, self.audio, self.embeddings = faces, audio, embeddings
        self.upsample, self.visual, self.merge, self.fusion = upsample, visual, merge, fusion
        self.hidden, self.channels = hidden, channels
        self.dims: Mapping[str, int] = {"joint": widths[-1]}
        width = dims[audio]
        if visual == "early_fusion":
            self.direct = nn.Linear(dims[embeddings], channels)
        elif visual not in ("none", "zero"):
            self.stream = VisualStream(dims[embeddings], channels)
        width += 0 if visual == "none" else faces * channels
        if fusion == "blstm":
            self.blstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        else:
            self.convolutions = nn.Sequential(
                nn.Conv1d(width, 2 * hidden, 5, padding="same"),
                nn.ReLU(),
                nn.Conv1d(2 * hidden, 2 * hidden, 5, padding="same"),
            )
        sizes = [hidden if merge == "sum" else 2 * hidden, *widths]
        self.connected = nn.Sequential(
            *(nn.Sequential(nn.Linear(a, b), nn.ReLU(inplace=True)) for a, b in itertools.pairwise(sizes))
        )

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind the joint features."""
        return [self.audio] if self.visual == "none" else [self.audio, self.embeddings]

    def parts_of(self, encoder: str) -> Sequence[str]:
        """Return the parts that serve the faces alone."""
        return [name for name in ("direct", "stream") if hasattr(self, name)] if encoder == self.embeddings else []

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Fuse audio tokens (B, K, D) with face tokens (B, N * V, D).

        Raises:
            PortError: An encoder did not run, or has no tokens.
            DataError: The face tokens are not those of N faces.
        """
        audio_BKD = _tokens(features, self.audio)
        parts = [audio_BKD]
        if self.visual != "none":
            parts += list(self.visual_features(_tokens(features, self.embeddings), audio_BKD.shape[1]).unbind(1))
        joined_BKD = torch.cat(parts, dim=-1)
        if self.fusion == "blstm":
            both_BKD = self.blstm(joined_BKD)[0]
        else:
            both_BKD = self.convolutions(joined_BKD.transpose(1, 2)).transpose(1, 2)
        if self.merge == "sum":
            both_BKD = both_BKD[..., : self.hidden] + both_BKD[..., self.hidden :]
        joint_BKD = self.connected(both_BKD)
        return {"joint": Features(joint_BKD.mean(1), joint_BKD)}

    def visual_features(self, tokens_BTD: Tensor, frames: int) -> Tensor:
        """Return visual features of each face at the rate of the spectrogram (B, N, K, channels)."""
        batch, count, dim = tokens_BTD.shape
        if count % self.faces:
            raise DataError(f"{count} frames do not divide into {self.faces} faces; set encoders and fuser alike")
        if self.visual == "zero":  # a stream would learn nothing from blank faces
            return tokens_BTD.new_zeros(batch, self.faces, frames, self.channels)
        face_XVD = reduced(tokens_BTD.reshape(batch * self.faces, -1, dim), self.visual)
        if self.visual == "early_fusion":
            visual_XCV = self.direct(face_XVD).transpose(1, 2)
        else:
            visual_XCV = self.stream(face_XVD.transpose(1, 2))
        visual_XCK = nn.functional.interpolate(
            visual_XCV, frames, mode=self.upsample, **({"align_corners": False} if self.upsample == "linear" else {})
        )
        return visual_XCK.transpose(1, 2).reshape(batch, self.faces, frames, -1)


def reduced(face_XVD: Tensor, visual: str) -> Tensor:
    """Return embeddings (X, V, D) without what a control removes: motion, order, everything."""
    if visual == "zero":
        return torch.zeros_like(face_XVD)
    if visual == "static_frame":
        middle = face_XVD.shape[1] // 2
        return face_XVD[:, middle : middle + 1].expand_as(face_XVD)
    if visual == "shuffled":
        generator = torch.Generator().manual_seed(face_XVD.shape[1])
        orders = torch.stack([torch.randperm(face_XVD.shape[1], generator=generator) for _ in range(len(face_XVD))])
        return face_XVD.gather(1, orders.to(face_XVD.device).unsqueeze(-1).expand_as(face_XVD))
    return face_XVD


def _tokens(features: Mapping[str, Features], name: str) -> Tensor:
    if name not in features or features[name].tokens_BTD is None:
        raise PortError(f"the fuser needs the tokens of encoder {name!r}, which did not run or has none")
    tokens_BTD: Tensor = features[name].tokens_BTD  # type: ignore[assignment]
    return tokens_BTD
