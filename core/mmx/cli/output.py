"""Tables for people and for pipes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from mmx.support.text import printable

GAP = 2
"""Spaces between columns."""
PIPE = 200
"""Width of tables that no terminal shows."""

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Return where tables of rich are printed: as wide as the terminal, wide enough for every line in a pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns, folded to the terminal, one line per row into a pipe; text is shown as it is."""
    lines = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *lines, strict=True)]
    if sys.stdout.isatty() and sum(widths) + GAP * (len(widths) - 1) > shutil.get_terminal_size().columns:
        _print_folded(headers, lines)
        return
    click.secho(_aligned(headers, widths), bold=True)
    for line in lines:
        click.echo(_aligned(line, widths))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def _print_folded(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows that are wider than the terminal; only these are worth the time that importing rich takes."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
