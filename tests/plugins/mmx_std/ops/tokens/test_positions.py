"""Positions: summed tables in the order of tokens, one table per token, and stretching."""

from __future__ import annotations

import math

import pytest
import torch

from mmx_std.ops.tokens.positions import Positions, RelativeBias, resized, sinusoids


def test_separable_positions_are_sums_over_the_axes() -> None:
    positions = Positions((2, 3, 4), 5)
    assert sum(p.numel() for p in positions.parameters()) == (2 + 3 + 4) * 5
    found = positions().reshape(2, 3, 4, 5)
    time, height, width = positions.tables
    for t in range(2):
        for h in range(3):
            for w in range(4):
                assert torch.allclose(found[t, h, w], time[t] + height[h] + width[w])


def test_the_papers_tables() -> None:
    sizes = [table.shape[0] for table in Positions((8, 14, 14), 4).tables]
    assert sizes == [8, 14, 14]
    assert Positions((1200,), 4)().shape == (1200, 4)


def test_joint_positions_have_one_vector_per_token() -> None:
    positions = Positions((2, 3), 4, "joint")
    assert torch.equal(positions(), positions.tables[0])
    assert positions().shape == (6, 4)


def test_normalised_positions_have_mean_zero_per_table() -> None:
    positions = Positions((6,), 32, normalise=True)
    with torch.no_grad():
        positions.tables[0].add_(3.0)
    assert positions().mean(1).abs().max() < 1e-4


@pytest.mark.parametrize("size", [3, 5, 9])
def test_a_line_stays_a_line_when_it_is_stretched(size: int) -> None:
    table = torch.linspace(0, 1, 5)[:, None] * torch.tensor([1.0, -2.0])
    assert torch.allclose(resized(table, size), torch.linspace(0, 1, size)[:, None] * torch.tensor([1.0, -2.0]))


def test_the_bias_depends_on_the_distance_alone() -> None:
    bias = RelativeBias(4)(12)
    assert bias.shape == (4, 12, 12)
    assert torch.equal(bias[:, 2, 5], bias[:, 6, 9])
    assert not torch.equal(bias[:, 2, 5], bias[:, 5, 2])


def test_sinusoids_are_the_formula() -> None:
    """Vaswani et al., 2017: PE(p, 2i) = sin(p / 10000^(2i/d)), PE(p, 2i + 1) = cos of the same."""
    found = sinusoids(3, 5, first=7)
    for row, p in enumerate((7, 8, 9)):
        for i in range(3):
            assert float(found[row, 2 * i]) == pytest.approx(math.sin(p / 10000 ** (2 * i / 5)), abs=1e-6)
        for i in range(2):
            assert float(found[row, 2 * i + 1]) == pytest.approx(math.cos(p / 10000 ** (2 * i / 5)), abs=1e-6)
