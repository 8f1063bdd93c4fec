"""`mmx open RUN`: the report of a run, or the page over all runs, in the browser."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.cli.completion import complete_run
from mmx.cli.context import came_with_plugin, finished_run, open_catalog
from mmx.errors import DataError
from mmx.support import run_files

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog


@click.command("open")
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.option("--print", "only_print", is_flag=True, help="Print where the page is; open nothing.")
@click.pass_context
def command(ctx: click.Context, run: str | None, runs: Path, only_print: bool) -> None:
    """Open the report of RUN in the browser; without RUN, the page over all runs of this folder.

    A run that was given away has numbers and no page: it is written from them.
    """
    from mmx.runs.history import find_run
    from mmx.runs.index import write_index

    if run is None:
        page = write_index(runs)
        if page is None:
            raise DataError(f"no runs in {runs} yet; start one: mmx run NAME")
    else:
        try:
            folder = find_run(run, runs)
        except DataError:
            folder = finished_run(run, runs)  # the one that comes with the plugin, where there is one
        page = folder / run_files.PAGE
        page = page if page.is_file() else page_of(open_catalog(ctx), folder, own=not came_with_plugin(folder))
    click.echo(os.path.relpath(page))
    if not only_print and not webbrowser.open(page.absolute().as_uri()):
        click.echo("no browser could be started; open the file above in one", err=True)


def page_of(catalog: Catalog, folder: Path, *, own: bool) -> Path:
    """Write the page of a run from its `report.json`, and return it.

    Args:
        catalog: Whose plugins hold card and caveats.
        folder: The run folder.
        own: It is the user's, and so is its page; else it goes into the cache.

    Raises:
        DataError: It was not judged.
    """
    from mmx.assets.store import cache_folder
    from mmx.errors import MmxError
    from mmx.report.stored import write_page
    from mmx.runs.caveats import caveats
    from mmx.runs.history import read_report, status_of

    record = read_report(folder)
    if not {"experiment", "preset", "seed"} <= record.keys():
        called = f"{folder.parent.name}/{folder.name}"
        raise DataError(
            f"{called} has no report: it is {status_of(folder)}; where its training is complete: mmx eval {called}"
        )
    place = folder / run_files.PAGE
    if not own:
        place = cache_folder() / "reports" / f"{folder.name}.html"
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        experiment = catalog.restore(folder / run_files.CONFIG, unused=("corpus", "stages")).experiment
        told, plugin = caveats(catalog.plugins, experiment), experiment.task.use.partition("/")[0]
    except MmxError:
        told, plugin = [], ""  # the numbers are there whether or not the parts are
    card = next((each.card for each in catalog.plugins.records if each.name == plugin), None)
    return write_page(folder, record, place, card=card, caveats=told)
