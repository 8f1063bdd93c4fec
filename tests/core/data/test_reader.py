"""Guarded reading of samples: unreadable items, kept samples, workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mmx.data.collate import collate
from mmx.data.reader import Reader, SampleCache, load, readable
from mmx.data.sampler import Order
from mmx.errors import DataError, PortError
from mmx.types import Batch, Sample
from tests.core.parts import Line, Numbers


def test_cached_samples_are_made_once_up_to_the_limit() -> None:
    made: list[int] = []

    class Counting(list[Sample]):
        def __getitem__(self, index: Any) -> Any:
            made.append(index)
            return super().__getitem__(index)

    split = SampleCache(Counting(Line(5).samples), 2)
    assert [split[index].id for index in (3, 1, 3, 1, 0, 0, 4)] == ["n3", "n1", "n3", "n1", "n0", "n0", "n4"]
    assert made == [3, 1, 0, 0, 4]
    assert len(split) == 5


def reader(corpus: Line) -> Reader:
    encoder = Numbers()

    def make(chosen: Sequence[Sample], indices: Sequence[int]) -> Batch:
        return collate(chosen, {"x": encoder}, {"x": "x"})

    return Reader(corpus.split("train"), make)


def test_broken_items_are_replaced_by_the_next_good_one_and_told() -> None:
    batch = reader(Line(6, broken=(2, 3)))([1, 2])
    assert list(batch.ids) == ["n1", "n4"]
    assert [line.split(":")[0] for line in batch.skipped] == ["item 2"]


def test_a_split_of_broken_items_stops() -> None:
    with pytest.raises(DataError, match="no item of the split can be read"):
        reader(Line(3, broken=(0, 1, 2)))([0])


def test_readable_names_what_it_leaves_out() -> None:
    encoder = Numbers()
    samples = Line(4, broken=(1,)).samples
    found, faults = readable(samples, range(4), lambda one: encoder.prepare(one.fields["x"]))
    assert [sample.id for sample in found] == ["n0", "n2", "n3"]
    assert len(faults) == 1
    assert faults[0].startswith("item 1: ")


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_change_nothing(workers: int) -> None:
    order = Order(40, 4, seed=5)
    batches = list(load(reader(Line()), order, range(2, 5), workers))
    assert [list(batch.ids) for batch in batches] == [[f"n{i}" for i in order.step(s)] for s in (2, 3, 4)]


class Moody(list[Sample]):
    """A split with an item that raises something, and a second that takes all the memory."""

    def __init__(self, samples: Sequence[Sample], errors: dict[int, Exception]) -> None:
        super().__init__(samples)
        self.errors = errors

    def __getitem__(self, index: Any) -> Any:
        if index in self.errors:
            raise self.errors[index]
        return super().__getitem__(index)


def moody(errors: dict[int, Exception]) -> Reader:
    def make(chosen: Sequence[Sample], indices: Sequence[int]) -> Batch:
        return collate(chosen, {"x": Numbers()}, {"x": "x"})

    return Reader(Moody(Line(8).samples, errors), make)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_item_that_raises_anything_is_named_and_replaced(workers: int) -> None:
    batches = list(load(moody({3: KeyError("label")}), Order(8, 8, seed=1), range(2), workers))
    assert [batch.skipped for batch in batches] == [["item 3: KeyError: 'label'"]] * 2
    assert "n3" not in batches[0].ids


@pytest.mark.parametrize("workers", [0, 1])
def test_a_split_of_which_nothing_can_be_read_says_so_in_one_line(workers: int) -> None:
    broken = moody(dict.fromkeys(range(8), ValueError("no audio")))
    with pytest.raises(
        DataError, match=r"^no item of the split can be read; the first fault: item \d: ValueError: no a"
    ):
        list(load(broken, Order(8, 8, seed=1), range(1), workers))


def test_errors_that_hold_for_every_item_pass() -> None:
    for error in (
        MemoryError(),
        PortError("no such field"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ):
        with pytest.raises(type(error)):
            moody({3: error})(range(8))
