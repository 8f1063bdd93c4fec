"""`mmx compare RUN RUN...`: comparison of runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.completion import complete_run
from mmx.errors import UserError
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.runs.history import Record


@click.command("compare")
@click.argument("names", nargs=-1, metavar="RUN RUN...", shell_complete=complete_run)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with curves and media, too."
)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(names: tuple[str, ...], html: Path | None, runs: Path, as_json: bool) -> None:
    """Show RUNs side by side, e.g. `mmx compare runs/soundnet/20260101-120000-ab12 latest`.

    A RUN is its folder, its id, `latest`, its experiment or a tag. What differs in configuration comes first, then
    every metric with its 95 % interval over items, its distance from the first run's, and its chance level, untrained
    value, baselines, controls and references; then, of the items that all runs judged, each number that they have per
    item, with the interval of the paired difference. --html adds bars, learning curves and all media side by side.
    """
    from mmx.cli.output import print_table
    from mmx.runs.history import find_run, read_run

    if len(names) < 2:
        raise UserError("compare what with what? mmx compare RUN RUN...; a RUN is a folder, an id, or latest")
    records = [read_run(find_run(name, runs)) for name in names]
    for problem in (line for record in records for line in record.problems):
        click.echo(f"warning: {printable(problem)}", err=True)
    headers = [record.folder.name for record in records]
    found = [(title, remark, list(table)) for title, remark, table in _tables(records)]
    if html is not None:  # first of all: whoever reads what is printed may stop reading
        _write(html, headers, [(f"{title}: {told}" if told else title, rows) for title, told, rows in found], records)
    if as_json:
        click.echo(json.dumps(_plain(records, found), indent=2))
    for title, remark, rows in [] if as_json else found:
        if title != "run":
            click.echo()
        if remark:
            click.echo(remark)
        if rows:
            print_table((title, *headers), rows)
    if html is not None:
        click.echo(f"\npage: {html}", err=as_json)


def _plain(records: Sequence[Record], found: Sequence[tuple[str, str, list[list[str]]]]) -> dict[str, Any]:
    """Return the runs with their reports, and the differing values and the values by item as they are printed."""
    runs = [
        {"id": each.folder.name, "folder": str(each.folder), "status": each.status, "report": dict(each.report)}
        for each in records
    ]
    tables = {
        title: {"remark": remark, "rows": {name: cells for name, *cells in rows}} for title, remark, rows in found
    }
    return {"runs": runs, **{name: tables[name] for name in ("differs", "item by item") if name in tables}}


def _tables(records: Sequence[Record]) -> Iterator[tuple[str, str, Iterator[list[str]]]]:
    """Yield title, a remark and rows of each table; where there are neither rows nor a remark it is left out."""
    from mmx.studies.comparison import differences, facts, metrics
    from mmx.studies.pairing import doubts, paired, read_items, shared

    items = [read_items(record.folder) for record in records]
    yield "run", "", facts(records)
    experiments = sorted({str(record.config.get("name")) for record in records})
    if len(experiments) > 1:
        yield (
            "differs",
            f"{' and '.join(experiments)} are different experiments; their values are not compared",
            iter(()),
        )
    elif differing := list(differences(records)):
        yield "differs", "", iter(differing)
    else:
        yield "differs", "no value of the configuration differs, seed and preset aside", iter(())
    if any(record.metrics for record in records):
        yield "metric", "", metrics(records)
    if len(experiments) == 1 and (rows := list(paired(items))):
        unsure = doubts(records)
        doubt = f"; one id may mean two items: not the same {' and '.join(unsure)}" if unsure else ""
        yield "item by item", f"{len(shared(items))} items were judged by all of them{doubt}", iter(rows)


def _write(
    page: Path, headers: Sequence[str], tables: Sequence[tuple[str, list[list[str]]]], records: Sequence[Record]
) -> None:
    from mmx.studies.comparison_html import comparison_page
    from mmx.support.files import write_text

    try:
        write_text(page, comparison_page(headers, tables, records, page))
    except OSError as error:
        raise UserError(f"{page}: cannot be written: {error.strerror or error}") from error
