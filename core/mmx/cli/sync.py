"""`mmx sync`: delivery of runs that MLflow has not received yet."""

from __future__ import annotations

import click


@click.command("sync")
@click.argument("folders", metavar="[RUN]...", nargs=-1)
@click.option("--runs", default="runs", show_default=True, metavar="FOLDER", help="Folder of runs.")
def command(folders: tuple[str, ...], runs: str) -> None:
    """Replay the journals of runs into MLflow; what is there already stays as it is.

    RUN is a run folder, runs/<experiment>/<id>. Without one, every run in the folder of runs is brought up to date.
    """
    from pathlib import Path

    from mmx.errors import MmxError, UserError
    from mmx.support import run_files
    from mmx.support.text import printable
    from mmx.tracking.tracker import sync

    chosen = [Path(folder) for folder in folders] or sorted(
        path.parent for path in Path(runs).glob(f"*/*/{run_files.JOURNAL}")
    )
    if not chosen:
        raise UserError(f"no runs in {runs} yet; start one: mmx run NAME, names: mmx ls")
    failed = 0
    for folder in chosen:
        try:
            link = sync(folder, say=lambda line: click.echo(f"  {printable(line)}", err=True))
            click.echo(printable(f"{folder}: {link}"))
        except MmxError as error:
            if len(chosen) == 1:
                raise
            failed += 1
            click.echo(printable(str(error)), err=True)
    if failed:
        raise MmxError(f"{failed} of {len(chosen)} runs were not delivered")
