"""Heads over the regions of an image. Shapes: B batch, N regions, T tokens, M hidden regions, D width, C classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, Features, PortError
from mmx_std.ops import ports
from mmx_std.ops.tokens.corruption import hidden_key

__all__ = ["MaskedRegions", "RegionScores", "region_tokens"]


class MaskedRegions(nn.Module):
    """Logits of the classes of regions: dense layer, GELU, layer normalisation and a linear layer (ViLBERT's code).

    Output: `logits` (M, C), of the M regions that the batch says are hidden, in the order of images and regions; of all
    B x N regions where nothing is hidden.

    Args:
        dims: Widths by port (filled in).
        out_dim: C (1,601 for detectors trained on Visual Genome).
        reads: Features with a token for each region.
        regions: Encoder of the regions (`std/regions`), whose name the hidden ones travel under.
        norm: Whether there is the layer normalisation (VL-BERT has none).
        epsilon: Of the layer normalisation.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        out_dim: Annotated[int, Field(ge=2)],
        reads: str = "fused.regions",
        regions: str = "regions",
        norm: bool = True,
        epsilon: Annotated[float, Field(gt=0)] = 1e-12,
    ) -> None:
        super().__init__()
        self.reads, self.regions = ports.qualify(reads, "fused"), regions
        self.needs = (self.reads,)
        width = ports.width(dims, self.reads)
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, epsilon) if norm else nn.Identity()
        self.classes = nn.Linear(width, out_dim)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        """Return the logits.

        Raises:
            PortError: The features have no token for each region.
        """
        tokens_BND = region_tokens(fused, self.reads)
        chosen_BN = batch.targets.get(hidden_key(self.regions))
        x_MD = tokens_BND.flatten(0, 1) if chosen_BN is None else tokens_BND[chosen_BN.to(tokens_BND.device)]
        return {"logits": self.classes(self.norm(functional.gelu(self.dense(x_MD))))}


class RegionScores(nn.Module):
    """One score for each region, by a linear layer: which region a text speaks of. Output: logits (B, N).

    Args:
        dims: Widths by port (filled in).
        reads: Features with a token for each region.
        transform: Whether a dense layer with GELU comes first, as in VL-BERT.
        dropout: On the tokens.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        *,
        reads: str = "fused.regions",
        transform: bool = False,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.reads = ports.qualify(reads, "fused")
        self.needs = (self.reads,)
        width = ports.width(dims, self.reads)
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU()) if transform else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(width, 1)

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> Tensor:
        """Return the logits.

        Raises:
            PortError: The features have no token for each region.
        """
        logits_BN: Tensor = self.score(self.dropout(self.transform(region_tokens(fused, self.reads))))[..., 0]
        return logits_BN


def region_tokens(fused: Mapping[str, Features], port: str) -> Tensor:
    """Return the tokens of the regions (B, N, D), without that of the whole image before them.

    Raises:
        PortError: The features have no token for each region.
    """
    found = ports.pick(fused, port)
    if found.tokens_BTD is None or "hidden" not in found.layers:
        raise PortError(f"{port} has no token for each region: its encoder must be std/regions")
    return found.tokens_BTD[:, -found.layers["hidden"].shape[1] :]
