"""`mmx compare RUN RUN...`: runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from mmx.errors import UserError


@click.command("compare")
@click.argument("names", nargs=-1, metavar="RUN RUN...")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
def command(names: tuple[str, ...], runs: Path) -> None:
    """Show RUNs side by side, e.g. `mmx compare runs/soundnet/20260101-120000-ab12 latest`.

    A RUN is its folder, its id, or `latest`. What differs in configuration comes first, then every metric with its 95 %
    interval over items, its distance from the first run's, and its chance, floor, controls and references.
    """
    from mmx.cli.output import print_table
    from mmx.comparison import differences, facts, metrics
    from mmx.records import find_run, read_run

    if len(names) < 2:
        raise UserError("compare what with what? mmx compare RUN RUN...; a RUN is a folder, an id, or latest")
    records = [read_run(find_run(name, runs)) for name in names]
    headers = [record.folder.name for record in records]
    print_table(("run", *headers), facts(records))
    experiments = sorted({str(record.config.get("name")) for record in records})
    differing = list(differences(records)) if len(experiments) == 1 else []
    click.echo()
    if differing:
        print_table(("differs", *headers), differing)
    elif len(experiments) > 1:
        click.echo(f"{' and '.join(experiments)} are different experiments; their values are not compared")
    else:
        click.echo("no value of the configuration differs, seed and preset aside")
    rows = list(metrics(records))
    if rows:
        click.echo()
        print_table(("metric", *headers), rows)
