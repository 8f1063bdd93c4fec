"""The two classifiers of SoundNet: convolutions over time, so that a longer clip simply gets more predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, ConfigError, DataError, Features
from mmx_soundnet.model.raw_waveform import Layer, initialise


class TwoHeads(nn.Module):
    """What is seen (`objects`, conv8 of the paper) and where it is (`scenes`, conv8_2), per time step.

    Kernel, stride and padding are (8, 2, 0) for the eight-layer network, (16, 12, 4) for the five-layer one, and (4,
    1, 0) at the tiny scale.

    Args:
        dims: Widths of the fused features by name (filled in).
        source: Name of the sound's features.
        objects: Number of object classes; None takes the width of the features named "objects", the teacher's; 0
            leaves this classifier out.
        scenes: Number of scene classes; None takes the width of the features named "scenes"; 0 leaves it out.
        kernel: Steps that one prediction looks at.
        stride: Steps between predictions.
        padding: Zeros before and after.
        weights: A file that `mmx_soundnet.weights.checkpoints.read` understands.

    Raises:
        ConfigError: The number of classes is neither given nor known, or both classifiers are left out.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        source: str = "audio",
        objects: Annotated[int | None, Field(ge=0)] = None,
        scenes: Annotated[int | None, Field(ge=0)] = None,
        kernel: Annotated[int, Field(ge=1)] = 8,
        stride: Annotated[int, Field(ge=1)] = 2,
        padding: Annotated[int, Field(ge=0)] = 0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.window = Layer("heads", 0, kernel, stride, padding)
        self.needs = (f"fused.{source}",)
        counts = {"objects": objects, "scenes": scenes}
        self.convs = nn.ModuleDict()
        for name, count in counts.items():
            classes = dims.get(name) if count is None else count
            if classes is None:
                raise ConfigError([f"two-heads: {name}: no features are named {name!r}; give the number of classes"])
            if classes:
                self.convs[name] = nn.Conv1d(dims[source], classes, kernel, stride, padding)
        if not self.convs:
            raise ConfigError(["two-heads: both classifiers are left out; give objects or scenes a number of classes"])
        initialise(self)
        if weights is not None:
            from mmx_soundnet.weights.checkpoints import load_head

            load_head(self, weights)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return logits (B, T, classes) under "objects" and "scenes", where there are such classifiers.

        Where clips differ in length, "mask" (B, T) says which steps are real.

        Raises:
            DataError: The clips are too short for one prediction.
        """
        features = fused[self.source]
        tokens_BTD = features.tokens_BTD
        if tokens_BTD is None:
            raise DataError(f"two-heads: the features {self.source!r} have no time axis")
        steps = self.window.length(tokens_BTD.shape[1])
        if steps < 1:
            raise DataError(
                f"two-heads: {tokens_BTD.shape[1]} time steps are too few for one prediction; "
                f"raise encoders.{self.source}.seconds"
            )
        tokens_BDT = tokens_BTD.transpose(1, 2)
        result = {name: conv(tokens_BDT).transpose(1, 2) for name, conv in self.convs.items()}
        if features.mask_BT is not None:
            length_B = self.window.length(features.mask_BT.sum(1)).clamp(min=1)
            result["mask"] = torch.arange(steps, device=length_B.device) < length_B.unsqueeze(1)
        return result
