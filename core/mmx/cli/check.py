"""`mmx check NAME`: checks of an experiment before it is run, or of a plugin against the interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mmx.cli.context import open_catalog
from mmx.config.merging import NO_PRESET
from mmx.errors import UnknownNameError, UserError, did_you_mean
from mmx.plugins.discovery import found_here

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.testing import Check, Finding


@click.command("check")
@click.argument("name")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--preset", default=None, help="Which variant of the experiment.")
@click.option("--all-presets", "every", is_flag=True, help="Of an experiment: build and try every preset, a line each.")
@click.option("--no-run", is_flag=True, help="For a plugin: leave out the smoke runs of its experiments.")
@click.option("--failures", is_flag=True, help="Show only what does not hold.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    overrides: tuple[str, ...],
    preset: str | None,
    every: bool,
    no_run: bool,
    failures: bool,
) -> None:
    """Check experiment NAME, or everything in plugin NAME, and say what does not hold.

    Of an experiment every preset is validated, and the one that --preset names is built: one batch of each stage goes
    forwards and backwards. With --all-presets each is; `paper` and `paper-...` are only built, and those whose weights
    or data are not here only validated. Of a plugin every part is held to its contract, and each experiment is run at
    its smoke preset. A name that is both is checked as a plugin, unless KEY=VALUE or a preset is given. Nothing is
    kept; the exit code is 1 when something does not hold.
    """
    if every and preset is not None:
        raise UserError("--all-presets tries every preset: no --preset beside it")
    catalog = open_catalog(ctx)
    found = list(_findings(catalog, name, preset, overrides, every=every, runs=not no_run))
    broken = [finding for finding in found if not finding.ok]
    _show(broken if failures else found)
    skipped = sum(finding.skipped for finding in found)
    click.echo(f"{len(found) - len(broken) - skipped} hold, {len(broken)} do not, {skipped} could not be checked")
    if broken:
        ctx.exit(1)


def _findings(
    catalog: Catalog, name: str, preset: str | None, overrides: tuple[str, ...], *, every: bool, runs: bool
) -> Iterator[Finding]:
    experiments = catalog.names()
    plugins = [record.name for record in catalog.plugins.records]
    if name not in experiments and name not in plugins:
        hint = did_you_mean(name, list(dict.fromkeys([*experiments, *plugins]))) + found_here(name)
        raise UnknownNameError(f"no experiment or plugin {name!r}{hint}; see: mmx ls, mmx plugins")
    if every and name in experiments:
        from mmx.testing.presets import preset_checks

        return _each(preset_checks(catalog, name, overrides))
    if name in plugins and (name not in experiments or not (overrides or preset or every)):
        if overrides or preset or every:
            raise UserError(f"{name} is a plugin; KEY=VALUE, --preset and --all-presets are for experiments: mmx ls")
        from mmx.testing.kit import plugin_checks

        return _each(plugin_checks(catalog, name, runs=runs))
    return _of_experiment(catalog, name, preset or NO_PRESET, overrides)


def _of_experiment(catalog: Catalog, name: str, preset: str, overrides: tuple[str, ...]) -> Iterator[Finding]:
    """Yield what there is to say about all presets, and about the one that is asked for.

    Raises:
        ConfigError: The one that is asked for is not valid, so that nothing can be built.
    """
    from mmx.testing.presets import check_presets

    resolved = catalog.resolve(name, preset=preset, overrides=overrides)
    yield from check_presets(catalog, name)
    from mmx.testing.experiments import examine

    yield from examine(resolved.experiment, catalog.plugins.registry)


def _each(checks: list[Check]) -> Iterator[Finding]:
    """Do the checks one after another, and on a terminal say which one is at work."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:
        for number, check in enumerate(checks, 1):
            status.update(f"{number} of {len(checks)}: {check.name}")
            yield from check.findings()


def _show(findings: list[Finding]) -> None:
    from mmx.cli.output import print_table

    told: set[str] = set()
    rows = []
    for each in findings:
        # What is wrong with a part is met again wherever it is used; saying it once is enough.
        again = not each.ok and each.detail in told
        told |= set() if each.ok else {each.detail}
        mark = "skip" if each.skipped else "ok" if each.ok else "FAIL"
        rows.append((mark, each.what, "the same" if again else each.detail))
    if rows:
        print_table(("", "check", "finding"), rows)
