"""`mmx ls [KIND]`: experiments and components by name. Reads YAML and source text; validates and imports nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.context import open_catalog
from mmx.cli.output import print_table
from mmx.errors import MmxError, UnknownNameError, UserError, did_you_mean
from mmx.registry.registry import KINDS, Kind, plural
from mmx.support.text import one_line, printable

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, ExperimentInfo
    from mmx.registry.registry import Registry

Row = Mapping[str, Any]

COMPONENTS: Mapping[str, Kind] = {plural(kind): kind for kind in KINDS}
SECTIONS = ("experiments", *COMPONENTS, "assets")
COLUMNS: Mapping[str, Sequence[str]] = {
    "experiments": ("name", "year", "presets", "seconds", "plugin", "summary"),
    "assets": ("name", "size_mb", "licence", "summary"),
}
OF_COMPONENTS = ("name", "plugin", "summary")


@click.command("ls")
@click.argument("kind", default="experiments")
@click.option("--suite", metavar="SUITE", default=None, help="Only the experiments of this suite, in its order.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, kind: str, suite: str | None, as_json: bool) -> None:
    """List experiments, or what KIND says: encoders, fusers, heads, objectives, corpora, tasks, ..., assets, all.

    Presets are counted here and named by: mmx show NAME --presets. Seconds are those of the recorded default run.
    """
    sections = SECTIONS if kind == "all" else (_section(kind),)
    if suite is not None and sections != ("experiments",):
        raise UserError(f"a suite is a list of experiments, not of {kind}: mmx ls --suite {suite}")
    catalog = open_catalog(ctx)
    found = {section: list(rows(catalog, section)) for section in sections}
    if suite is not None:
        by_name = {row["name"]: row for row in found["experiments"]}
        found["experiments"] = [by_name[name] for name in catalog.suite(suite)]
    if as_json:
        click.echo(json.dumps(found if kind == "all" else found[sections[0]], indent=2))
    else:
        _show(found)
    told = {record.problem for record in catalog.plugins.records if record.state == "untrusted"}  # when it was opened
    for problem in catalog.plugins.problems:
        if problem not in told:
            click.echo(f"warning: {printable(problem)}; see: mmx plugins", err=True)


def rows(catalog: Catalog, section: str) -> Iterator[Row]:
    """Yield what a section lists: one mapping of plain values per name."""
    if section == "experiments":
        measured = catalog.measured()
        yield from (_experiment(info, measured.get((info.name, "default"))) for info in catalog.experiments())
    elif section == "assets":
        yield from _assets(catalog.plugins.registry)
    else:
        yield from _components(catalog.plugins.registry, COMPONENTS[section])


def _section(kind: str) -> str:
    """Return the section that a word means, in the singular or the plural.

    Raises:
        UnknownNameError: It means none.
    """
    words = {section: section for section in SECTIONS} | {kind: section for section, kind in COMPONENTS.items()}
    words |= {"experiment": "experiments", "asset": "assets"}
    if kind not in words:
        known = [*SECTIONS, "all"]
        raise UnknownNameError(f"nothing of kind {kind!r}{did_you_mean(kind, known)}; mmx ls lists: {', '.join(known)}")
    return words[kind]


def _experiment(info: ExperimentInfo, seconds: float | None) -> Row:
    return {
        "name": info.name,
        "year": info.paper.get("year"),
        "presets": list(info.presets),
        "seconds": None if seconds is None else round(seconds),
        "plugin": info.plugin,
        "summary": f"broken: {info.problem}" if info.problem else info.summary,
        "paper": info.paper,
        "origin": info.origin,
    }


def _components(registry: Registry, kind: Kind) -> Iterator[Row]:
    from mmx.registry.schema import signature

    for entry in registry.entries(kind):
        try:
            summary = signature(entry.target).summary
        except MmxError as error:
            summary = f"broken: {one_line(str(error))}"
        yield {
            "name": entry.name,
            "plugin": entry.plugin,
            "summary": summary,
            "distribution": entry.distribution,
            "target": entry.target,
        }


def _assets(registry: Registry) -> Iterator[Row]:
    for name in sorted(registry.assets):
        asset = registry.assets[name]
        yield {"name": name, "size_mb": asset.size_mb, "licence": asset.licence, "summary": asset.summary}


def _show(found: Mapping[str, Sequence[Row]]) -> None:
    for section, listed in found.items():
        if len(found) > 1:
            click.echo(f"{section}:" if listed else f"{section}: none")
        elif not listed:
            click.echo(f"no {section}; see: mmx plugins")
        if listed:
            columns = COLUMNS.get(section, OF_COMPONENTS)
            cells = ([_cell(column, row[column]) for column in columns] for row in listed)
            print_table([column.replace("_", " ") for column in columns], cells)
        if len(found) > 1:
            click.echo()


def _cell(column: str, value: object) -> str:
    if column == "seconds" and value is None:
        return "not measured"
    if isinstance(value, list):  # twenty names of presets would push everything else off the screen
        return str(len(value))
    return "" if value is None else str(value)
