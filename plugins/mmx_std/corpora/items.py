"""Items of a file corpus, and the samples that are made of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, overload

import numpy as np

from mmx import Card, DataError, LazyFields, Sample, did_you_mean, unknown_split
from mmx_std.corpora.decoding import Media
from mmx_std.corpora.splits import hashed_splits

_EXCERPT: Final = 1 << 14
"""Bytes of each part of a file that a digest reads."""
MULTI = "labels"
"""The target that may hold several classes per item, as a multi-hot vector."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sample before anything is decoded.

    Attributes:
        id: Stable name.
        line: Line in the manifest, or number in the shards; for messages.
        media: Field -> file.
        texts: Field -> text.
        labels: Target -> class name, or several for the target `labels`.
        group: Items of one group stay in one split: the recording that it is from; by default the id.
        split: Name of its split, "" = none given.
    """

    id: str
    line: int
    media: Mapping[str, Media] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    group: str = ""
    split: str = ""

    def names(self, target: str) -> tuple[str, ...]:
        """Return the class names that the item has of a target."""
        label = self.labels.get(target, ())
        return (label,) if isinstance(label, str) else label


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


class FileCorpus(ABC):
    """A corpus of items: what manifests and shards have in common.

    Args:
        path: File or folder that the items are from.
        items: All items, each with its split.
        targets: Their targets, see `targets_of`.
        fields: Their fields, see `fields_of`.
        summary: One sentence for the card.
    """

    def __init__(
        self,
        path: Path,
        items: Sequence[Item],
        targets: Mapping[str, Sequence[str] | None],
        fields: Mapping[str, str],
        summary: str,
    ) -> None:
        self.path, self.items, self.targets, self.fields = path, items, targets, fields
        self.card = Card(title=path.name, summary=summary, licence="not stated; ask the makers of the data")

    def split(self, name: str) -> Samples:
        """Return a split in the order of its file or shards.

        `portion` of it is the part of one process and data worker.

        Raises:
            DataError: No such split.
        """
        return Samples(self._chosen(name), self.targets)

    def _of_split(self, name: str) -> Sequence[Item]:
        return [item for item in self.items if item.split == name]

    def _chosen(self, name: str) -> Sequence[Item]:
        chosen = self._of_split(name)
        if not chosen:
            raise unknown_split(self.path.name, name, sorted({item.split for item in self.items}))
        return chosen

    @property
    @abstractmethod
    def digest(self) -> str:
        """At most 36 characters that change with the content; each kind of corpus says how."""

    def with_classes(self, names: Mapping[str, Sequence[str]]) -> FileCorpus:
        """Return the same items under the class names of a trained model: target -> names in order."""
        other = copy(self)
        # The digest is that of the data, whatever its classes are called by a model.
        vars(other).update(targets={**self.targets, **names}, digest=self.digest)
        return other

    def strangers(self, split: str) -> dict[str, Counter[str]]:
        """Return target -> how many labels of a split are none of its classes, by label.

        Raises:
            DataError: No such split.
        """
        found: dict[str, Counter[str]] = {name: Counter() for name, known in self.targets.items() if known is not None}
        for item in self._chosen(split):
            for target, counter in found.items():
                known = self.targets[target] or ()
                counter.update(name for name in item.names(target) if name not in known)
        return found


def with_splits(items: list[Item], *, val: float, test: float) -> Iterator[Item]:
    """Yield items of which each has a split: its own, or one from the hash of its group.

    Args:
        items: With or without splits; each is taken out of the list when it is yielded, so that a long one shrinks.
        val: Share of `val` among the groups without a split.
        test: Share of `test` among them.
    """
    hashed = iter(hashed_splits([item.group for item in items if not item.split], val=val, test=test))
    items.reverse()
    while items:
        item = items.pop()
        yield item if item.split else _in_split(item, next(hashed))


def _in_split(item: Item, split: str) -> Item:
    # `replace` takes three times as long.
    return Item(item.id, item.line, item.media, item.texts, item.labels, item.group, split)


def excerpt(path: Path, *, middle: bool = False) -> tuple[int, bytes]:
    """Return the size of a file, and its first and last 16 KiB (with `middle`, 16 KiB from there too) for a digest."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        parts = []
        for place in (0, *((size // 2,) if middle else ()), max(0, size - _EXCERPT)):
            handle.seek(place)
            parts.append(handle.read(_EXCERPT))
    return size, b"".join(parts)


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


def fields_of(items: Iterable[Item]) -> dict[str, str]:
    """Return field -> modality."""
    found = {name: media.modality for item in items for name, media in item.media.items()}
    return found | {name: "text" for item in items for name in item.texts}


def _natural(name: str) -> tuple[int, float, str]:
    """Return a key of a total order: finite numbers by value, then words; "nan" and "inf" are words."""
    try:
        value = float(name)
    except ValueError:
        return (1, 0.0, name)
    return (0, value, name) if math.isfinite(value) else (1, 0.0, name)


def _makers(item: Item) -> dict[str, Callable[[], Any]]:
    """Return how each field of an item is read."""
    media: dict[str, Callable[[], Any]] = {name: media.read for name, media in item.media.items()}
    return media | {name: partial(str, text) for name, text in item.texts.items()}
