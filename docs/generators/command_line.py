"""The command line's own help, and what commands really print."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from generators.markdown import cell, fence, table
from mmx.cli import group, main
from mmx.plugins.commands import BUILT_IN

WIDTH = 100


def commands() -> str:
    """Return the help page of every command, sub-commands too."""
    root = click.Context(group, info_name="mmx", terminal_width=WIDTH, max_content_width=WIDTH)
    parts = [fence(root.get_help())]
    for name in BUILT_IN:
        command = group.get_command(root, name)
        if command is not None:
            parts += _pages(command, root, name, "##")
    return "\n".join(parts)


def summary() -> str:
    """Return one line per command."""
    return table(("command", "does"), ([f"`mmx {name}`", cell(text)] for name, (_, text) in BUILT_IN.items()))


def session(*lines: str) -> str:
    """Return what a terminal shows for these commands, run now, in the root of the checkout."""
    shown = []
    for line in lines:
        shown += [f"$ {line}", printed(shlex.split(line)[1:]).rstrip()]
    return fence("\n".join(shown), "console")


def printed(arguments: list[str]) -> str:
    """Return the output of one call of mmx, errors included."""
    output = io.StringIO()
    root = Path(__file__).resolve().parents[2]
    with contextlib.chdir(root), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), _neutral():
        main(arguments)
    return output.getvalue()


def _pages(command: click.Command, parent: click.Context, name: str, level: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"{level} {ctx.command_path}\n"
    yield fence(ctx.get_help())
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            inner = command.get_command(ctx, below)
            if inner is not None:
                yield from _pages(inner, ctx, below, level + "#")


@contextlib.contextmanager
def _neutral() -> Iterator[None]:
    """Hide what would make output depend on who runs this: colours, terminal size, other plugins."""
    before = dict(os.environ)
    os.environ |= {"NO_COLOR": "1", "COLUMNS": str(WIDTH), "MMX_PLUGINS": ""}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
