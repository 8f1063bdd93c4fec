"""Type aliases and a base class that `parts` imports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Mode = Literal["sum", "mean"]
Share = Annotated[float, Field(ge=0, le=1)]


class Named:
    """A base with a constructor."""

    def __init__(self, title: str, size: int = 3) -> None:
        """Keep both.

        Args:
            title: What it is
                called.
            size: How big.
        """
