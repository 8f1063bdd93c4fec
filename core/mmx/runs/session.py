"""Execution of one run, from a resolved experiment to a judged, reported and tracked result.

The run folder holds everything: `config.yaml`, `journal.jsonl`, `checkpoint/`, `report.json`, `report.html`, `media/`.
It is the loadable model: nothing else is needed to use, judge or repeat it.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mmx.assets.store import cache_folder
from mmx.config.saved import marked
from mmx.errors import PluginError, UserError
from mmx.model import meaning, needed
from mmx.model.build import Builder, build
from mmx.model.built import Built
from mmx.runs import outcome
from mmx.runs.context import RunContext
from mmx.runs.evaluate import context_of, judge
from mmx.runs.history import note_start
from mmx.runs.index import update_index
from mmx.support import files, run_files, threads
from mmx.support.seeding import seed_all
from mmx.support.signals import Interrupt, Interrupted, interruption
from mmx.support.text import describe
from mmx.tracking import journal
from mmx.tracking.tracker import Tracker
from mmx.training import checkpoint
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer

if TYPE_CHECKING:
    from mmx.config.catalog import Resolved
    from mmx.plugins.loader import Plugins
    from mmx.runs.progress import Display
    from mmx.types import Report

_FAULTS = 3
"""Items that a warning names."""


@dataclass(frozen=True)
class Result:
    """What a run ended with.

    Attributes:
        folder: The run folder.
        report: The task's judgement.
        verdict: The report's primary metric against chance, the untrained network and controls, in words.
        tracker: Where it was recorded.
    """

    folder: Path
    report: Report
    verdict: str
    tracker: Tracker

    @property
    def link(self) -> str | None:
        """Where the tracker shows it; of a short run that is known only when everything is delivered."""
        return self.tracker.link


def new_folder(root: Path, experiment: str, prefix: str = "") -> Path:
    """Make and return `root/experiment/<prefix><time>-<random>`.

    Raises:
        UserError: It cannot be written, or would lie outside of `root`.
    """
    folder = root / experiment / f"{prefix}{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"experiment {experiment!r} would write outside of {root}; is it the run of somebody else?")
    try:
        with files.private():
            folder.mkdir(parents=True)
        note_start(root, folder)
    except OSError as error:
        raise UserError(f"cannot write the run folder {folder}: {error.strerror}; try: --runs FOLDER") from error
    return folder


def execute(
    resolved: Resolved,
    plugins: Plugins,
    folder: Path,
    display: Display,
    *,
    resume: bool = False,
    tracking: bool = True,
    command: str = "",
    write: bool = True,
    other_data: bool = False,
) -> Result | None:
    """Build, train, judge, report and track one experiment.

    Args:
        resolved: The experiment.
        plugins: The loaded plugins.
        folder: The run folder; on resume it holds a checkpoint.
        display: Shows what happens.
        resume: Continue from the folder's checkpoint.
        tracking: Send to MLflow (the journal is always written).
        command: The command line that repeats the run, for the report; of one that is resumed the first one stays.
        write: Write and send the judgement; without, it is only returned: all that a repeated run is asked for.
        other_data: Resume even where the data is not what it was when the run began.

    Returns:
        The result on rank 0, None on other processes.

    Raises:
        MmxError: What went wrong; the run is then marked as failed.
        Interrupted: A signal; the run can be resumed.
    """
    lock = FileLock(folder / f".lock{os.environ.get('RANK', '')}", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError) as error:
        raise UserError(f"run folder {folder} is in use by another process, or read-only") from error
    if os.environ.get("RANK", "0") == "0":
        files.remove_temporaries(folder)  # of a process that was killed here
    try:
        with files.private():
            return _Execution(resolved, plugins, folder, display, resume, tracking, command, write, other_data).run()
    finally:
        lock.release()
        _drop_if_empty(folder)
        if os.environ.get("RANK", "0") == "0":
            with suppress(OSError):  # a page that cannot be written must not hide how the run ended
                update_index(folder)


def _drop_if_empty(folder: Path) -> None:
    """Remove the folder of a run that failed before it began: nothing but its lock is there."""
    with suppress(OSError):
        if all(path.name.startswith(".lock") for path in folder.iterdir()):
            shutil.rmtree(folder)


class _Execution:
    """The steps of `execute`, sharing what they have built so far."""

    def __init__(
        self,
        resolved: Resolved,
        plugins: Plugins,
        folder: Path,
        display: Display,
        resume: bool,
        tracking: bool,
        command: str,
        write: bool,
        other_data: bool,
    ) -> None:
        self.resolved = resolved
        self.experiment = resolved.experiment
        self.plugins = plugins
        self.folder = folder
        self.display = display
        self.resume = resume
        self.tracking = tracking
        self.write = write
        self.other_data = other_data
        self.begun = time.monotonic()
        past = journal.past(folder / run_files.JOURNAL) if resume else journal.Past()
        self.spent = past.seconds
        self.command = past.command or command
        self.interrupt = Interrupt()

    def run(self) -> Result | None:
        """Do everything, and close what was opened whatever happens."""
        engine = Engine(self.experiment.settings)
        try:
            with self.interrupt.handled():
                return self._run(engine)
        except Exception as error:
            if (stop := interruption(error)) is None:
                raise
            raise Interrupted(stop.number, saved=stop.saved) from error
        finally:
            engine.close()

    def _run(self, engine: Engine) -> Result | None:
        experiment = self.experiment
        seed_all(experiment.settings.seed)
        state = checkpoint.load_state(self.folder / run_files.CHECKPOINT) if self.resume else None
        means = meaning.read(self.folder) if self.resume else None
        built = build(experiment, self.plugins.registry, means)
        self._compare_data(means, built)
        needed.look_up(built)
        if instead := getattr(built.corpus, "stand_in", ""):
            self.display.warn(f"the data are a stand-in: {instead}")
        tracker = self._tracker(built) if engine.main else None
        if engine.main and means is None:
            meaning.write(self.folder, built.means())
        self._tell_left_out(built)
        if tracker is not None:
            tracker.tag("mmx.threads", f"{engine.threads}; {threads.waiting()}")
        context = context_of(built, self.plugins, self.folder, self.display, engine, tracker)
        status, fault = "failed", None
        try:
            if engine.main:
                self.plugins.call("mmx_run_begin", run=context)
            self._train(built, engine, context, state)
            engine.part()
            result = self._judge(built, context) if engine.main else None
            engine.wait()
            status = "completed"
            return result
        except BaseException as error:
            fault = interruption(error) or error
            status = "interrupted" if isinstance(fault, Interrupted | KeyboardInterrupt) else "failed"
            self._explain(fault)
            raise
        finally:
            if tracker is not None:
                self._close(tracker, context, status, fault)

    def _compare_data(self, means: meaning.Meaning | None, built: Built) -> None:
        """Refuse to go on with other data than the run began with, unless that is wanted.

        Raises:
            UserError: The data has changed.
        """
        changed = [] if means is None else list(meaning.changes(means.sources, built.sources()))
        if changed and not self.other_data:
            raise UserError(f"{'; '.join(changed)}; bring the data back, or go on with what is there: --other-data")
        for line in changed:
            self.display.warn(line)

    def _tell_left_out(self, built: Built) -> None:
        """Say how much of each corpus cannot be used, and why."""
        for corpus in dict.fromkeys([built.corpus, *(stage.corpus for stage in built.stages)]):
            used, expected = getattr(corpus, "used", None), getattr(corpus, "expected", None)
            if used is not None and expected is not None and used < expected:
                broken = [str(fault) for fault in getattr(corpus, "broken", ())]
                more = f"; and {len(broken) - _FAULTS} more" if len(broken) > _FAULTS else ""
                told = f": {'; '.join(broken[:_FAULTS])}{more}" if broken else ""
                self.display.warn(f"{expected - used} of {expected} items of the corpus cannot be used{told}")

    def _close(self, tracker: Tracker, context: RunContext, status: str, fault: BaseException | None) -> None:
        """Tell plugins, then finish the record, whatever plugins do (with `strict`, one that raises ends the run)."""
        try:
            self.plugins.call("mmx_run_end", run=context, status=status, error=fault)
        except PluginError as error:
            status, fault = "failed", fault or error
            raise
        finally:
            if self.plugins.problems:
                tracker.tag("mmx.plugin_errors", "\n".join(self.plugins.problems))
            tracker.finish(status, "" if fault is None else describe(fault))

    def _tracker(self, built: Built) -> Tracker:
        experiment, resolved = self.experiment, self.resolved
        files.write_text(self.folder / run_files.CONFIG, marked(resolved.to_yaml()))
        uri = resolved.tracking.get("uri")
        enabled = self.tracking and resolved.tracking.get("enabled", True)
        tracker = Tracker.open(
            self.folder,
            experiment=experiment.name,
            run_name=f"{experiment.preset}-{self.folder.name}",
            uri=uri,
            enabled=enabled,
            warn=self.display.warn,
        )
        tracker.start(
            params=resolved.flat(),
            tags=outcome.tags(resolved, self.plugins),
            note=outcome.note(resolved),
            dataset=(experiment.corpus.use, built.corpus.digest, built.corpus.card),
            command=self.command,
            after=time.monotonic() - self.begun,
        )
        return tracker

    def _train(self, built: Built, engine: Engine, context: RunContext, state: Mapping[str, Any] | None) -> None:
        experiment = self.experiment
        if state is not None:
            checkpoint.load_weights(self.folder / run_files.CHECKPOINT, built.model)
        total = sum(parameter.numel() for parameter in built.model.parameters())
        self.display.say(
            f"{experiment.name} ({experiment.preset}): {total:,} parameters on {engine.device}, "
            f"{engine.threads}, {self.folder}"
        )
        trainer = Trainer(
            built.model,
            built.stages,
            cache_keys={name: part.model_dump(mode="json") for name, part in experiment.encoders.items()},
            engine=engine,
            builder=Builder(self.plugins.registry, experiment.settings.seed),
            settings=experiment.settings,
            observer=context,
            interrupt=self.interrupt,
            folder=self.folder,
            store=cache_folder() / "features" if experiment.settings.cache else None,
            milestones=built.milestones,
        )
        self.display.plan([(stage.name, stage.steps) for stage in experiment.stages])
        trainer.fit(state)
        if not built.stages:
            state = {"stage": 0, "step": 0, "updates": None, "window": None, "random": []}
            checkpoint.save(self.folder / run_files.CHECKPOINT, built.model, state)
        context.unreadable += [f"training {fault}" for fault in sorted(trainer.skipped)]

    def _judge(self, built: Built, context: RunContext) -> Result:
        """Let the task evaluate the trained model, and write and send what it says."""
        assert context.tracker is not None  # noqa: S101 (rank 0 always has one)
        try:
            judged = judge(built, context, begun=self.begun - self.spent, command=self.command, write=self.write)
        except Exception as error:
            if built.stages and interruption(error) is None:
                run = shlex.quote(os.path.relpath(self.folder))
                self.display.warn(f"judging failed, the trained weights are saved; try: mmx eval {run} task.KEY=VALUE")
            raise
        if self.write:
            outcome.send(judged.report, judged.verdict, judged.seconds, context.tracker, self.folder, self.experiment)
        return Result(self.folder, judged.report, judged.verdict, context.tracker)

    def _explain(self, error: BaseException) -> None:
        """Leave the traceback in the run folder; a full disk must not hide the error itself."""
        if isinstance(error, Interrupted | KeyboardInterrupt):
            return
        try:
            files.write_text(self.folder / run_files.ERROR, traceback.format_exc())
        except OSError:
            self.display.warn(f"could not write {self.folder / run_files.ERROR}")
