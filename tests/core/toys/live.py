"""Components that exist only at run time; this module may be imported."""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from typing import Literal


def plain(size: int, mode: Literal["a", "b"] = "a", scale: float = float("inf"), shape: object = object()) -> None:
    """Take a size.

    Args:
        size: How big.
    """


half = partial(plain, mode="b")
for _name in ("made",):
    globals()[_name] = plain


class Inherits(namedtuple("Pair", ("left", "right"))):  # type: ignore[misc]
    """Takes whatever its base takes."""


number = 3
