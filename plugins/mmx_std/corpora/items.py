"""Items of a file corpus: what a row or a group of shard members says, and the samples that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, overload

import numpy as np

from mmx import DataError, LazyFields, Sample, did_you_mean, unknown_split
from mmx_std.corpora.decoding import Media

MULTI = "labels"
"""The target that may hold several classes per item, as a multi-hot vector."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is known about one sample before anything is decoded.

    Attributes:
        id: Stable name.
        line: Line in the manifest, or number in the shards; for messages.
        media: Field -> file.
        texts: Field -> text.
        labels: Target -> class name, or several for the target `labels`.
        group: What must not be split: the recording that it is from; the id where nothing says otherwise.
        split: Name of its split, "" = not said.
    """

    id: str
    line: int
    media: Mapping[str, Media] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    group: str = ""
    split: str = ""


class Samples(Sequence[Sample]):
    """Items as samples: class names as indices, media decoded on access.

    Args:
        items: The items in order.
        classes: Target -> class names; None for other kinds of truth.
    """

    def __init__(self, items: Sequence[Item], classes: Mapping[str, Sequence[str] | None]) -> None:
        self._items = items
        self._classes = classes

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> Sample | Samples:
        if isinstance(index, slice):
            return Samples(self._items[index], self._classes)
        item = self._items[index]
        return Sample(item.id, LazyFields(_makers(item)), {name: self._truth(item, name) for name in self._classes})

    def _truth(self, item: Item, target: str) -> Any:
        names = self._classes[target]
        if names is None:
            return item.group
        label = item.labels.get(target)
        if target == MULTI:
            # An item without the cell is unknown in every class (-1); one with an empty list has none of them.
            return np.array([-1.0 if label is None else float(name in label) for name in names], dtype=np.float32)
        return names.index(label) if label in names else -1

    def portion(self, rank: int, world: int, worker: int = 0, workers: int = 1) -> Samples:
        """Return the part of one of `workers` data workers in one of `world` processes: a contiguous stretch.

        The parts of all are exactly the whole, no sample twice; their lengths differ by at most one.
        """
        part, parts = rank * workers + worker, world * workers
        if not 0 <= part < parts:
            raise ValueError(f"part {part} of {parts}")
        return self[len(self) * part // parts : len(self) * (part + 1) // parts]


def targets_of(items: Sequence[Item], given: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str] | None]:
    """Return the targets of a corpus: class names in order, None for `group`.

    Names are taken from the train split (from all items where there is none), sorted, numbers by value; `given` fixes
    names and order of a target.

    Raises:
        DataError: `given` names a target that no item has.
    """
    train = [item for item in items if item.split == "train"] or items
    found: dict[str, set[str]] = {}
    for item in train:
        for target, label in item.labels.items():
            found.setdefault(target, set()).update([label] if isinstance(label, str) else label)
    for target in (target for item in items for target in item.labels):
        found.setdefault(target, set())
    classes: dict[str, Sequence[str] | None] = {
        target: tuple(given.get(target) or sorted(found[target], key=_natural)) for target in sorted(found)
    }
    for target in given:
        if target not in classes:
            raise DataError(f"class_names for {target!r}: no such label{did_you_mean(target, classes)}")
    if any(item.group != item.id for item in items):
        classes["group"] = None
    return classes


def of_split(items: Sequence[Item], name: str, corpus: str) -> list[Item]:
    """Return the items of one split, in order.

    Args:
        items: All items.
        name: Name of the split.
        corpus: What the corpus is called, for the message.

    Raises:
        DataError: No item is in it.
    """
    chosen = [item for item in items if item.split == name]
    if not chosen:
        raise unknown_split(corpus, name, sorted({item.split for item in items}))
    return chosen


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _makers(item: Item) -> dict[str, Callable[[], Any]]:
    """Return how each field of an item is read."""
    media: dict[str, Callable[[], Any]] = {name: media.read for name, media in item.media.items()}
    return media | {name: partial(str, text) for name, text in item.texts.items()}
