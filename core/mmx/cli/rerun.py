"""`mmx rerun RUN`: repetition of a run, with a comparison of its numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.cli.completion import complete_run
from mmx.cli.context import finished_run, open_catalog
from mmx.errors import DataError
from mmx.support import run_files
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.runs.history import Record
    from mmx.runs.session import Result


@click.command("rerun")
@click.argument("run", shell_complete=complete_run)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are and go.")
@click.option("--no-tracking", is_flag=True, help="Write the journal only; `mmx sync` can send it later.")
@click.option("--plain", is_flag=True, help="Lines instead of moving bars (the default when not on a terminal).")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the last lines.")
@click.pass_context
def command(ctx: click.Context, run: str, runs: Path, no_tracking: bool, plain: bool, quiet: bool) -> None:
    """Train and judge again what RUN was, e.g. `mmx rerun latest`, and say whether the numbers came out equal.

    RUN is its folder, its id, `latest`, its experiment or a tag: the newest that finished. Experiment, preset, seed
    and every value are those that it saved. What has changed since (commit, versions, threads) is told first. The exit
    code is 1 where a number differs, or the data.
    """
    from mmx.runs.history import read_run

    before = read_run(finished_run(run, runs))
    for problem in before.problems:
        click.echo(f"warning: {printable(problem)}", err=True)
    if not before.report:
        raise DataError(f"run {before.folder.name} was not judged ({before.status}): there is nothing to compare with")
    catalog = open_catalog(ctx)
    resolved = catalog.restore(before.folder / run_files.CONFIG)
    from mmx.cli.run import conclude, display, new_run_folder, perform
    from mmx.studies.environment_diff import since

    for line in since(before, resolved.experiment.settings):
        click.echo(f"changed since: {printable(line)}", err=True)
    folder = new_run_folder(runs, resolved)
    typed = str(before.report.get("command", ""))
    result = perform(catalog, resolved, folder, display(plain, quiet), typed, tracking=not no_tracking)
    if result is not None:
        conclude(result.folder, result.report, result.verdict, quiet, result.link)
        _tell(ctx, before, result)


def _tell(ctx: click.Context, before: Record, result: Result) -> None:
    """Say whether the numbers came out equal."""
    from mmx.model.meaning import changes as changed_data
    from mmx.runs.history import changes, read_run

    after = read_run(result.folder)
    found = list(changes(before.report, after.report))
    other = list(changed_data(before.sources, after.sources))
    for line in other:
        click.echo(f"not the same data: {line}")
    if not found and other:
        click.echo(f"every number is the one of {os.path.relpath(before.folder)}, but on other data")
        ctx.exit(1)
    if not found:
        click.echo(f"equal: every number is the one of {os.path.relpath(before.folder)}")
        return
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    click.echo(printable(f"not equal to {os.path.relpath(before.folder)}: {'; '.join(found[:3])}{more}"))
    ctx.exit(1)
