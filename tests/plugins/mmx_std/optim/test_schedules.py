from __future__ import annotations

import math
from typing import Any

import pytest

from mmx_std.optim.schedules import constant, cosine, exponential, halving, linear, noam, quarter_cosine


def curve(factor: Any, steps: int) -> list[float]:
    return [factor(step) for step in range(steps)]


@pytest.mark.parametrize(
    "make", [constant, cosine, quarter_cosine, linear, lambda total, warmup: halving(total, every=3, warmup=warmup)]
)
def test_warm_up_is_a_straight_line_that_never_starts_at_zero(make: Any) -> None:
    assert curve(make(20, warmup=4), 4) == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert make(20, warmup=4)(4) == pytest.approx(1.0)
    assert make(20, warmup=0)(0) == pytest.approx(1.0)


def test_cosine_linear_and_halving_point_by_point() -> None:
    assert curve(cosine(12, warmup=2, final=0.2), 12)[2:] == pytest.approx(
        [0.2 + 0.8 * (1 + math.cos(math.pi * k / 10)) / 2 for k in range(10)]
    )
    assert curve(quarter_cosine(12, warmup=2, final=0.5), 13)[2:] == pytest.approx(
        [0.5 + 0.5 * math.cos(math.pi * k / 20) for k in range(11)]
    )
    assert curve(linear(12, warmup=2, final=0.5), 12)[2:] == pytest.approx([1 - 0.05 * k for k in range(10)])
    assert curve(halving(10, every=2, warmup=1), 8)[1:] == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
    assert curve(halving(10, every=2, factor=0.1), 5) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert curve(exponential(10, factor=0.5, warmup=1), 4) == pytest.approx([1, 1, 0.5, 0.25])
    assert exponential(150_000, factor=0.99997592083)(28_800) == pytest.approx(0.5, abs=1e-3), "Antol et al. (2015)"
    assert curve(constant(5), 5) == [1.0] * 5


@pytest.mark.parametrize("make", [cosine, linear])
def test_the_end_is_final_and_stays_there(make: Any) -> None:
    factor = make(10, warmup=2, final=0.1)
    assert factor(10) == pytest.approx(0.1)
    assert factor(1000) == pytest.approx(0.1)
    assert all(a >= b for a, b in zip(curve(factor, 12)[1:], curve(factor, 12)[2:], strict=False))


@pytest.mark.parametrize("make", [constant, cosine, linear])
def test_stages_shorter_than_their_warm_up(make: Any) -> None:
    for total in (0, 1, 3):
        assert all(0 < value <= 1 for value in curve(make(total, warmup=5), total))


def test_the_first_reduction_may_come_later() -> None:
    """AST on AudioSet: the full rate for two epochs of 10 steps, then half after each, behind 3 steps of warm-up."""
    factor = halving(100, every=10, first=20, warmup=3)
    assert [factor(step) for step in (3, 22, 23, 32, 33, 43)] == [1, 1, 0.5, 0.5, 0.25, 0.125]
    assert [halving(9, every=3, first=1)(step) for step in (0, 1, 3, 4)] == [1, 0.5, 0.5, 0.25]


def test_noam_is_the_formula_of_the_paper() -> None:
    """Vaswani et al., 2017, equation 3: d^-.5 min(s^-.5, s w^-1.5), step s from 1; without d its peak is 1."""
    factor, scaled = noam(10, warmup=4, width=16), noam(10, warmup=4)
    for s in range(1, 12):
        expected = 16**-0.5 * min(s**-0.5, s * 4**-1.5)
        assert factor(s - 1) == pytest.approx(expected)
        assert scaled(s - 1) == pytest.approx(expected * 4**0.5 * 16**0.5)
    assert max(curve(scaled, 20)) == scaled(3) == pytest.approx(1)
