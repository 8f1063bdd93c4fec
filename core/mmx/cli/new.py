"""`mmx new NAME`: a plugin package of one's own, that works before a line of it is edited."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import click

from mmx import __version__
from mmx.cli.context import open_catalog, open_plugins
from mmx.errors import MmxError
from mmx.plugins import scaffold


@click.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(scaffold.KINDS)),
    default="paper",
    show_default=True,
    help="A paper with model, loss and task; one component; or data.",
)
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to write it; default: ./NAME.")
@click.option(
    "--licence",
    "--license",
    type=click.Choice(list(scaffold.LICENCES)),
    default="Apache-2.0",
    show_default=True,
    help="Licence of the package; none keeps all rights.",
)
@click.option("--author", default="", help="Who holds the copyright; default: the authors of the package.")
@click.pass_context
def command(ctx: click.Context, name: str, kind: str, folder: Path | None, licence: str, author: str) -> None:
    """Write a complete plugin package NAME: it installs, trains and passes its own tests as it is.

    Replace its parts one by one; `pytest` and `mmx check NAME` say at every step whether they still fit.
    """
    plugins = {record.name: record.origin for record in open_plugins(ctx).records}
    module = f"mmx_{name}"
    taken = module.isidentifier() and find_spec(module) is not None
    scaffold.check_name(name, plugins, _experiments(ctx), [module] if taken else [])
    package = scaffold.Package(name, kind, licence, author, time.localtime().tm_year, _oldest(__version__))
    folder = Path(name) if folder is None else folder
    files = scaffold.write(folder, package)
    click.echo(f"wrote {len(files)} files to {folder}; next:")
    click.echo(f"  pip install -e {folder if folder.is_absolute() else f'./{folder}'}")
    click.echo(f"  mmx run {name}")


def _experiments(ctx: click.Context) -> list[str]:
    """Return the names of experiments; a file that cannot be read is no reason not to write a package."""
    try:
        return open_catalog(ctx).names()
    except MmxError:
        return []


def _oldest(version: str) -> str:
    """Return the release that promises this API: major and minor are enough."""
    return ".".join(version.split(".")[:2])
