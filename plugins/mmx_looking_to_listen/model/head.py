"""Complex masks for every voice.

Shape legend: B batch, N voices, K spectrogram frames, F frequency bins, D features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_looking_to_listen.model.front import complex_product

Mask = Literal["crm", "irm", "psm"]
Bound = Literal["sigmoid", "tanh", "compressed", "none"]

NEARLY_NONE: Final = 0.03
"""What a sigmoid that should begin at zero begins at: nearer to zero it has no slope to learn by."""


class Masks(nn.Module):
    """A mask per voice, multiplied with the compressed spectrogram of the mixture (section 4.2 of the paper).

    Returns masks (B, N, K, F, 2 or 1), estimates `spectra` (B, N, K, F, 2) and the `mixture` (B, K, F, 2), compressed.

    Before training every mask is an equal share of the mixture with no turn of its phase: 1/N, 0 (the paper does not
    state the initial masks). A sigmoid that begins in its middle turns all phases by 45 degrees, which
    has to be unlearned first.

    Args:
        dims: Widths by name (filled in).
        faces: N, the number of voices to separate.
        audio: Name of the audio encoder, whose layer `mixture` is masked.
        voices: Name of the encoder of the clean voices; its width gives the number of frequency bins.
        mask: Complex; real and not negative; real of either sign.
        bound: Range of the mask: 0..1 (the paper's); -K..K by tanh; -K..K by the compression of complex ratio masks,
            K (1 - exp(-C y)) / (1 + exp(-C y)); or none.
        largest: K.
        slope: C.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        faces: Annotated[int, Field(ge=1, le=3)] = 2,
        audio: str = "audio",
        voices: str = "voices",
        mask: Mask = "crm",
        bound: Bound = "sigmoid",
        largest: Annotated[float, Field(gt=0)] = 10.0,
        slope: Annotated[float, Field(gt=0)] = 0.1,
    ) -> None:
        super().__init__()
        for name in ("joint", voices):
            if name not in dims:
                raise PortError(f"the masks need {name!r}; there is {', '.join(dims)}")
        self.needs = ("fused.joint", f"encoded.{audio}")
        self.faces, self.audio, self.bins = faces, audio, dims[voices] // 2
        self.mask, self.bound, self.largest, self.slope = mask, bound, largest, slope
        self.parts = 2 if mask == "crm" else 1
        self.linear = nn.Linear(dims["joint"], faces * self.bins * self.parts)
        self._start()

    def _start(self) -> None:
        """Set the biases so that masks begin as equal shares."""
        share = min(1.0 / self.faces, 0.9)
        with torch.no_grad():
            start_NFP = self.linear.bias.view(self.faces, self.bins, self.parts)
            start_NFP[..., :1] = self.unbounded(share)
            start_NFP[..., 1:] = self.unbounded(0.0)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Predict masks and estimates.

        Raises:
            PortError: The audio encoder has another number of frequency bins than the encoder of the voices.
        """
        mixture_BKF2 = fused[self.audio].layers["mixture"]
        joint_BKD = fused["joint"].tokens_BTD
        if mixture_BKF2.shape[2] != self.bins or joint_BKD is None:
            raise PortError(
                f"the mixture has {mixture_BKF2.shape[2]} frequency bins, the voices {self.bins}: set rate, window, "
                "hop and fft of both encoders alike"
            )
        raw = self.linear(joint_BKD).unflatten(-1, (self.faces, self.bins, self.parts))
        masks_BNKFP = self.bounded(raw.permute(0, 2, 1, 3, 4))
        return {
            "masks": masks_BNKFP,
            "spectra": complex_product(masks_BNKFP, mixture_BKF2.unsqueeze(1)),
            "mixture": mixture_BKF2,
        }

    def bounded(self, raw: Tensor) -> Tensor:
        """Bring raw values into the range of the mask."""
        if self.bound == "sigmoid":
            values = raw.sigmoid()
        elif self.bound == "tanh":
            values = self.largest * raw.tanh()
        elif self.bound == "compressed":
            # K (1 - exp(-C y)) / (1 + exp(-C y)) = K tanh(C y / 2), without overflow.
            values = self.largest * torch.tanh(0.5 * self.slope * raw)
        else:
            values = raw
        return values.relu() if self.mask == "irm" else values

    @property
    def limits(self) -> tuple[float, float]:
        """Least and largest value of a mask's parts."""
        if self.bound == "sigmoid":
            return 0.0, 1.0
        return (-math.inf, math.inf) if self.bound == "none" else (-self.largest, self.largest)

    def unbounded(self, value: float) -> float:
        """Return the raw value of a mask's value, or of the nearest one that can still learn."""
        if self.bound == "sigmoid":
            value = min(max(value, NEARLY_NONE), 1.0 - NEARLY_NONE)
            return math.log(value / (1.0 - value))
        if self.bound == "none":
            return value
        inside = math.atanh(min(value / self.largest, 1.0 - NEARLY_NONE))
        return inside if self.bound == "tanh" else 2.0 / self.slope * inside
