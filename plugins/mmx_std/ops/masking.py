"""Pooling and convolution over sequences of unequal length, without influence of the padding; random masks and orders.

Masks are bool (B, T), True first and False after: an item of length L has its first L positions real.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mmx import Batch

__all__ = [
    "MaskedConv",
    "MaskedConvStack",
    "chosen",
    "computed_rows",
    "corrupted",
    "drawn",
    "masked_mean",
    "masked_std",
    "prefix_mask",
    "shuffled_steps",
    "silence",
    "unordered",
]


def masked_mean(x_BTD: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """Return the mean over real positions (B, D); zeros where there are none."""
    if mask_BT is None:
        return x_BTD.mean(1)
    total_BD = x_BTD.masked_fill(~mask_BT[..., None], 0).sum(1)
    return total_BD / mask_BT.sum(1, keepdim=True).clamp_min(1)


def masked_std(x_BTD: Tensor, mask_BT: Tensor | None = None) -> Tensor:
    """Return the population standard deviation over real positions (B, D); at least 1e-5, to have a gradient."""
    centred_BTD = x_BTD - masked_mean(x_BTD, mask_BT)[:, None]
    return masked_mean(centred_BTD.square(), mask_BT).clamp_min(1e-10).sqrt()


def silence(x: Tensor, mask_BT: Tensor | None) -> Tensor:
    """Return `x` (B, T, ...) with zeros in place of padding, whatever stood there."""
    if mask_BT is None:
        return x
    return x.masked_fill(~mask_BT.reshape(*mask_BT.shape, *[1] * (x.ndim - 2)), 0)


def prefix_mask(lengths_B: Tensor, positions: int) -> Tensor:
    """Return bool (B, positions), True at the first `lengths_B` of them."""
    return torch.arange(positions, device=lengths_B.device)[None] < lengths_B[:, None]


def computed_rows(real: Tensor) -> Tensor:
    """Return which rows of a flattened `real` (bool, any shape) are worth computing: places (K,) of the true ones.

    While a model is exported all rows are: how much an exported model computes may not depend on its data.
    """
    if torch.compiler.is_exporting():
        count = 1
        for size in real.shape:
            count = count * size
        return torch.arange(count, device=real.device)
    return real.flatten().nonzero().squeeze(1)


def drawn(shape: torch.Size, generator: torch.Generator, like: Tensor) -> Tensor:
    """Return uniform numbers from the loop's generator, which is on the CPU, on the device of `like`."""
    return torch.rand(shape, generator=generator).to(like.device)


def chosen(mask: Tensor, share: float, generator: torch.Generator, least: int = 1) -> Tensor:
    """Return a random share of the True entries in each row of `mask` (B, X), at least `least` where there are."""
    keys = drawn(mask.shape, generator, mask).masked_fill(~mask, 2.0)
    rank = keys.argsort(1).argsort(1)
    return mask & ((keys < share) | (rank < least))


def corrupted(
    ids: Tensor, hidden: Tensor, mask: int, specials: int, vocabulary: int, generator: torch.Generator
) -> Tensor:
    """Return tokens where of the hidden ones 80 % are the mask token, 10 % a random one, 10 % unchanged (BERT).

    Args:
        ids: Tokens, of any shape.
        hidden: Which are hidden.
        mask: The mask token.
        specials: Tokens below this number are never drawn.
        vocabulary: Number of tokens.
        generator: Of the loop.
    """
    fate = drawn(ids.shape, generator, ids)
    random = specials + drawn(ids.shape, generator, ids).mul(vocabulary - specials).long()
    new = torch.where(fate < 0.8, mask, torch.where(fate < 0.9, random, ids))
    return torch.where(hidden, new, ids)


class MaskedConv(nn.Module):
    """Convolution over time (and bands), batch normalisation, ReLU; what follows an item's end stays exactly zero.

    With odd kernels and zero padding of half a kernel, an item gives the same numbers alone and padded in a batch. In
    training the statistics of the normalisation are those of the real positions.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Size over (time, bands), odd.
        stride: Step over (time, bands).
        dilation: Distance of the kernel's taps over (time, bands).
        bias: Whether the convolution has a bias of its own, which the normalisation makes redundant.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        *,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if kernel[0] % 2 == 0 or kernel[1] % 2 == 0:
            raise ValueError(f"kernel sizes must be odd, not {kernel}")
        padding = (kernel[0] // 2 * dilation[0], kernel[1] // 2 * dilation[1])
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=bias)
        self.norm = nn.BatchNorm2d(outputs)
        self.stride = stride[0]

    def forward(self, x_BCTF: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return (B, C', T', F') and the mask over T'."""
        x_BCTF = self.conv(x_BCTF)
        if mask_BT is None:
            return self.norm(x_BCTF).relu(), None
        # an odd kernel of reach r with r // 2 zeros on both sides: T' = (T - 1) // stride + 1
        mask_BT = prefix_mask((mask_BT.sum(1) - 1).div(self.stride, rounding_mode="floor") + 1, x_BCTF.shape[2])
        return silence(self._normalised(x_BCTF, mask_BT).relu().transpose(1, 2), mask_BT).transpose(1, 2), mask_BT

    def _normalised(self, x_BCTF: Tensor, mask_BT: Tensor) -> Tensor:
        if not self.training:
            normal_BCTF: Tensor = self.norm(x_BCTF)
            return normal_BCTF
        x_BTCF = x_BCTF.transpose(1, 2)
        normal_BTCF = torch.zeros_like(x_BTCF)
        normal_BTCF[mask_BT] = self.norm(x_BTCF[mask_BT][:, :, None])[:, :, 0]
        return normal_BTCF.transpose(1, 2)


class MaskedConvStack(nn.Module):
    """Several `MaskedConv` in a row.

    Args:
        inputs: Channels that come in.
        widths: Channels of each layer.
        kernel: Size over (time, bands) of each layer, odd.
        stride: Step over (time, bands) of each layer.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], kernel: Sequence[tuple[int, int]], stride: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        ins = [inputs, *widths[:-1]]
        self.layers = nn.ModuleList(
            MaskedConv(i, o, k, s) for i, o, k, s in zip(ins, widths, kernel, stride, strict=True)
        )

    def forward(self, x_BCTF: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return (B, widths[-1], T', F') and the mask over T'."""
        x_BCTF = silence(x_BCTF.transpose(1, 2), mask_BT).transpose(1, 2)
        for layer in self.layers:
            x_BCTF, mask_BT = layer(x_BCTF, mask_BT)
        return x_BCTF, mask_BT


def unordered(batch: Batch, encoders: Sequence[str], generator: torch.Generator) -> Batch:
    """Return the batch with the steps of these encoders' inputs in a random order, another one for each sample.

    Inputs must have their steps in the first dimension of a sample: frames of a spectrogram or of a video, words. The
    samples of a waveform are steps too; shuffled, they are noise.

    Args:
        batch: The batch; a mask says which steps are real, and padding stays where it is.
        encoders: Names of the inputs; those that are not there are left out.
        generator: Draws the orders.
    """
    chosen = [name for name in encoders if name in batch.inputs]
    shuffled = {name: shuffled_steps(batch.inputs[name], batch.masks.get(name), generator) for name in chosen}
    return replace(batch, inputs={**batch.inputs, **shuffled})


def shuffled_steps(x: Tensor, mask_BT: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return (B, T, ...) with the real steps of each sample in a random order."""
    keys_BT = torch.rand(x.shape[:2], generator=generator, device=generator.device).to(x.device)
    if mask_BT is not None:  # real steps draw from [0, 1), the others keep their places behind them
        keys_BT = torch.where(mask_BT, keys_BT, 1.0 + torch.arange(x.shape[1], device=x.device))
    order_BT = keys_BT.argsort(dim=1)
    return x[torch.arange(len(x), device=x.device)[:, None], order_BT]
