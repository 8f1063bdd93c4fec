"""Global options of all commands, and the catalog that is opened with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmx.errors import MmxError, PluginError
from mmx.support.text import printable

if TYPE_CHECKING:
    import click

    from mmx.config.catalog import Catalog
    from mmx.plugins.discovery import EntryPoint
    from mmx.plugins.loader import Plugins


@dataclass(slots=True)
class State:
    """The global options of one call of `mmx`, and what was opened with them.

    Attributes:
        debug: Show tracebacks.
        strict: A plugin that does not work is an error.
        plugin_dirs: Local folders with plugins.
        trust: Load the plugins that the current folder's registry.yaml names.
        catalog: Opened by the first command that asks.
    """

    debug: bool = False
    strict: bool = False
    plugin_dirs: Sequence[Path] = ()
    trust: bool = False
    catalog: Catalog | None = None


def state_of(ctx: click.Context) -> State:
    """Return the global options."""
    return ctx.find_root().ensure_object(State)


def open_catalog(ctx: click.Context) -> Catalog:
    """Open the catalog of the current folder with the global options, once.

    Raises:
        ConfigError: A file of experiments is wrong.
        PluginError: A plugin does not work, and `--strict-plugins` was given.
    """
    from mmx.config.catalog import Catalog

    state = state_of(ctx)
    if state.catalog is None:
        asked = partial(_trusted, ctx)
        state.catalog = Catalog.open(Path.cwd(), plugin_dirs=state.plugin_dirs, strict=state.strict, trust=asked)
    return state.catalog


def finished_run(text: str, runs: Path) -> Path:
    """Return the run that `text` means for a command that needs weights, and say which where it is not plain.

    Where nobody has trained an experiment here, it is the run that comes with the plugin.

    Raises:
        DataError: There is no such run, or none of them has finished.
    """
    import click

    from mmx.runs.history import find_trained
    from mmx.runs.listed import summary_of

    folder = find_trained(text, runs, lambda: open_plugins(click.get_current_context()))
    if came_with_plugin(folder):
        run = summary_of(folder)
        told = f"preset {run.preset}, seed {run.seed}"
        click.echo(f"run: {text} as it comes with mmx ({told}); none of your own in {runs} has finished", err=True)
    elif folder.name not in text:
        click.echo(f"run: {folder.parent.name}/{folder.name}", err=True)
    return folder


def came_with_plugin(folder: Path) -> bool:
    """Return whether a run is not the user's: nothing is written into its folder."""
    import click

    from mmx.runs.history import shipped

    return folder in shipped(open_plugins(click.get_current_context())).values()


def _trusted(ctx: click.Context, folder: Path, entries: Sequence[EntryPoint], found: str) -> bool:
    """Return whether the plugins that a folder's registry.yaml names are loaded: asked once, on a terminal."""
    import click

    from mmx.config import trust

    if state_of(ctx).trust:
        # What is kept holds for these files; the flag itself would hold for whatever they are later.
        state_of(ctx).trust = not trust.remember(folder, found, True)
        return True
    known = trust.remembered(folder, found)
    names = ", ".join(printable(entry.name) for entry in entries)
    if known is None and _can_ask(ctx):
        where = printable(str(folder / "registry.yaml"))
        click.echo(f"{where} names plugins of its own: {names}. Their code would run at every command here.", err=True)
        known = click.confirm("Do you trust it?", default=False, err=True)
        trust.remember(folder, found, known)
    if not known:
        how = "to trust what registry.yaml in this folder names, which runs its code: mmx --trust-plugins COMMAND"
        click.echo(f"not loaded: {names}; {how}", err=True)
    return bool(known)


def _can_ask(ctx: click.Context) -> bool:
    """Return whether there is somebody who can answer: not one of several processes, nor the completion of a word."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1 and not ctx.resilient_parsing
    return alone and sys.stdin.isatty() and sys.stderr.isatty()


def open_plugins(ctx: click.Context) -> Plugins:
    """Return the catalog's plugins; when the catalog cannot be read, the plugins by themselves.

    Raises:
        PluginError: A plugin does not work, and `--strict-plugins` was given.
    """
    try:
        return open_catalog(ctx).plugins
    except PluginError:
        raise
    except MmxError:
        from mmx.plugins.loader import load_plugins

        state = state_of(ctx)
        return load_plugins(local=state.plugin_dirs, strict=state.strict)
