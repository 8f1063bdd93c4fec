"""Lack of memory, told by what was raised, in one line that says what to lower."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from mmx.support.text import one_line

_SAID: Final = re.compile(
    r"out of memory|can't allocate memory|not enough memory|cannot allocate memory|unable to allocate", re.I
)


def is_lacking(error: BaseException) -> bool:
    """Return whether an error of Python, of torch or of the system says that there is too little memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | OSError) and _SAID.search(str(error)) is not None
    )


def first_line(error: BaseException) -> str:
    """Return what an error says first; its kind where it says nothing."""
    return one_line(str(error).strip().partition("\n")[0] or type(error).__name__)


@contextmanager
def lack_named(doing: str, lower: str, kind: Callable[[str], Exception]) -> Iterator[None]:
    """Turn a lack of memory inside the block into one line; every other error passes.

    Args:
        doing: What the memory was needed for: "while judging".
        lower: What helps.
        kind: The error that is raised instead.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if not is_lacking(error):
            raise
        raise kind(f"out of memory {doing}: {first_line(error)}; {lower}") from error
