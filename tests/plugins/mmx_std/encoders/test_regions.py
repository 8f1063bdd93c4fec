"""Regions embedded by both papers' formulas; what is masked tells nothing, neither itself nor through the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Encoder
from mmx.types import Signal
from mmx_std.encoders.regions import Regions, coordinate_waves

ROWS = np.array([[0.1, 0.2, 0.5, 0.6, 1, 2, 3], [0.0, 0.5, 0.2, 1.0, 4, 5, 6]], np.float32)


def test_linear_5_is_a_normalised_sum_and_the_whole_comes_first() -> None:
    torch.manual_seed(0)
    part = Regions(3, width=8).eval()
    assert isinstance(part, Encoder)
    x = part.prepare(Signal(ROWS, 1.0))
    found = part(x[None])
    rows = [[0.0, 0.0, 1.0, 1.0, 2.5, 3.5, 4.5], *ROWS.tolist()]
    for token, row in zip(found.tokens_BTD[0], rows, strict=True):
        left, top, right, bottom, *seen = row
        five = torch.tensor([left, top, right, bottom, (right - left) * (bottom - top)])
        plain = part.features(torch.tensor(seen)) + part.place(five)
        expected = (plain - plain.mean()) / plain.var(unbiased=False).sqrt()
        torch.testing.assert_close(token, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.pooled_BD, found.tokens_BTD[:, 0])


def test_waves_by_hand() -> None:
    waves = coordinate_waves(torch.from_numpy(ROWS[:1, :4]), 4)[0]
    expected = []
    for value in (30.0, 40.0, 40.0, 40.0):  # centre (.3, .4), size (.4, .4), in hundredths
        lengths = (1.0, math.sqrt(1000.0))
        expected += [*(math.sin(value / each) for each in lengths), *(math.cos(value / each) for each in lengths)]
    assert waves.tolist() == pytest.approx(expected, abs=1e-4)
    torch.manual_seed(0)
    part = Regions(3, width=8, geometry="sin-cos", whole=False, waves=4).eval()
    found = part(torch.from_numpy(ROWS)[None])
    row = torch.cat([waves, torch.from_numpy(ROWS[0, 4:])])
    torch.testing.assert_close(found.tokens_BTD[0, 0], part.both(row).relu())
    torch.testing.assert_close(found.pooled_BD[0], found.tokens_BTD[0].mean(0))


@pytest.mark.parametrize("geometry", ["linear-5", "sin-cos"])
def test_a_masked_region_leaves_no_trace_in_the_whole(geometry: str) -> None:
    torch.manual_seed(0)
    part = Regions(3, width=8, geometry=geometry).eval()
    x = torch.from_numpy(ROWS)[None].clone()
    x[:, 1, 4:] = 0
    found = part(x)
    assert found.layers["hidden"].tolist() == [[False, True]]
    torch.testing.assert_close(found.tokens_BTD[:, 0], part(x[:, :1]).tokens_BTD[:, 0])


def test_a_learned_vector_stands_for_what_is_hidden() -> None:
    """It is zero at first, and no part of the whole image."""
    torch.manual_seed(0)
    plain, part = (Regions(3, width=8, geometry="sin-cos", waves=4, mask=mask).eval() for mask in (False, True))
    part.both.load_state_dict(plain.both.state_dict())
    x = torch.from_numpy(ROWS)[None].clone()
    x[:, 1, 4:] = 0
    torch.testing.assert_close(part(x).tokens_BTD, plain(x).tokens_BTD)
    torch.nn.init.constant_(part.mask, 7.0)
    shown = x.clone()
    shown[:, 1, 4:] = 7
    torch.testing.assert_close(part(x).tokens_BTD[:, 2], plain(shown).tokens_BTD[:, 2])
    torch.testing.assert_close(part(x).tokens_BTD[:, :2], plain(x).tokens_BTD[:, :2])


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    part = Regions(3, width=8).eval()
    padded = torch.cat([torch.from_numpy(ROWS), torch.full((2, 7), 9.0)])[None]
    found = part(padded, torch.tensor([[True, True, False, False]]))
    alone = part(torch.from_numpy(ROWS)[None])
    torch.testing.assert_close(found.tokens_BTD[:, :3], alone.tokens_BTD)
    assert not found.tokens_BTD[:, 3:].any() and found.mask_BT.tolist() == [[True, True, True, False, False]]


@pytest.mark.parametrize("raw", ["text", Signal(ROWS[:, :6], 1.0), Signal(ROWS[:0], 1.0)])
def test_bad_regions_are_one_line(raw: object) -> None:
    with pytest.raises(DataError, match="regions"):
        Regions(3).prepare(raw)
