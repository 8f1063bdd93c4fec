"""Fusion over time: tokens of several encoders at one step rate, side by side, under a recurrent network.

Shapes: B batch, T time, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mmx import Batch, Features, PortError
from mmx_std.fusers.pooled import JOINT, presence, sorted_widths

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Tokens side by side at each step, under an LSTM or GRU: "joint" holds its last state, its tokens all states.

    Encoders must give as many tokens each (choose their strides so); with `resample` the others' tokens are averaged or
    repeated to the number of the one with the fewest. A missing modality has zeros. Every encoder's own features are
    kept. After Rastgoo et al. (2019): convolutions by modality, an LSTM after fusion.

    Args:
        dims: Widths of the encoders by name.
        width: Width of the state.
        layers: Recurrent layers.
        kind: Cell.
        dropout: Share of fused features dropped while training.
        resample: Bring all to the fewest tokens by averaging over time.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        width: Annotated[int, Field(gt=0)] = 128,
        layers: Annotated[int, Field(gt=0)] = 1,
        kind: Literal["lstm", "gru"] = "lstm",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        resample: bool = False,
    ) -> None:
        super().__init__()
        self.widths = sorted_widths(dims)
        cell = nn.LSTM if kind == "lstm" else nn.GRU
        self.dropout = nn.Dropout(dropout)
        self.cell = cell(sum(self.widths.values()), width, num_layers=layers, batch_first=True)
        self.resample = resample
        self.dims = {**self.widths, JOINT: width}

    def requires(self, output: str) -> Sequence[str]:
        """Return the encoders behind an output: all for "joint", else the one of the same name."""
        return list(self.widths) if output == JOINT else (output,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        """Return the encoders' features and "joint".

        Raises:
            PortError: An encoder gives no tokens, or they differ in number.
        """
        present_BM = presence(list(self.widths), features, batch)
        tokens = {name: self._tokens(name, features[name]) for name in self.widths if name in features}
        counts = {name: x.shape[1] for name, x in tokens.items()}
        steps = min(counts.values())
        if len(set(counts.values())) > 1 and not self.resample:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise PortError(f"encoders differ in their number of tokens ({told}); set their strides, or resample: true")
        like_BTD = next(iter(tokens.values()))
        columns = []
        for place, (name, width) in enumerate(self.widths.items()):
            if name not in tokens:
                columns.append(like_BTD.new_zeros(len(like_BTD), steps, width))
                continue
            x_BTD = tokens[name]
            if x_BTD.shape[1] != steps:
                x_BTD = nn.functional.adaptive_avg_pool1d(x_BTD.transpose(1, 2), steps).transpose(1, 2)
            # where, not a product: whatever a missing input made of the encoder (even NaN) is gone.
            columns.append(torch.where(present_BM[:, place, None, None], x_BTD, 0.0))
        states_BTD: Tensor = self.cell(self.dropout(torch.cat(columns, dim=2)))[0]
        return {**features, JOINT: Features(states_BTD[:, -1], states_BTD)}

    @staticmethod
    def _tokens(name: str, features: Features) -> Tensor:
        if features.tokens_BTD is None:
            raise PortError(f"encoder {name!r} gives no tokens over time: it cannot be fused step by step")
        x_BTD = features.tokens_BTD
        return x_BTD if features.mask_BT is None else x_BTD * features.mask_BT[..., None]
