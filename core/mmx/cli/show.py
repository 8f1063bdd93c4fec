"""`mmx show NAME`: everything about one experiment, resolved, or about one component."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.completion import complete_named, complete_override, complete_preset
from mmx.cli.context import open_catalog
from mmx.cli.described import DescribedCommand, show_caveats
from mmx.cli.output import print_table
from mmx.errors import UnknownNameError, UserError, did_you_mean
from mmx.registry.registry import STANDARD, Entry
from mmx.support.text import printable, shown

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.config.resolve import Resolved
    from mmx.registry.registry import Registry
    from mmx.registry.schema import Param

PARAMETERS = ("parameter", "type", "default", "range", "help")


@click.command("show", cls=DescribedCommand)
@click.argument("name", shell_complete=complete_named)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete_override)
@click.option("--preset", default="default", help="Which variant of the experiment.", shell_complete=complete_preset)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option(
    "--presets", is_flag=True, help="List the presets: what each is, and the seconds that it was measured to take."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    overrides: tuple[str, ...],
    preset: str,
    origin: bool,
    presets: bool,
    as_json: bool,
) -> None:
    """Show experiment NAME as a run would see it, or component NAME with its parameters.

    KEY=VALUE and --preset change the experiment as in `mmx run`.
    """
    catalog = open_catalog(ctx)
    components = components_named(catalog.plugins.registry, name)
    if "/" in name or (components and name not in catalog.names()):
        if not components:
            raise _unknown(catalog, name)
        if overrides or preset != "default" or origin or presets:
            told = "KEY=VALUE, --preset, --presets and --origin are for experiments"
            raise UserError(f"{name} is a component; {told}: mmx ls")
        if as_json:
            click.echo(json.dumps([component_as_json(entry) for entry in components], indent=2))
            return
        for entry in components:
            show_component(entry)
        return
    if ":" not in name and name not in catalog.names() and not any(n.endswith(f":{name}") for n in catalog.names()):
        raise _unknown(catalog, name)
    if presets:
        show_presets(catalog, name, as_json)
        return
    resolved = catalog.resolve(name, preset=preset, overrides=overrides)
    if as_json:
        flat = resolved.flat()
        values = {key: {"value": flat[key], "origin": resolved.origins[key]} for key in flat} if origin else flat
        click.echo(json.dumps(values, indent=2, default=str))
    elif origin:
        show_origins(resolved)
    else:
        click.echo(printable(resolved.to_yaml()), nl=False)
        others = next((info.presets for info in catalog.experiments() if info.name == name), ())
        if others:
            click.echo(f"# presets: default, {', '.join(map(printable, others))} (mmx show {name} --presets)")
        show_caveats(catalog, resolved)


def components_named(registry: Registry, name: str) -> list[Entry]:
    """Return the components of any kind that `name` means; without a slash it means the standard library's."""
    full = name if "/" in name else f"{STANDARD}/{name}"
    return [entry for entry in registry.entries() if entry.name == full]


def show_presets(catalog: Catalog, name: str, as_json: bool) -> None:
    """Print the presets of an experiment: what each is, whether it is a control, and its measured seconds."""
    bare = name if name in catalog.names() else next(each for each in catalog.names() if each.endswith(f":{name}"))
    info = next(info for info in catalog.experiments() if info.name == bare)
    measured = catalog.measured()
    rows = [
        {
            "preset": each,
            "control": each in info.controls,
            "seconds": measured.get((info.name, each)),
            "summary": info.summary if each == "default" else info.preset_summaries.get(each, ""),
        }
        for each in dict.fromkeys(["default", *info.presets])
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    print_table(
        ("preset", "control", "seconds", "summary"),
        ((row["preset"], "yes" if row["control"] else "", _seconds(row["seconds"]), row["summary"]) for row in rows),
    )
    click.echo("seconds: of the run whose result is stored with the experiment, on 2 CPU cores")


def _seconds(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) else "not measured"


def component_as_json(entry: Entry) -> dict[str, Any]:
    """Return a component with its parameters as plain values.

    Raises:
        PluginError: It cannot be read.
    """
    from mmx.registry.schema import signature

    known = signature(entry.target)
    return {
        "kind": entry.kind,
        "name": entry.name,
        "plugin": entry.plugin,
        "summary": known.summary,
        "source": f"{_relative(known.file)}:{known.line}",
        "parameters": [dict(zip(PARAMETERS, _row(param), strict=True)) for param in known.params.values()],
    }


def show_origins(resolved: Resolved) -> None:
    """Print every value of an experiment with where it comes from."""
    flat = resolved.flat()
    print_table(("key", "value", "origin"), [(key, shown(flat[key]), resolved.origins[key]) for key in flat])


def show_component(entry: Entry) -> None:
    """Print a component: what it is, where it is, what it takes.

    Raises:
        PluginError: It cannot be read.
    """
    from mmx.registry.schema import signature

    known = signature(entry.target)
    click.echo(f"{entry.kind} {entry.name}: {printable(known.summary)}")
    click.echo(f"  plugin  {entry.plugin} ({printable(entry.distribution)})")
    click.echo(f"  source  {_relative(known.file)}:{known.line}")
    body = known.doc.partition("\n")[2].partition("\nArgs:")[0].strip()
    if body:
        click.echo(f"\n{printable(body)}")
    if known.params:
        click.echo()
        print_table(PARAMETERS, map(_row, known.params.values()))
    else:
        click.echo("\nIt takes no parameters.")
    if known.extra:
        click.echo("Further parameters are passed on.")


def _row(param: Param) -> Sequence[str]:
    return param.name, param.annotation, _default(param), param.constraint, param.help


def _default(param: Param) -> str:
    from mmx.registry.schema import Expression

    if param.filled:
        return "filled in"
    if param.required:
        return "required"
    return param.default.text if isinstance(param.default, Expression) else shown(param.default)


def _relative(file: Path) -> str:
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


def _unknown(catalog: Catalog, name: str) -> UnknownNameError:
    known = [*catalog.names(), *(entry.name for entry in catalog.plugins.registry.entries())]
    failed = catalog.plugins.registry.failed
    hint = f"; plugins that failed to load: {', '.join(failed)} (mmx plugins)" if failed else ""
    return UnknownNameError(f"no experiment or component {name!r}{did_you_mean(name, known)}{hint}; see: mmx ls all")
