"""Fields of a sample that are made when they are looked at: who reads only the text does not wait for the sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Fields(Mapping[str, Any]):
    """Raw values by field name, each made at its first use and kept.

    Pickles as a plain dictionary with everything made.

    Args:
        makers: Field name -> function that makes its value.
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

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)
