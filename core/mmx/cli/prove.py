"""`mmx prove NAME`: is an experiment better than its controls, over several seeds?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmx.cli.context import open_catalog
from mmx.errors import TrainingError, UserError

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.studies.sweep import Trial


@click.command("prove")
@click.argument("name")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--controls", default="", metavar="NAME,...", help="Presets to beat; default: the experiment's own.")
@click.option("--seeds", default="0,1,2", show_default=True, metavar="N,...", help="Two or more.")
@click.option("--no-overfit", is_flag=True, help="Do not ask first whether each stage can learn one batch by heart.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at the same time.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders go.")
@click.option("--no-tracking", is_flag=True, help="Write journals only; `mmx sync` can send them later.")
@click.option("--dry-run", is_flag=True, help="Check and show what would run; compute nothing.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    overrides: tuple[str, ...],
    controls: str,
    seeds: str,
    no_overfit: bool,
    jobs: int,
    runs: Path,
    no_tracking: bool,
    dry_run: bool,
) -> None:
    """Run NAME and its control presets with several seeds, e.g. `mmx prove soundnet --seeds 0,1,2`, and compare.

    It is proven where its primary metric lies above chance, floor, every control of its report and every control preset
    by more than two standard deviations of that gap over seeds. First each stage must learn one batch by heart: where
    its loss does not fall even then, nothing is run. KEY=VALUE holds for all runs. The exit code is 1 where it is not
    proven.
    """
    from mmx.cli import sweep
    from mmx.cli.output import print_table
    from mmx.studies.seed_test import prove
    from mmx.studies.sweep import markdown, read_plan
    from mmx.support import files

    catalog = open_catalog(ctx)
    plan = read_plan(overrides, ",".join(["default", *_controls(catalog, name, controls)]), seeds)
    if len(set(plan.seeds)) < 2 or plan.axes or plan.ranges:
        raise UserError("prove needs two or more different --seeds, and one value per KEY; for several: mmx sweep")
    trials = plan.trials(1, 0)
    sweep.check(catalog, name, trials)
    if dry_run:
        sweep.show(name, trials)
        return
    learned = [] if no_overfit else list(_overfit(catalog, name, trials[0]))
    done = sweep.conduct(ctx, name, plan, trials, runs, jobs=jobs, tracking=not no_tracking)
    proof = prove(done.outcomes)
    table = list(proof.rows())
    page = files.write_text(done.folder / "proof.md", _page(name, proof.verdict, learned, markdown(table)))
    if done.tracker is not None:
        done.tracker.artifact(page)
    print_table(table[0], table[1:])
    click.echo(f"verdict: {proof.verdict}")
    sweep.conclude(done)
    if proof.verdict != "proven":
        ctx.exit(1)


def _overfit(catalog: Catalog, name: str, trial: Trial) -> Iterator[str]:
    """Yield a line per stage: what its loss on a few items becomes when it is trained on nothing else.

    Raises:
        TrainingError: It does not fall.
    """
    from mmx.testing.overfit import check_overfit

    resolved = catalog.resolve(name, preset=trial.preset, overrides=trial.overrides, settings={"seed": trial.seed})
    for finding in check_overfit(resolved.experiment, catalog.plugins.registry):
        line = f"{finding.what}: {finding.detail}"
        if not finding.ok:
            raise TrainingError(f"not proven: {line}; nothing was run; look first: mmx check {name}")
        click.echo(line, err=True)
        yield line


def _page(name: str, verdict: str, learned: Sequence[str], table: str) -> str:
    first = "".join(f"- {line}\n" for line in learned)
    return f"# {name}: {verdict}\n\n{first}{chr(10) if first else ''}{table}"


def _controls(catalog: Catalog, name: str, given: str) -> list[str]:
    """Return the control presets that are asked for, else those of the experiment.

    Raises:
        UserError: There are none.
    """
    catalog.resolve(name)  # an unknown name, or a wrong list of controls
    info = next(info for info in catalog.experiments() if name in (info.name, f"{info.plugin}:{info.name}"))
    chosen = [part for part in given.split(",") if part] or list(info.controls)
    if not chosen:
        known = f"presets: {', '.join(info.presets)}" if info.presets else "it has no presets"
        raise UserError(f"{name} names no controls; say which presets: --controls NAME,... ({known})")
    return chosen
