"""The stateless order of samples."""

from __future__ import annotations

import pytest

from mmx.data.sampler import Order
from mmx.errors import DataError


@pytest.mark.parametrize("world", [1, 2, 3])
def test_an_epoch_over_all_processes_is_every_sample_once(world: int) -> None:
    length, size = 24, 4
    steps = length // (size * world)
    seen = [i for rank in range(world) for s in range(steps) for i in Order(length, size, 7, rank, world).step(s)]
    assert sorted(seen) == list(range(length))


def test_order_depends_on_the_seed_and_not_on_what_was_asked_before() -> None:
    order = Order(10, 3, seed=1)
    walked = [order.step(step) for step in range(12)]
    assert Order(10, 3, seed=1).step(11) == walked[11]
    assert order.step(2) == walked[2]
    assert [Order(10, 3, seed=2).step(step) for step in range(12)] != walked


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        Order(0, 3, seed=1)
