"""`mmx plugins`: the plugins that were found, their state, and why one was not loaded.

`--check` looks further: does every name that a plugin registers lead somewhere, is every experiment valid at every
preset? All of it is read, nothing is built; `mmx check NAME` builds and runs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.context import open_catalog, open_plugins
from mmx.cli.output import print_table
from mmx.config.sources import SHIPPED, USER
from mmx.errors import MmxError, PluginError
from mmx.support.text import one_line, printable

if TYPE_CHECKING:
    from mmx.plugins.commands import Command
    from mmx.plugins.loader import PluginRecord, Plugins
    from mmx.registry.registry import Entry

SLOW = 0.1
"""Seconds after which an import is worth a remark."""
HEADERS = ("name", "distribution", "version", "api", "state", "components", "experiments", "load ms", "reason")


@click.command("plugins")
@click.option(
    "--check", is_flag=True, help="Look up every target and experiment too; exit with 1 if a plugin does not work."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks, and what plugins printed while they were loaded.")
@click.pass_context
def command(ctx: click.Context, check: bool, as_json: bool, verbose: bool) -> int:
    """List plugins with their state, and why one does not load."""
    plugins = open_plugins(ctx)
    _count_experiments(ctx, plugins)
    if check:
        plugins.notes += [*_lost_targets(plugins), *_wrong_experiments(ctx)]
    if as_json:
        click.echo(json.dumps({"plugins": [_fields(r) for r in plugins.records], "notes": plugins.notes}, indent=2))
    else:
        print_table(HEADERS, map(_row, plugins.records))
        for note in plugins.notes:
            click.echo(f"note: {printable(note)}")
    if verbose and not as_json:
        for record in plugins.records:
            _details(record)
    return int(check and bool(plugins.problems))


def _count_experiments(ctx: click.Context, plugins: Plugins) -> None:
    """Fill in the number of experiments; files that cannot be read are `mmx ls`'s to complain about."""
    try:
        found = open_catalog(ctx).experiments()
    except MmxError:
        return
    names = {record.name for record in plugins.records}
    # What mmx ships stands in one file; an experiment in it belongs to the plugin that it is named after.
    owners = [info.name if info.plugin == SHIPPED and info.name in names else info.plugin for info in found]
    counts = Counter(owners)
    for record in plugins.records:
        record.experiments = counts[record.name] if record.state == "ok" else 0


def _lost_targets(plugins: Plugins) -> Iterator[str]:
    """Yield one line per component and command whose module or attribute is not there."""
    for entry in plugins.registry.entries():
        yield from _lost(entry.kind, entry)
    for command in plugins.commands.values():
        yield from _lost("command", command)


def _lost(kind: str, named: Entry | Command) -> Iterator[str]:
    from mmx.registry.schema import signature

    try:
        signature(named.target)
    except PluginError as error:
        yield f"plugin {named.plugin!r} ({named.distribution}): {kind} {named.name!r}: {error}"


def _wrong_experiments(ctx: click.Context) -> Iterator[str]:
    """Yield what is wrong with the experiments of plugins, at any preset; a user's own are `mmx check`'s."""
    from mmx.testing.presets import check_presets

    try:
        catalog = open_catalog(ctx)
    except MmxError:
        return
    for info in catalog.experiments():
        if info.plugin not in (USER, SHIPPED):
            for finding in check_presets(catalog, info.name):
                if not finding.ok:
                    yield f"plugin {info.plugin!r}: experiment {finding.what}: {finding.detail}"


def _remark(record: PluginRecord) -> str:
    """Say what is wrong, or what is not wrong but should be better."""
    if record.reason:
        return record.reason
    remarks = []
    if record.seconds > SLOW:
        remarks.append("slow to import")
    if record.heavy:
        remarks.append(f"imports {', '.join(record.heavy)}")
    if record.noise:
        remarks.append(f"prints {one_line(record.noise, 60)!r}")
    return "; ".join(remarks)


def _row(record: PluginRecord) -> tuple[object, ...]:
    api = "-" if record.api is None else record.api
    milliseconds = f"{record.seconds * 1000:.1f}"
    counts = (record.components, record.experiments)
    return (record.name, record.distribution, record.version, api, record.state, *counts, milliseconds, _remark(record))


def _fields(record: PluginRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "module": record.module,
        "distribution": record.distribution,
        "version": record.version,
        "api": record.api,
        "state": record.state,
        "phase": record.phase,
        "reason": _remark(record),
        "components": record.components,
        "experiments": record.experiments,
        "load_ms": round(record.seconds * 1000, 1),
        "heavy": list(record.heavy),
        "noise": record.noise,
        "traceback": record.traceback,
    }


def _details(record: PluginRecord) -> None:
    for title, text in (("printed", record.noise), ("failed in " + record.phase, record.traceback)):
        if text:
            click.echo(f"\n{record.name} {title}:\n{printable(text.rstrip())}")
