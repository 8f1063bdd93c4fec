"""`mmx prove NAME`: comparison of an experiment with its controls over several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmx.cli import many_runs
from mmx.cli import suite as suites
from mmx.cli.context import open_catalog
from mmx.errors import TrainingError, UserError
from mmx.support.text import printable

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, ExperimentInfo
    from mmx.studies.sweep import Plan, Trial

NONE: Final = "none"
"""Value of `--controls` with which no preset but the default is run."""


@click.command("prove")
@click.argument("name", required=False)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@suites.option
@click.option(
    "--controls",
    default="",
    metavar="NAME,...",
    help="Presets to beat; default: the experiment's own. none: the default preset alone.",
)
@click.option("--seeds", default="0,1,2", show_default=True, metavar="N,...", help="Three or more.")
@click.option("--no-overfit", is_flag=True, help="Do not ask first whether each stage can overfit one batch.")
@click.option("--write", is_flag=True, help="Keep the reports in results/ of the plugin, a file per preset.")
@many_runs.options
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    overrides: tuple[str, ...],
    suite: str | None,
    controls: str,
    seeds: str,
    no_overfit: bool,
    jobs: int,
    write: bool,
    runs: Path,
    no_tracking: bool,
    dry_run: bool,
) -> None:
    """Run NAME and its control presets with several seeds, e.g. `mmx prove soundnet --seeds 0,1,2`, and compare.

    It is proven where its primary metric lies above chance, the untrained network, every control of its report and
    every control preset: the 95 % interval of that gap over seeds lies above zero. First each stage must overfit one
    batch: where its loss does not fall even then, nothing is run. KEY=VALUE holds for all runs. The exit code is 1
    where it is not proven. With --suite instead of NAME all its experiments are proven, one after another.

    --write also runs the presets that the claims of the paper's card take numbers from, and needs all code committed.
    With --controls none no other preset is run: the default is compared with what its own reports hold, untrained
    network, baselines and controls, and other stored results stay as they are.
    """
    from mmx.cli import sweep

    name, overrides = suites.parted(name, overrides)
    names = suites.chosen(ctx, name, suite)
    asked = Asked(ctx, overrides, controls, seeds, not no_overfit, jobs, runs, not no_tracking, write)
    prepared = suites.for_all(suite, names, overrides, lambda each: _prepare(asked, each))
    if dry_run:
        for each, (_, trials) in prepared.items():
            sweep.show(each, trials)
        return
    verdicts: dict[str, str] = {}

    def one(each: str) -> None:
        verdicts[each] = _prove(asked, each, *prepared[each])

    if suite is None:
        one(names[0])
    else:
        suites.one_after_another(ctx, names, one)
        for each in names:
            click.echo(f"{each}: {printable(verdicts.get(each, 'failed'))}")
    if any(verdicts.get(each) != "proven" for each in names):
        ctx.exit(1)


@dataclass(frozen=True)
class Asked:
    """What one call of `mmx prove` asks for, beside the experiment.

    Attributes:
        ctx: Of the command.
        overrides: `key=value` texts.
        controls: Presets to beat, parted by commas; empty for the experiment's own, "none" for no preset.
        seeds: Seeds, parted by commas.
        overfit: Ask first whether each stage can overfit one batch.
        jobs: Runs at the same time.
        runs: Where run folders go.
        tracking: Send to the tracking server.
        write: Keep the reports as stored results.
    """

    ctx: click.Context
    overrides: tuple[str, ...]
    controls: str
    seeds: str
    overfit: bool
    jobs: int
    runs: Path
    tracking: bool
    write: bool


def _prepare(asked: Asked, name: str) -> tuple[Plan, Sequence[Trial]]:
    """Return the runs that prove an experiment, each of them checked.

    Raises:
        MmxError: Something is wrong with the experiment, its controls, or what was typed.
    """
    from mmx.cli import sweep
    from mmx.studies.seed_test import LEAST_SEEDS
    from mmx.studies.sweep import read_plan

    catalog = open_catalog(asked.ctx)
    presets = ["default", *_controls(catalog, name, asked.controls)]
    if asked.write:
        claimed = list(_claimed(catalog, name, asked.overrides))
        presets += [each for each in claimed if each not in presets and asked.controls != NONE]
    plan = read_plan(asked.overrides, ",".join(presets), asked.seeds)
    if len(set(plan.seeds)) < LEAST_SEEDS or plan.axes or plan.ranges:
        raise UserError("prove needs three or more different --seeds, and one value per KEY; for several: mmx sweep")
    trials = plan.trials(1, 0)
    sweep.check(catalog, name, trials)
    return plan, trials


def _prove(asked: Asked, name: str, plan: Plan, trials: Sequence[Trial]) -> str:
    """Run all trials of one experiment, print and write the comparison, and return the verdict."""
    from mmx.cli import sweep
    from mmx.cli.output import print_table
    from mmx.studies import results
    from mmx.studies.seed_test import prove
    from mmx.studies.sweep import markdown
    from mmx.support import files

    catalog = open_catalog(asked.ctx)
    learned = list(_overfit(catalog, name, trials[0])) if asked.overfit else []
    done = sweep.conduct(asked.ctx, name, plan, trials, asked.runs, jobs=asked.jobs, tracking=asked.tracking)
    judged = {"default", *_controls(catalog, name, asked.controls)}
    proof = prove([each for each in done.outcomes if each.trial.preset in judged])
    table = list(proof.rows())
    page = files.write_text(done.folder / "proof.md", _page(name, proof.verdict, learned, markdown(table)))
    if done.tracker is not None:
        done.tracker.artifact(page)
    print_table(table[0], table[1:])
    click.echo(f"verdict: {printable(proof.verdict)}")
    sweep.conclude(done)
    if asked.write:
        info = _info(catalog, name)
        for path in results.write(_folder(info), info.name, info.plugin, done.outcomes):
            click.echo(f"wrote {path}")
    return proof.verdict


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
    info = _info(catalog, name)
    if given == NONE:
        return []
    chosen = [part for part in given.split(",") if part] or list(info.controls)
    if not chosen:
        known = f"presets: {', '.join(info.presets)}" if info.presets else "it has no presets"
        raise UserError(f"{name} names no controls; say which presets: --controls NAME,... ({known})")
    return chosen


def _info(catalog: Catalog, name: str) -> ExperimentInfo:
    return next(info for info in catalog.experiments() if name in (info.name, f"{info.plugin}:{info.name}"))


def _folder(info: ExperimentInfo) -> Path:
    """Return the folder of the file that has the experiment; results of the front door are documentation."""
    from mmx.config.sources import SHIPPED

    folder = Path(info.origin.rsplit(":", 2)[0]).absolute().parent
    return folder / "docs" if info.plugin == SHIPPED else folder


def _claimed(catalog: Catalog, name: str, overrides: Sequence[str]) -> Iterator[str]:
    """Yield the presets that the claims of the experiment's card take their numbers from.

    Raises:
        UserError: What the runs would give could not be repeated from a commit and the experiment's name.
    """
    from mmx.studies import results
    from mmx.tracking.repository import git_state

    other = [each for each in overrides if not each.startswith("settings.")]
    if other:
        raise UserError(f"--write keeps what the presets give; {other[0]} would make it another experiment's result")
    info = _info(catalog, name)
    state = git_state(_folder(info))
    if state is None:
        raise UserError(f"--write names the commit of every result; {_folder(info)} is in no git repository")
    if changed := results.changed_code(state.diff):
        raise UserError(f"--write names the commit of every result; commit first: {', '.join(changed[:3])}")
    cards = [record.card for record in catalog.plugins.records if record.name == info.plugin]
    told = {claim.result for card in cards if card is not None for claim in card.claims}
    for preset in info.presets:
        if Path(results.file_name(info.name, info.plugin, preset)).stem in told:
            yield preset
