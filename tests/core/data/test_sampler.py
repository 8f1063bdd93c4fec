"""The stateless order of samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mmx.data.sampler import Order, class_weights
from mmx.errors import DataError
from mmx.types import Sample


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


def test_the_order_is_the_same_in_every_process() -> None:
    """Known values: an order that hung on a process's own hashing would make every resumed run another run."""
    program = "import json; from mmx.data.sampler import Order; order = Order(10, 4, seed=3); "
    program += "print(json.dumps([order.step(step) for step in range(5)]))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        assert json.loads(done.stdout) == [[1, 3, 5, 4], [6, 8, 7, 0], [2, 9, 2, 9], [6, 8, 4, 0], [5, 1, 7, 3]]


def labelled(labels: list[object]) -> list[Sample]:
    return [Sample(str(place), {}, {"kind": label}) for place, label in enumerate(labels)]


def test_classes_are_drawn_alike_often_and_unknown_ones_never() -> None:
    weights = class_weights(labelled([0] * 90 + [1] * 9 + [2] + [-1, None]), "kind")
    assert weights[:90].sum() == pytest.approx(1) == weights[90:99].sum() == weights[99]
    assert weights[100:].tolist() == [0, 0]
    order = Order(102, 100, seed=1, weights=weights)
    drawn = [place for step in range(60) for place in order.step(step)]
    shares = [sum(low <= place < high for place in drawn) / len(drawn) for low, high in ((0, 90), (90, 99), (99, 100))]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    assert max(drawn) < 100
    assert order.step(3) == Order(102, 100, seed=1, weights=weights).step(3) != order.step(4)
    assert len(set(drawn[:102])) < 60, "with replacement"


def test_an_item_of_several_classes_counts_as_their_sum() -> None:
    rows = [np.array(row, np.float32) for row in ([1, 0], [1, 1], [0, 0], [1, 0])]
    assert class_weights(labelled(list(rows)), "kind").tolist() == pytest.approx([1 / 3, 1 / 3 + 1, 0, 1 / 3])


def test_a_split_without_known_classes_cannot_be_balanced() -> None:
    with pytest.raises(DataError, match="'kind'"):
        class_weights(labelled([-1, None]), "kind")
