"""`mmx open RUN`: the report of a run, or the page over all runs, in the browser."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

import click

from mmx.cli.completion import complete_run
from mmx.errors import DataError
from mmx.support import run_files


@click.command("open")
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.option("--print", "only_print", is_flag=True, help="Print where the page is; open nothing.")
def command(run: str | None, runs: Path, only_print: bool) -> None:
    """Open the report of RUN in the browser; without RUN, the page over all runs of this folder."""
    from mmx.runs.history import find_run, status_of
    from mmx.runs.index import write_index

    if run is None:
        page = write_index(runs)
        if page is None:
            raise DataError(f"no runs in {runs} yet; start one: mmx run NAME")
    else:
        folder = find_run(run, runs)
        page = folder / run_files.PAGE
        if not page.is_file():
            raise DataError(
                f"{folder.parent.name}/{folder.name} has no report: it is {status_of(folder)}; "
                f"where its training is complete: mmx eval {folder.parent.name}/{folder.name}"
            )
    click.echo(os.path.relpath(page))
    if not only_print and not webbrowser.open(page.absolute().as_uri()):
        click.echo("no browser could be started; open the file above in one", err=True)
