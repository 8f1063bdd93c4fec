"""`mmx run NAME`: train and judge one experiment."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmx.cli.context import open_catalog
from mmx.cli.described import DescribedCommand
from mmx.errors import TrainingError, UserError

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, Resolved
    from mmx.runs.progress import Display
    from mmx.runs.session import Result
    from mmx.types import Report


@click.command("run", cls=DescribedCommand, context_settings={"ignore_unknown_options": False})
@click.argument("name", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--preset", default=None, help="Named variant: smoke, paper, a control, ... (mmx show NAME lists them).")
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Seed of everything that draws.")
@click.option("--device", default=None, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders go.")
@click.option("--resume", metavar="RUN", default=None, help="Continue a run: its folder, its id, or 'latest'.")
@click.option("--no-tracking", is_flag=True, help="Write the journal only; `mmx sync` can send it later.")
@click.option("--dry-run", is_flag=True, help="Check and show what would run; compute nothing.")
@click.option("--plain", is_flag=True, help="Lines instead of moving bars (the default when not on a terminal).")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the last lines.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    overrides: tuple[str, ...],
    preset: str | None,
    seed: int | None,
    device: str | None,
    runs: Path,
    resume: str | None,
    no_tracking: bool,
    dry_run: bool,
    plain: bool,
    quiet: bool,
) -> None:
    """Train and judge experiment NAME, e.g. `mmx run soundnet stages.distill.steps=200 --seed 3`.

    KEY=VALUE changes any value that `mmx show NAME` prints. `mmx run NAME --help` adds what NAME is not for.
    """
    if name is not None and "=" in name:  # NAME was left out: what came first is meant as KEY=VALUE
        overrides, name = (name, *overrides), None
    catalog = open_catalog(ctx)
    settings = {key: value for key, value in (("seed", seed), ("device", device)) if value is not None}
    if resume is not None:
        from mmx.runs.history import find_run

        if overrides or settings or preset:
            raise UserError("--resume continues a run as it was: no KEY=VALUE, --preset, --seed or --device beside it")
        folder = find_run(resume, runs, name)
        resolved = catalog.restore(folder / "config.yaml")
    else:
        resolved = _resolve(catalog, name, preset, overrides, settings)
        if dry_run:
            click.echo(plan(resolved))
            return
        folder = new_run_folder(runs, resolved)
    typed = _again(resolved, overrides)
    result = perform(
        catalog, resolved, folder, display(plain, quiet), typed, resume=resume is not None, tracking=not no_tracking
    )
    if result is not None:
        conclude(result.folder, result.report, result.verdict, quiet, result.link)


def _resolve(
    catalog: Catalog, name: str | None, preset: str | None, overrides: tuple[str, ...], settings: dict[str, Any]
) -> Resolved:
    if name is None:
        raise UserError("which experiment? mmx run NAME; see: mmx ls")
    return catalog.resolve(name, preset=preset or "default", overrides=overrides, settings=settings)


def new_run_folder(runs: Path, resolved: Resolved) -> Path:
    """Return a new run folder, the same one in every process of a distributed run."""
    from mmx.runs.session import new_folder

    shared = os.environ.get("TORCHELASTIC_RUN_ID")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or shared in (None, "none"):
        return new_folder(runs.absolute(), resolved.experiment.name)
    folder = runs.absolute() / resolved.experiment.name / f"torchrun-{shared}"
    folder.mkdir(parents=True, exist_ok=True)
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
            return execute(resolved, catalog.plugins, folder, shown, resume=resume, tracking=tracking, command=command)
    except Interrupted as stop:
        click.echo(f"{stop}; {_how_to_go_on(folder, command, stop.saved)}", err=True)
        raise SystemExit(stop.exit_code) from stop
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        told = f"no space left on the disk of {folder}; make room"
        raise TrainingError(f"{told}; {_how_to_go_on(folder, command, saved=False)}") from error


def _how_to_go_on(folder: Path, command: str, saved: bool) -> str:
    """Say how a run that was cut off is continued, or that there is nothing to continue from."""
    from mmx.training.checkpoint import complete

    if complete(folder / "checkpoint"):
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


def conclude(folder: Path, report: Report, verdict: str, quiet: bool, link: str | None = None) -> None:
    """Print the numbers of a judgement, its verdict, where the report is, and where MLflow shows it."""
    from mmx.report.terminal import table

    if not quiet:
        from rich.console import Console

        Console().print(table(report))
    click.echo(f"verdict: {verdict} ({report.used} of {report.expected} items judged)")
    click.echo(f"report:  {os.path.relpath(folder / 'report.html')}")
    if link:
        click.echo(f"mlflow:  {link}")
    sys.stdout.flush()
