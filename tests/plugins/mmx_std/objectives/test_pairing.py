"""What belongs together, and what shuffling does to it."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import DataError
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.contrastive import InfoNce
from mmx_std.objectives.hinge import Hinge
from mmx_std.objectives.pairing import permutation, similarities

LOSSES = [
    lambda **options: InfoNce(a="a", b="b", **options),
    lambda **options: Hinge(a="a", b="b", **options),
]


def outputs(a: torch.Tensor, b: torch.Tensor) -> Outputs:
    return Outputs(fused={"a": Features(a), "b": Features(b)})


def test_similarities_against_loops() -> None:
    a, b = torch.randn(3, 4), torch.randn(5, 4)
    for i in range(3):
        for j in range(5):
            apart = sum(float(x - y) ** 2 for x, y in zip(a[i], b[j], strict=True)) ** 0.5
            assert float(similarities(a, b, "negative-l2")[i, j]) == pytest.approx(-apart, rel=1e-5)
            together = sum(float(x * y) for x, y in zip(a[i], b[j], strict=True))
            assert float(similarities(a, b, "dot")[i, j]) == pytest.approx(together, rel=1e-4, abs=1e-6)


def test_the_order_is_uniform_so_that_a_pair_stays_whole_as_often_as_by_chance() -> None:
    """One of eight items keeps its own b on average: a derangement would teach to avoid the true pair."""
    generator = torch.Generator().manual_seed(0)
    kept = sum(int((permutation(8, generator) == torch.arange(8)).sum()) for _ in range(2000))
    assert kept / 2000 == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("make", LOSSES)
def test_shuffled_pairs_are_the_loss_of_the_permuted_side(make: object) -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    batch = Batch([str(i) for i in range(6)])
    shown = make(shuffled=True).view(batch, torch.Generator().manual_seed(3))
    order = permutation(6, torch.Generator().manual_seed(3))
    assert not torch.equal(order, torch.arange(6))
    mixed = make(shuffled=True)(outputs(a, b), shown)["loss"]
    assert mixed == make()(outputs(a, b[order]), batch)["loss"] != make()(outputs(a, b), batch)["loss"]


@pytest.mark.parametrize("make", LOSSES)
def test_what_is_missing_moves_with_the_shuffled_side(make: object) -> None:
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    there = torch.tensor([True, True, True, False])
    batch = Batch([str(i) for i in range(4)], present={"b": there})
    shown = make(shuffled=True).view(batch, torch.Generator().manual_seed(1))
    order = permutation(4, torch.Generator().manual_seed(1))
    plain = Batch(batch.ids, present={"b": there[order]})
    assert make(shuffled=True)(outputs(a, b), shown)["loss"] == make()(outputs(a, b[order]), plain)["loss"]


@pytest.mark.parametrize("make", LOSSES)
def test_shuffling_needs_a_second_item(make: object) -> None:
    with pytest.raises(DataError, match="at least two items"):
        make(shuffled=True)(outputs(torch.randn(1, 2), torch.randn(1, 2)), Batch(["x"]))


def test_an_unshuffled_loss_shows_the_batch_as_it_is() -> None:
    batch = Batch(["x", "y"])
    assert InfoNce(a="a", b="b").view(batch, torch.Generator()) is batch
