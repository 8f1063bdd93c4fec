"""`mmx check NAME`: would an experiment, or a plugin's components, work?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from mmx.cli.context import open_catalog
from mmx.errors import MmxError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from mmx.catalog import Catalog
    from mmx.testing import Finding


@click.command("check")
@click.argument("name")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--preset", default="default", help="Which variant of the experiment.")
@click.pass_context
def command(ctx: click.Context, name: str, overrides: tuple[str, ...], preset: str) -> None:
    """Build experiment NAME, or every component of plugin NAME, and say what does not hold.

    Nothing is trained or kept; the exit code is 1 when something does not hold.
    """
    catalog = open_catalog(ctx)
    findings = list(_findings(catalog, name, preset, overrides))
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark} {finding.what}{': ' if finding.detail else ''}{finding.detail}")
    if not all(finding.ok for finding in findings):
        ctx.exit(1)


def _findings(catalog: Catalog, name: str, preset: str, overrides: tuple[str, ...]) -> Iterable[Finding]:
    experiments = [info.name for info in catalog.experiments()]
    plugins = [record.name for record in catalog.plugins.records]
    if name in experiments or name not in plugins:
        if name not in experiments:
            hint = did_you_mean(name, [*experiments, *plugins])
            raise UnknownNameError(f"no experiment or plugin {name!r}{hint}; see: mmx ls, mmx plugins")
        resolved = catalog.resolve(name, preset=preset, overrides=overrides)
        from mmx.testing.experiments import examine

        return examine(resolved.experiment, catalog.plugins.registry)
    return _components(catalog, name)


def _components(catalog: Catalog, plugin: str) -> Iterable[Finding]:
    from mmx.schema import signature
    from mmx.testing import Finding

    for entry in catalog.plugins.registry.entries():
        if entry.plugin != plugin:
            continue
        try:
            entry.load()
            known = signature(entry.target)
        except MmxError as error:
            yield Finding(f"{entry.kind} {entry.name}", False, str(error))
        else:
            yield Finding(f"{entry.kind} {entry.name}", bool(known.summary), known.summary or "has no docstring")
