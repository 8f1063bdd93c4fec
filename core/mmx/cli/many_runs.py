"""Options of the commands that start many runs: `sweep` and `prove`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at the same time."),
    click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders go."),
    click.option("--no-tracking", is_flag=True, help="Write journals only; `mmx sync` can send them later."),
    click.option("--dry-run", is_flag=True, help="Check and show what would run; compute nothing."),
)


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `jobs`, `runs`, `no_tracking` and `dry_run` to a command, in this order."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
