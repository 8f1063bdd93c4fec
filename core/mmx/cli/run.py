"""`mmx run NAME`: training and evaluation of one experiment."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli import suite as suites
from mmx.cli.completion import complete_experiment, complete_override, complete_preset, complete_run
from mmx.cli.context import open_catalog
from mmx.cli.described import DescribedCommand
from mmx.cli.output import console
from mmx.errors import TrainingError, UserError
from mmx.support import run_files
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, Resolved
    from mmx.runs.progress import Display
    from mmx.runs.session import Result
    from mmx.types import Report


@click.command("run", cls=DescribedCommand, context_settings={"ignore_unknown_options": False})
@click.argument("name", required=False, shell_complete=complete_experiment)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=complete_override)
@suites.option
@click.option(
    "--preset",
    default=None,
    help="Named variant: smoke, paper, a control, ... (mmx show NAME --presets lists them).",
    shell_complete=complete_preset,
)
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Seed of everything that draws.")
@click.option("--device", default=None, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders go.")
@click.option(
    "--resume",
    metavar="RUN",
    default=None,
    help="Continue a run: folder, id, 'latest', experiment or tag.",
    shell_complete=complete_run,
)
@click.option("--other-data", is_flag=True, help="With --resume: go on even if the data is not what it was.")
@click.option("--no-tracking", is_flag=True, help="Write the journal only; `mmx sync` can send it later.")
@click.option("--dry-run", is_flag=True, help="Check, show what would run, and try one batch; train nothing.")
@click.option("--plain", is_flag=True, help="Lines instead of moving bars (the default when not on a terminal).")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the last lines.")
@click.option("--all", "every", is_flag=True, help="Print every metric in full, not only the first one.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    overrides: tuple[str, ...],
    suite: str | None,
    preset: str | None,
    seed: int | None,
    device: str | None,
    runs: Path,
    resume: str | None,
    other_data: bool,
    no_tracking: bool,
    dry_run: bool,
    plain: bool,
    quiet: bool,
    every: bool,
) -> None:
    """Train and judge experiment NAME, e.g. `mmx run soundnet stages.distill.steps=200 --seed 3`.

    KEY=VALUE changes any value that `mmx show NAME` prints. `mmx run NAME --help` adds what NAME is not for. With
    --suite instead of NAME all its experiments are run, with the same flags; one that fails does not stop the next, and
    the exit code is 1 then.
    """
    name, overrides = suites.parted(name, overrides)
    settings = {key: value for key, value in (("seed", seed), ("device", device)) if value is not None}
    asked = Asked(open_catalog(ctx), overrides, preset, settings, runs, not no_tracking, dry_run, plain, quiet, every)
    if resume is not None:
        if overrides or settings or preset or suite:
            told = "no KEY=VALUE, --suite, --preset, --seed or --device beside it"
            raise UserError(f"--resume continues a run as it was: {told}")
        _resume(asked, resume, name, other_data)
        return
    if other_data:
        raise UserError("--other-data goes with --resume RUN; a new run takes the data that is there")
    names = suites.chosen(ctx, name, suite)
    if suite is None:
        _start(asked, names[0])
        return
    given = (*overrides, *(("--preset", preset) if preset else ()))
    suites.for_all(suite, names, given, partial(_resolved, asked))
    failed = suites.one_after_another(ctx, names, partial(_start, asked))
    if failed:
        click.echo(f"{len(failed)} of {len(names)} failed: {', '.join(failed)}", err=True)
        ctx.exit(1)


@dataclass(frozen=True)
class Asked:
    """What one call of `mmx run` asks for, beside the experiment.

    Attributes:
        catalog: All experiments.
        overrides: `key=value` texts.
        preset: One of the experiment's presets; None for the default.
        settings: Values of flags by the name of the setting.
        runs: Where run folders go.
        tracking: Send to the tracking server.
        dry_run: Show what would run, and try one batch.
        plain: Lines instead of moving bars.
        quiet: Only warnings and the last lines.
        every: Print every metric in full.
    """

    catalog: Catalog
    overrides: tuple[str, ...]
    preset: str | None
    settings: Mapping[str, Any]
    runs: Path
    tracking: bool
    dry_run: bool
    plain: bool
    quiet: bool
    every: bool


def _resolved(asked: Asked, name: str) -> Resolved:
    return asked.catalog.resolve(
        name, preset=asked.preset or "default", overrides=asked.overrides, settings=asked.settings
    )


def _start(asked: Asked, name: str) -> None:
    resolved = _resolved(asked, name)
    if asked.dry_run:
        click.echo(plan(resolved))
        click.echo(f"  measured  {_measured(asked, resolved)}")
        look_up(asked.catalog, resolved)
        _try(asked, resolved)
        return
    _perform(asked, resolved, new_run_folder(asked.runs, resolved), resume=False)


def _measured(asked: Asked, resolved: Resolved) -> str:
    """Return how long the preset took where a result of it is stored, or that nobody stored one."""
    name, preset = resolved.experiment.name, resolved.experiment.preset
    known = asked.catalog.measured()
    if (name, preset) in known:
        changed = " without your changes" if asked.overrides else ""
        return f"{known[name, preset]:.0f} s when its results were recorded{changed}"
    default = f"; the default took {known[name, 'default']:.0f} s" if (name, "default") in known else ""
    return f"never: no result of preset {preset} is stored{default}"


def look_up(catalog: Catalog, resolved: Resolved) -> None:
    """Build the parts, and look up the splits and targets that training and judging will need.

    Raises:
        MmxError: Parts do not fit, or the data lacks something.
    """
    from mmx.errors import AssetError
    from mmx.model.build import build
    from mmx.model.needed import look_up as look_up_data

    try:
        look_up_data(build(resolved.experiment, catalog.plugins.registry))
    except AssetError as error:  # the plan holds; what is missing is a command away
        click.echo(f"  missing   {error}")


def _try(asked: Asked, resolved: Resolved) -> None:
    """Build everything, learn from one batch and judge one.

    Raises:
        UserError: Something does not work.
    """
    from mmx.testing.presets import tried

    found = tried(
        f"{resolved.experiment.name}: one batch", resolved.experiment, asked.catalog.plugins.registry, strict=False
    )
    if not found.ok:
        changes = f"; your changes: {shlex.join(asked.overrides)}" if asked.overrides else ""
        again = shlex.join(["mmx", "check", resolved.experiment.name, *asked.overrides])
        raise UserError(f"{found.what} does not work: {found.detail}{changes}; see: {again}")
    click.echo(f"  {'not tried' if found.skipped else 'one batch works'}: {found.detail}")


def _resume(asked: Asked, run: str, name: str | None, other_data: bool) -> None:
    from mmx.runs.history import find_run
    from mmx.tracking import journal

    folder = find_run(run, asked.runs, name)
    place = os.path.relpath(folder)
    if journal.past(folder / run_files.JOURNAL).status == "completed" and (folder / run_files.REPORT).is_file():
        click.echo(printable(f"{place} is finished, there is nothing to resume; to judge it again: mmx eval {place}"))
        return
    _perform(asked, asked.catalog.restore(folder / run_files.CONFIG), folder, resume=True, other_data=other_data)


def _perform(asked: Asked, resolved: Resolved, folder: Path, *, resume: bool, other_data: bool = False) -> None:
    typed = _again(resolved, asked.overrides)
    shown = display(asked.plain, asked.quiet)
    options: dict[str, Any] = {"resume": resume, "tracking": asked.tracking, "other_data": other_data}
    result = perform(asked.catalog, resolved, folder, shown, typed, **options)
    if result is not None:
        conclude(result.folder, result.report, result.verdict, asked.quiet, result.link, every=asked.every)


def new_run_folder(runs: Path, resolved: Resolved) -> Path:
    """Return a new run folder, the same one in every process of a distributed run."""
    from mmx.runs.history import note_start
    from mmx.runs.session import new_folder

    shared = os.environ.get("TORCHELASTIC_RUN_ID")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or shared in (None, "none"):
        return new_folder(runs.absolute(), resolved.experiment.name)
    folder = runs.absolute() / resolved.experiment.name / f"torchrun-{shared}"
    folder.mkdir(parents=True, exist_ok=True)
    if os.environ.get("RANK", "0") == "0":
        note_start(runs.absolute(), folder)
    return folder


def _again(resolved: Resolved, overrides: tuple[str, ...]) -> str:
    """Return the command line that repeats the run."""
    experiment = resolved.experiment
    preset = [] if experiment.preset == "default" else ["--preset", experiment.preset]
    return shlex.join(["mmx", "run", experiment.name, *overrides, *preset, "--seed", str(experiment.settings.seed)])


def perform(
    catalog: Catalog,
    resolved: Resolved,
    folder: Path,
    shown: Display,
    command: str,
    *,
    resume: bool = False,
    tracking: bool = True,
    other_data: bool = False,
) -> Result | None:
    """Run an experiment in a folder, as `mmx.runs.session.execute` does; a run that is cut off says how to go on.

    Raises:
        SystemExit: It was interrupted.
        TrainingError: The disk is full.
    """
    from mmx.runs.session import execute
    from mmx.support.signals import Interrupted

    try:
        with shown:
            options: dict[str, Any] = {"resume": resume, "tracking": tracking, "other_data": other_data}
            return execute(resolved, catalog.plugins, folder, shown, command=command, **options)
    except Interrupted as stop:
        with suppress(OSError):  # the terminal may be what went away
            click.echo(printable(f"{stop}; {_how_to_go_on(folder, command, stop.saved)}"), err=True)
        raise SystemExit(stop.exit_code) from stop
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        told = f"no space left on the disk of {folder}; make room"
        raise TrainingError(f"{told}; {_how_to_go_on(folder, command, saved=False)}") from error


def _how_to_go_on(folder: Path, command: str, saved: bool) -> str:
    """Say how a run that was cut off is continued, or that there is nothing to continue from."""
    from mmx.training.checkpoint import complete

    if complete(folder / run_files.CHECKPOINT):
        told = "saved. Continue" if saved else "not saved just now. Continue from the last checkpoint"
        return f"{told}: {shlex.join(['mmx', 'run', '--resume', str(folder)])}"
    return f"nothing was saved yet. Start again: {command}"


def display(plain: bool, quiet: bool) -> Display:
    """Return what shows progress: nothing, plain lines, or moving bars on a terminal."""
    from rich.console import Console

    from mmx.runs.progress import Live, Plain, Quiet

    if quiet:
        return Quiet()
    console = Console(stderr=True)
    return Live(console) if console.is_terminal and not plain else Plain()


def plan(resolved: Resolved) -> str:
    """Return what would run, as a few lines of text."""
    experiment = resolved.experiment
    lines = [f"{experiment.name} ({experiment.preset}): {experiment.summary}", f"  corpus    {experiment.corpus.use}"]
    lines += [f"  encoder   {name}: {part.use}" for name, part in experiment.encoders.items()]
    lines += [f"  fuser     {experiment.fuser.use}"]
    lines += [f"  head      {name}: {part.use}" for name, part in experiment.heads.items()]
    for stage in experiment.stages:
        losses = ", ".join(update.objective.use for update in stage.updates)
        trains = ", ".join(name for update in stage.updates for name in update.trains)
        lines.append(f"  stage     {stage.name}: {stage.steps} steps x {stage.batch_size} on {losses}, trains {trains}")
    lines.append(f"  task      {experiment.task.use}")
    return "\n".join(lines)


def conclude(
    folder: Path, report: Report, verdict: str, quiet: bool, link: str | None = None, *, every: bool = False
) -> None:
    """Print the numbers of a judgement, its verdict, what was left out, where the report is, and where MLflow shows it.

    Args:
        folder: Where the report is.
        report: What was found.
        verdict: In words.
        quiet: Print no table.
        link: Where MLflow shows it.
        every: Print all metrics as the first one is printed.
    """
    from mmx.report.terminal import tables

    if not quiet:
        console().print(*tables(report, every=every))
        if not every and len(report.metrics) > 1:
            click.echo("every metric with all that it is compared with: the report below, or the same with --all")
    instead = f", on a stand-in: {printable(report.stand_in)}" if report.stand_in else ""
    click.echo(f"verdict: {printable(verdict)}{instead} ({report.used} of {report.expected} items judged)")
    for line in report.left_out:
        click.echo(f"left out: {printable(line.rstrip('.'))}")
    click.echo(f"report:  {os.path.relpath(folder / run_files.PAGE)}")
    if link:
        click.echo(f"mlflow:  {printable(link)}")
    sys.stdout.flush()
