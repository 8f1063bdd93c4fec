"""What plugin authors check their parts with, and what `mmx check` runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        what: What was checked.
        ok: Whether it holds.
        detail: What was found, or what is wrong and what to do.
    """

    what: str
    ok: bool
    detail: str = ""
