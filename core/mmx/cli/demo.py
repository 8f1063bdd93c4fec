"""`mmx demo RUN`: a local page to try a run."""

from __future__ import annotations

from pathlib import Path

import click

from mmx.cli.completion import complete_run
from mmx.cli.context import finished_run, open_catalog


@click.command("demo")
@click.argument("run", shell_complete=complete_run)
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Default: the first free one from 7860.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.pass_context
def command(ctx: click.Context, run: str, port: int | None, runs: Path) -> None:
    """Serve a page on this machine to try RUN: drop a file, record, or type, and see and hear the answer.

    It needs the extra `demo`, listens on 127.0.0.1 alone, sends nothing anywhere, and ends with Ctrl-C.
    """
    from mmx.runs.caveats import caveats
    from mmx.runs.prediction import open_run
    from mmx.sharing import demo

    folder = finished_run(run, runs)
    catalog = open_catalog(ctx)
    built = open_run(catalog, folder)
    warned = caveats(catalog.plugins, built.experiment)
    demo.launch(demo.page(built, built.experiment.summary, warned), port)
