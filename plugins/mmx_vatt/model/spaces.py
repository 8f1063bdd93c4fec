"""Projection heads from the three modalities to their common spaces (section 3.3).

The hierarchy is fine to coarse: video and audio share a fine-grained space (va), video and text a coarse one (vt) that
video reaches through va. Audio reaches vt by the same head g, so that text and audio can be compared without ever
having been trained on pairs.

Shapes: B batch, D width.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmx_std import pooled

Version = Literal["paper", "code"]
Kind = Literal["hierarchical", "flat", "linear"]
POST: Final = 1024
"""Width of the dense layer with GELU that the released code puts before the heads."""


class Head(nn.Module):
    """Linear layers, each with batch normalisation or none, ReLU between them or before the first.

    Batch statistics are those of the rows that are real: clips without audio or text do not count.

    Args:
        widths: Of the input, of hidden layers, of the output.
        norm: Batch normalisation after every linear layer.
        bias: Whether the linear layers have one.
        entry: ReLU before the first layer.
    """

    def __init__(self, *widths: int, norm: bool = True, bias: bool = True, entry: bool = False) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.linears = nn.ModuleList(nn.Linear(i, o, bias=bias) for i, o in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm1d(o) for _, o in pairs if norm)
        self.entry = entry

    def forward(self, x_BD: Tensor, real_B: Tensor | None, *, update: bool = True) -> Tensor:
        """Return projected rows; those that are not real are zero.

        Args:
            x_BD: Rows.
            real_B: Which rows count; None means all.
            update: False normalises by the running statistics and leaves them alone, also in training.
        """
        for number, linear in enumerate(self.linears):
            if number or self.entry:
                x_BD = x_BD.relu()
            x_BD = linear(x_BD)
            if self.norms:
                x_BD = self._normed(self.norms[number], x_BD, real_B, update)
        return x_BD if real_B is None else torch.where(real_B[:, None], x_BD, 0.0)

    @staticmethod
    def _normed(norm: nn.Module, x_BD: Tensor, real_B: Tensor | None, update: bool) -> Tensor:
        if update or not norm.training:
            return pooled.batch_normed(norm, x_BD, real_B)
        assert isinstance(norm, nn.BatchNorm1d)  # noqa: S101 (built above)
        return F.batch_norm(x_BD, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


class Spaces(nn.Module):
    """The heads of one arrangement.

    `paper` (default): video to va through two layers with ReLU, everything else through one; batch normalisation after
    every linear layer. `code`: a dense layer with GELU for each modality first; no bias before a normalisation; g
    begins with ReLU; audio and text through one layer with bias and without normalisation; `flat` is ReLU and one
    normalised layer for each.

    A space is there where two modalities meet in it: va of video and audio, vt of text and what reaches it.

    Args:
        widths: Width of each modality's aggregated features: keys among `video`, `audio`, `text`.
        kind: `hierarchical`, `flat` (one space of width `fine` for all, the same heads), or `linear` (one layer from
            each modality to each space that it is trained in, no hierarchy: audio does not reach vt).
        version: `paper` or `code`.
        fine: Width of va.
        coarse: Width of vt.
    """

    def __init__(self, widths: dict[str, int], kind: Kind, version: Version, fine: int, coarse: int) -> None:
        super().__init__()
        self.kind = kind
        code = version == "code"
        if kind == "flat":
            coarse = fine
        sizes = {"va": fine, "vt": coarse}
        self.reach = {name: _reach(name, widths, kind) for name in widths}
        self.dims = {f"{name}_{space}": sizes[space] for space in sizes for name in widths if space in self.reach[name]}
        inner = {name: POST if code else width for name, width in widths.items() if self.reach[name]}
        self.post = nn.ModuleDict({name: nn.Linear(widths[name], POST) for name in inner if code})
        heads: dict[str, Head] = {}
        for name, width in inner.items():
            plain = code and name != "video" and kind != "flat"
            options = {"norm": not plain, "bias": plain or not code, "entry": code and kind == "flat"}
            if name != "text" and (kind != "linear" or "va" in self.reach[name]):
                hidden = [fine] if name == "video" and (kind == "hierarchical" or (not code and kind == "flat")) else []
                heads[f"{name}_va"] = Head(width, *hidden, fine, **options)
            if "vt" in self.reach[name] and (name == "text" or kind == "linear"):
                heads[f"{name}_vt"] = Head(width, coarse, **options)
        if kind == "hierarchical" and "text" in inner:
            heads["g"] = Head(fine, coarse, bias=not code, entry=code)
        self.heads = nn.ModuleDict(heads)

    def forward(self, x_BD: Tensor, name: str, real_B: Tensor | None) -> dict[str, Tensor]:
        """Return the vectors of one modality by space: `va` and `vt`, as far as it reaches them."""
        reach = self.reach[name]
        if not reach:
            return {}
        if name in self.post:
            x_BD = F.gelu(self.post[name](x_BD))
        if name == "text" or self.kind == "linear":
            return {space: self.heads[f"{name}_{space}"](x_BD, real_B) for space in reach}
        found = {"va": self.heads[f"{name}_va"](x_BD, real_B)}
        if "vt" in reach:
            # g is trained on video; audio passes through it without changing its statistics.
            flat = self.kind == "flat"
            found["vt"] = found["va"] if flat else self.heads["g"](found["va"], real_B, update=name == "video")
        return {space: found[space] for space in reach}


def _reach(name: str, widths: Collection[str], kind: Kind) -> tuple[str, ...]:
    """Return the spaces of a modality: those in which another one meets it."""
    if name == "text":
        return ("vt",) if len(widths) > 1 else ()
    other = "audio" if name == "video" else "video"
    has_text = "text" in widths and not (name == "audio" and kind == "linear")
    return (*(("va",) if other in widths else ()), *(("vt",) if has_text else ()))
