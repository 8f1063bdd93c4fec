"""What every encoder of sequences must hold: an item gives the same features alone and padded in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mmx.data.collate import stack


def assert_padding_ignored(encoder: Any, raws: Sequence[Any], *, tolerance: float = 1e-5) -> None:
    """Compare each raw value alone with the same in a batch whose padding holds rubbish, and with a missing item."""
    encoder.eval()
    prepared = [encoder.prepare(raw) for raw in raws]
    x, mask, _ = stack([*prepared, None])
    if mask is None:
        raise AssertionError("the raw values must differ in length")
    rubbish = torch.full_like(x, 3) if not x.is_floating_point() else torch.full_like(x, torch.nan)
    x = torch.where(mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), x, rubbish)
    with torch.no_grad():
        batch = encoder(x, mask)
        for row, value in enumerate(prepared):
            alone = encoder(value[None])
            torch.testing.assert_close(batch.pooled_BD[row], alone.pooled_BD[0], atol=tolerance, rtol=tolerance)
            real = batch.tokens_BTD[row][batch.mask_BT[row]]
            torch.testing.assert_close(real, alone.tokens_BTD[0], atol=tolerance, rtol=tolerance)
            assert batch.tokens_BTD[row][~batch.mask_BT[row]].count_nonzero() == 0
    assert batch.pooled_BD.isfinite().all()
    assert batch.tokens_BTD.isfinite().all()
    assert batch.pooled_BD.shape == (len(raws) + 1, encoder.out_dim)
