"""Collation, the stateless order of samples, and unreadable items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.data.collate import collate, stack, stack_targets
from mmx.data.reader import Reader, SampleCache, load, readable
from mmx.data.sampler import Order
from mmx.errors import DataError, PortError
from mmx.types import Batch, Sample
from tests.core.parts import Line, Numbers


class Raw:
    """Takes a list as it is."""

    def prepare(self, raw: object) -> Tensor:
        return torch.as_tensor(raw, dtype=torch.float32)


def test_equal_lengths_stack_without_mask() -> None:
    batch = collate([Sample("a", {"x": [1, 2]}), Sample("b", {"x": [3, 4]})], {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].tolist() == [[1, 2], [3, 4]]
    assert not batch.masks
    assert not batch.present


def test_what_is_prepared_must_be_a_tensor() -> None:
    class Lists:
        def prepare(self, raw: Any) -> Any:
            return list(raw)

    with pytest.raises(PortError, match="encoder 'x': prepare returned list; it must return a tensor"):
        collate([Sample("a", {"x": [1, 2]})], {"x": Lists()}, {"x": "x"})


def test_different_lengths_are_padded_and_masked() -> None:
    samples = [Sample("a", {"x": [[1, 2]]}), Sample("b", {"x": [[3, 4], [5, 6], [7, 8]]})]
    batch = collate(samples, {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].shape == (2, 3, 2)
    assert batch.inputs["x"][0, 1:].abs().sum() == 0
    assert batch.masks["x"].tolist() == [[True, False, False], [True, True, True]]


def test_missing_fields_are_zeros_and_not_present() -> None:
    batch = collate([Sample("a", {"x": [1, 2]}), Sample("b", {})], {"x": Raw()}, {"x": "x"})
    assert batch.inputs["x"].tolist() == [[1, 2], [0, 0]]
    assert batch.present["x"].tolist() == [True, False]


def test_a_batch_in_which_nobody_has_the_field_takes_the_shape_of_an_earlier_one() -> None:
    blanks: dict[str, Tensor] = {}
    collate([Sample("a", {"x": [1, 2]})], {"x": Raw()}, {"x": "x"}, blanks)
    batch = collate([Sample("b", {}), Sample("c", {})], {"x": Raw()}, {"x": "x"}, blanks)
    assert batch.inputs["x"].tolist() == [[0, 0], [0, 0]]
    assert batch.present["x"].tolist() == [False, False]


def test_a_field_that_nobody_has_and_odd_shapes_are_errors() -> None:
    with pytest.raises(DataError, match="encoder 'x', field 'z': no sample"):
        collate([Sample("a", {})], {"x": Raw()}, {"x": "z"})
    with pytest.raises(DataError, match="more than their first axis"):
        stack([torch.zeros(2, 3), torch.zeros(2, 4)])


def test_targets_stack_where_they_can() -> None:
    samples = [
        Sample("a", {}, {"label": 1, "score": 0.5, "box": torch.zeros(4), "text": "x", "late": 3}),
        Sample("b", {}, {"label": 0, "score": 1, "box": torch.ones(4), "text": "y"}),
    ]
    targets = stack_targets(samples)
    assert targets["label"].dtype == torch.int64
    assert targets["score"].tolist() == [0.5, 1.0]
    assert targets["box"].shape == (2, 4)
    assert targets["text"] == ["x", "y"]
    assert targets["late"] == [3, None]


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


def test_remembered_samples_are_made_once_up_to_the_limit() -> None:
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
