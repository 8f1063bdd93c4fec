"""Samples and fields that are made at first access."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, overload

from mmx.errors import DataError, did_you_mean
from mmx.types import Sample


class LazySplit(Sequence[Sample]):
    """A split whose samples are made by index: nothing is kept, the order of access does not matter.

    Args:
        length: Number of samples.
        make: Index in `range(length)` -> sample; picklable, so that data workers can be started in any way.
    """

    def __init__(self, length: int, make: Callable[[int], Sample]) -> None:
        self._length = length
        self._make = make

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            chosen = range(self._length)[index]
            return LazySplit(len(chosen), partial(_make_chosen, self._make, chosen))
        return self._make(range(self._length)[index])


def _make_chosen(make: Callable[[int], Sample], chosen: Sequence[int], position: int) -> Sample:
    return make(chosen[position])


class LazyFields(Mapping[str, Any]):
    """Fields of a sample that are rendered at first access: an experiment that reads only audio renders no images.

    Pickles as the functions, not as what they rendered.

    Args:
        makers: Field name -> function that renders it.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __reduce__(self) -> tuple[type[LazyFields], tuple[Mapping[str, Callable[[], Any]]]]:
        return LazyFields, (self._makers,)


def unknown_split(corpus: str, name: str, known: Sequence[str]) -> DataError:
    """Return the error for a split that `corpus` does not have."""
    return DataError(f"{corpus} has no split {name!r}{did_you_mean(name, known)}; splits: {', '.join(known) or 'none'}")
