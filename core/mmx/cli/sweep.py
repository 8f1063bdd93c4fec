"""`mmx sweep NAME`: many runs of one experiment and one table."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mmx.cli import many_runs
from mmx.cli.context import open_catalog, state_of
from mmx.errors import ConfigError, MmxError, UserError
from mmx.support.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmx.config.catalog import Catalog
    from mmx.studies.sweep import Outcome, Plan, Trial
    from mmx.tracking.tracker import Tracker

WAIT: float = 20.0
"""Seconds to wait for MLflow to know the sweep, so that its runs can be nested in it."""


@click.command("sweep")
@click.argument("name", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE,...]...")
@click.option("--preset", "presets", default="", metavar="NAME,...", help="One preset, or several to compare.")
@click.option("--seeds", default="", metavar="N,...", help="Seeds; each combination is run with each.")
@click.option("--trials", type=click.IntRange(min=1), default=10, show_default=True, help="Draws of log(), ... values.")
@click.option("--draw-seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of these draws.")
@click.option("--metrics", default="", metavar="NAME,...", help="Columns of the table; default: the primary metric.")
@many_runs.options
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    overrides: tuple[str, ...],
    presets: str,
    seeds: str,
    jobs: int,
    trials: int,
    draw_seed: int,
    metrics: str,
    runs: Path,
    no_tracking: bool,
    dry_run: bool,
) -> None:
    """Run experiment NAME with every combination of values, e.g. `mmx sweep soundnet stages.distill.steps=200,400`.

    KEY=A,B,C takes each value; KEY=log(1e-4,1e-1), uniform(0,1) or int(1,8) draws one per trial; KEY=VALUE is the same
    for all. Each run is a process of its own: one that fails stops no other. In MLflow they are nested in one run.
    """
    from mmx.studies.sweep import read_plan

    if name is None:
        raise UserError("which experiment? mmx sweep NAME KEY=A,B; see: mmx ls")
    plan = read_plan(overrides, presets, seeds)
    chosen = plan.trials(trials, draw_seed)
    check(open_catalog(ctx), name, chosen)
    if dry_run:
        show(name, chosen)
        return
    conclude(conduct(ctx, name, plan, chosen, runs, jobs=jobs, tracking=not no_tracking), metrics)


class Conducted(NamedTuple):
    """A sweep whose runs have ended.

    Attributes:
        outcomes: How each ended, in order.
        folder: The sweep's own folder.
        tracker: The run of MLflow that they are nested in.
        stopped: It was interrupted.
    """

    outcomes: Sequence[Outcome]
    folder: Path
    tracker: Tracker | None
    stopped: bool


def conduct(
    ctx: click.Context, name: str, plan: Plan, chosen: Sequence[Trial], runs: Path, *, jobs: int, tracking: bool
) -> Conducted:
    """Run all trials of an experiment, each as a process, and tell how each ends."""
    from mmx.studies.sweep import Sweep

    folder = _new_folder(runs, name)
    tracker = _tracker(open_catalog(ctx), name, folder, plan, len(chosen), tracking)
    state = state_of(ctx)
    before = [part for path in state.plugin_dirs for part in ("--plugin-dir", str(path))]
    before += ["--trust-plugins"] if state.trust else []
    before += ["--strict-plugins"] if state.strict else []
    sweep = Sweep(
        name,
        folder,
        runs,
        (before, [] if tracking else ["--no-tracking"]),
        None if tracker is None else _known(tracker),
        jobs,
    )
    click.echo(f"{len(chosen)} runs of {name}, {jobs} at a time; output in {os.path.relpath(folder)}", err=True)
    outcomes = sweep.run(chosen, lambda outcome: click.echo(_line(outcome, len(chosen)), err=True))
    return Conducted(outcomes, folder, tracker, sweep.stopped)


def check(catalog: Catalog, name: str, trials: Sequence[Trial]) -> None:
    """Resolve every trial, so that a mistake costs nothing.

    Raises:
        ConfigError: What is wrong, each fault once.
    """
    problems: dict[str, None] = {}
    for trial in trials:
        try:
            catalog.resolve(name, preset=trial.preset, overrides=trial.overrides, settings={"seed": trial.seed})
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(list(problems))


def show(name: str, trials: Sequence[Trial]) -> None:
    """Print the command line of every trial."""
    for trial in trials:
        preset = [] if trial.preset == "default" else ["--preset", trial.preset]
        seed = [] if trial.seed is None else ["--seed", str(trial.seed)]
        click.echo(shlex.join(["mmx", "run", name, *trial.overrides, *preset, *seed]))


def _new_folder(runs: Path, name: str) -> Path:
    from mmx.runs.session import new_folder

    return new_folder(runs.absolute(), name, "sweep-")


def _tracker(catalog: Catalog, name: str, folder: Path, plan: Plan, count: int, enabled: bool) -> Tracker | None:
    """Open the run that the others are nested in."""
    from mmx.tracking.tracker import Tracker

    settings = catalog.tracking()
    if not enabled or not settings.get("enabled", True):
        return None
    tracker = Tracker.open(
        folder,
        experiment=name,
        run_name=folder.name,
        uri=settings.get("uri"),
        warn=lambda line: click.echo(line, err=True),
    )
    values: dict[str, Any] = {axis.key: ",".join(axis.values) for axis in plan.axes}
    values |= {each.key: f"{each.kind}({each.low:g},{each.high:g})" for each in plan.ranges}
    values |= {"presets": ",".join(plan.presets), "fixed": " ".join(plan.fixed), "runs": count}
    note = f"**A sweep of {count} runs**, nested below. `sweep.md` (artifacts) is their table."
    tracker.start(params={f"sweep.{key}": value for key, value in values.items()}, tags={}, note=note, dataset=None)
    return tracker


def _known(tracker: Tracker) -> str | None:
    """Return the sweep's run in MLflow; None, with one line, where MLflow does not answer in time."""
    begun = time.monotonic()
    while tracker.run_id is None and not tracker.problems and time.monotonic() - begun < WAIT:
        time.sleep(0.05)
    if tracker.run_id is None:
        click.echo("MLflow does not know the sweep yet: its runs will not be nested in it", err=True)
    return tracker.run_id


def _line(outcome: Outcome, count: int) -> str:
    """Return one line about a run that has ended."""
    trial = outcome.trial
    what = " ".join(f"{key}={value}" for key, value in trial.shown.items()) or trial.preset
    seed = "" if trial.seed is None else f" seed {trial.seed}"
    if outcome.error or outcome.report is None:
        return f"[{trial.number}/{count}] {what}{seed}: FAILED: {outcome.error}"
    first = outcome.report["metrics"][0] if outcome.report["metrics"] else {"name": "no metric", "value": None}
    value = "-" if first["value"] is None else f"{first['value']:.4g}"
    return f"[{trial.number}/{count}] {what}{seed}: {first['name']} {value}, {outcome.report['verdict']}"


def conclude(sweep: Conducted, metrics: str = "") -> None:
    """Print, write and send the table.

    Raises:
        MmxError: A run failed.
    """
    from mmx.cli.output import print_table
    from mmx.studies.sweep import markdown, rows
    from mmx.support import files

    outcomes, folder, tracker, stopped = sweep
    table = list(rows(outcomes, [part for part in metrics.split(",") if part]))
    print_table(table[0], table[1:])
    files.write_text(folder / "sweep.md", markdown(table))
    files.write_text(folder / "sweep.json", json.dumps([_described(outcome) for outcome in outcomes], indent=1))
    failed = [outcome for outcome in outcomes if outcome.error]
    if tracker is not None:
        for path in (folder / "sweep.md", folder / "sweep.json"):
            tracker.artifact(path)
        tracker.metrics(0, {"sweep/runs": float(len(outcomes)), "sweep/failed": float(len(failed))})
        tracker.finish("interrupted" if stopped else "failed" if failed else "completed")
    click.echo(f"table: {os.path.relpath(folder / 'sweep.md')}")
    if tracker is not None and tracker.link:
        click.echo(f"mlflow: {printable(tracker.link)}")
    if stopped:
        raise SystemExit(130)
    if failed:
        log = os.path.relpath(folder / f"{failed[0].trial.number:03d}.log")
        raise MmxError(f"{len(failed)} of {len(outcomes)} runs failed; see {log}")


def _described(outcome: Outcome) -> dict[str, Any]:
    trial = outcome.trial
    return {
        "number": trial.number,
        "preset": trial.preset,
        "overrides": list(trial.overrides),
        "seed": trial.seed,
        "folder": None if outcome.folder is None else os.path.relpath(outcome.folder),
        "error": outcome.error,
        "cpu_seconds": round(outcome.cpu_seconds, 1),
        "report": outcome.report,
    }
