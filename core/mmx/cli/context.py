"""What commands share: the global options, and the catalog that is opened with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmx.errors import MmxError, PluginError

if TYPE_CHECKING:
    import click

    from mmx.config.catalog import Catalog
    from mmx.plugins.loader import Plugins


@dataclass(slots=True)
class State:
    """The global options of one call of `mmx`, and what was opened with them.

    Attributes:
        debug: Show tracebacks.
        strict: A plugin that does not work is an error.
        plugin_dirs: Local folders with plugins.
        catalog: Opened by the first command that asks.
    """

    debug: bool = False
    strict: bool = False
    plugin_dirs: Sequence[Path] = ()
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
        state.catalog = Catalog.open(Path.cwd(), plugin_dirs=state.plugin_dirs, strict=state.strict)
    return state.catalog


def finished_run(text: str, runs: Path) -> Path:
    """Return the run that `text` means for a command that needs weights, and say which where it is not plain.

    Raises:
        DataError: There is no such run, or none of them has finished.
    """
    import click

    from mmx.runs.history import find_run

    folder = find_run(text, runs, finished=True)
    if folder.name not in text:
        click.echo(f"run: {folder.parent.name}/{folder.name}", err=True)
    return folder


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
