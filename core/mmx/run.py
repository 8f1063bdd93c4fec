"""One run from a resolved experiment to a judged, reported and tracked result.

The run folder holds everything: `config.yaml`, `journal.jsonl`, `checkpoint/`, `report.json`, `report.html`, `media/`.
It is the loadable model: nothing else is needed to use, judge or repeat it.
"""

from __future__ import annotations

import os
import resource
import secrets
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout

from mmx import checkpoint, files, progress, provenance, report
from mmx.assets import cache_folder
from mmx.build import Builder, Built, build
from mmx.engine import Engine
from mmx.errors import DataError, UserError
from mmx.interrupt import Interrupt, Interrupted
from mmx.loading import readable
from mmx.seeding import seed_all
from mmx.tracking import Tracker
from mmx.train import Trainer

if TYPE_CHECKING:
    import torch

    from mmx.catalog import Resolved
    from mmx.model import Model
    from mmx.plugins import Plugins
    from mmx.progress import Display
    from mmx.types import Batch, Report, Sample

T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What a run ended with.

    Attributes:
        folder: The run folder.
        report: The task's judgement.
        verdict: The report's primary metric against chance, floor and controls, in words.
        link: Where the tracker shows it, or None.
    """

    folder: Path
    report: Report
    verdict: str
    link: str | None


@dataclass
class RunContext:
    """The run as tasks and hooks see it (`interfaces.Run`), and the observer of its training."""

    id: str
    experiment: str
    seed: int
    device: torch.device
    folder: Path
    display: Display
    plugins: Plugins
    tracker: Tracker | None
    build_model: Callable[[], Model]
    split: str = "test"
    unreadable: list[str] = field(default_factory=list)

    def batches(
        self, model: Model, samples: Sequence[Sample], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        """Yield batches of the samples that can be read, in order, on the device; raw samples attached."""
        for first in range(0, len(samples), batch_size):
            indices = range(first, min(first + batch_size, len(samples)))
            try:
                chosen = [samples[index] for index in indices]
                batch = model.prepare(chosen, encoders)
            except DataError:
                chosen, faults = readable(samples, indices, lambda one: model.prepare([one], encoders))
                self.unreadable += faults
                if not chosen:
                    continue
                batch = model.prepare(chosen, encoders)
            batch = batch.to(self.device)
            batch.samples = chosen
            yield batch

    def untrained(self) -> Model:
        """Return the model as it was before training, in evaluation mode."""
        return self.build_model().to(self.device).eval()

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Show progress while `items` are consumed."""
        return progress.track(self.display, items, label, total)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send numbers to the journal, the tracker and the plugins."""
        if self.tracker is not None:
            self.tracker.metrics(step, metrics)
        self.plugins.call("mmx_metrics", run=self, step=step, metrics=metrics)

    def begin(self, stage: str, start: int, steps: int) -> None:
        """A stage begins."""
        self.display.begin(stage, start, steps)

    def stepped(self, done: int) -> None:
        """A step is done."""
        self.display.step(done)

    def ended(self) -> None:
        """A stage is over."""
        self.display.end()

    def logged(self, stage: str, step: int, values: Mapping[str, float], chance: float | None) -> None:
        """Show and send the means since the last logging step."""
        self.display.numbers(values, chance)
        named = {f"train/{stage}/{name}": value for name, value in values.items() if name != "items_per_second"}
        if chance is not None:
            named[f"train/{stage}/chance"] = chance
        self.log({**named, "perf/items_per_second": values["items_per_second"]}, step)

    def saved(self, path: Path, step: int) -> None:
        """A checkpoint is complete."""
        self.plugins.call("mmx_checkpoint_saved", run=self, path=path, step=step)

    def warned(self, text: str) -> None:
        """Show a warning."""
        self.display.warn(text)


def new_folder(root: Path, experiment: str) -> Path:
    """Make and return `root/experiment/<time>-<random>`.

    Raises:
        UserError: It cannot be written.
    """
    folder = root / experiment / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True)
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
) -> Result | None:
    """Build, train, judge, report and track one experiment.

    Args:
        resolved: The experiment.
        plugins: The loaded plugins.
        folder: The run folder; on resume it holds a checkpoint.
        display: Shows what happens.
        resume: Continue from the folder's checkpoint.
        tracking: Send to MLflow (the journal is always written).

    Returns:
        The result on rank 0, None on other processes.

    Raises:
        MmxError: What went wrong; the run is then marked as failed.
        Interrupted: A signal; the run can be resumed.
    """
    lock = FileLock(folder / f".lock{os.environ.get('RANK', '')}")
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError) as error:
        raise UserError(f"run folder {folder} is in use by another process, or read-only") from error
    try:
        return _Execution(resolved, plugins, folder, display, resume, tracking).run()
    finally:
        lock.release()
        _drop_if_empty(folder)


def _drop_if_empty(folder: Path) -> None:
    """Remove the folder of a run that failed before it began: nothing but its lock is there."""
    with suppress(OSError):
        if all(path.name.startswith(".lock") for path in folder.iterdir()):
            shutil.rmtree(folder)


class _Execution:
    """The steps of `execute`, sharing what they have built so far."""

    def __init__(
        self, resolved: Resolved, plugins: Plugins, folder: Path, display: Display, resume: bool, tracking: bool
    ) -> None:
        self.resolved = resolved
        self.experiment = resolved.experiment
        self.plugins = plugins
        self.folder = folder
        self.display = display
        self.resume = resume
        self.tracking = tracking
        self.begun = time.monotonic()
        self.interrupt = Interrupt()

    def run(self) -> Result | None:
        """Do everything, and close what was opened whatever happens."""
        engine = Engine(self.experiment.settings)
        try:
            with self.interrupt.handled():
                return self._run(engine)
        finally:
            engine.close()

    def _run(self, engine: Engine) -> Result | None:
        experiment = self.experiment
        seed_all(experiment.settings.seed)
        state = checkpoint.load_state(self.folder / "checkpoint") if self.resume else None
        built = build(experiment, self.plugins.registry)
        tracker = self._tracker(built) if engine.main else None
        context = RunContext(
            id=self.folder.name,
            experiment=experiment.name,
            seed=experiment.settings.seed,
            device=engine.device,
            folder=self.folder,
            display=self.display,
            plugins=self.plugins,
            tracker=tracker,
            build_model=lambda: Builder(self.plugins.registry, experiment.settings.seed).model(
                experiment, built.corpus
            ),
        )
        status, fault = "failed", None
        try:
            if engine.main:
                self.plugins.call("mmx_run_begin", run=context)
            self._train(built, engine, context, state)
            result = self._judge(built, context) if engine.main else None
            engine.wait()
            status = "completed"
            return result
        except BaseException as error:
            fault = error
            status = "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
            self._explain(error)
            raise
        finally:
            if tracker is not None:
                self.plugins.call("mmx_run_end", run=context, status=status, error=fault)
                if self.plugins.problems:
                    tracker.tag("mmx.plugin_errors", "\n".join(self.plugins.problems))
                tracker.finish(status, "" if fault is None else f"{type(fault).__name__}: {fault}")

    def _tracker(self, built: Built) -> Tracker:
        experiment, resolved = self.experiment, self.resolved
        files.write_text(self.folder / "config.yaml", resolved.to_yaml())
        uri = resolved.tracking.get("uri")
        enabled = self.tracking and resolved.tracking.get("enabled", True)
        tracker = Tracker.open(
            self.folder,
            experiment=experiment.name,
            run_name=f"{experiment.preset}-{self.folder.name}",
            uri=uri,
            enabled=enabled,
        )
        components = _components(resolved.config)
        tracker.start(
            params=resolved.flat(),
            tags={
                "mmx.experiment": experiment.name,
                "mmx.preset": experiment.preset,
                "mmx.seed": str(experiment.settings.seed),
                **{
                    f"mmx.plugin.{each.name}": each.version
                    for each in self.plugins.records
                    if _used(each.name, components)
                },
            },
            note=_note(resolved),
            dataset=(experiment.corpus.use, built.corpus.digest, built.corpus.card),
        )
        return tracker

    def _train(self, built: Built, engine: Engine, context: RunContext, state: Mapping[str, Any] | None) -> None:
        experiment = self.experiment
        if state is not None:
            checkpoint.load_weights(self.folder / "checkpoint", built.model)
        total = sum(parameter.numel() for parameter in built.model.parameters())
        self.display.say(
            f"{experiment.name} ({experiment.preset}): {total:,} parameters on {engine.device}, {self.folder}"
        )
        trainer = Trainer(
            built.model,
            built.stages,
            recipes={name: part.model_dump(mode="json") for name, part in experiment.encoders.items()},
            engine=engine,
            builder=Builder(self.plugins.registry, experiment.settings.seed),
            settings=experiment.settings,
            observer=context,
            interrupt=self.interrupt,
            folder=self.folder,
            store=cache_folder() / "features" if experiment.settings.cache else None,
        )
        trainer.fit(state)
        if not built.stages:
            checkpoint.save(self.folder / "checkpoint", built.model, {"stage": 0, "step": 0, "turns": None})
        context.unreadable += sorted(trainer.skipped)

    def _judge(self, built: Built, context: RunContext) -> Result:
        """Let the task evaluate the trained model, and write and send what it says."""
        model = built.model.to(context.device).eval()
        found = built.task.evaluate(model, built.corpus, context)
        words = report.verdict(found)
        seconds = time.monotonic() - self.begun
        report.write_report(
            self.folder,
            found,
            experiment=self.experiment.name,
            preset=self.experiment.preset,
            seed=self.experiment.settings.seed,
            seconds=seconds,
            peak_rss_mb=peak_rss_mb(),
            params=sum(parameter.numel() for parameter in model.parameters()),
            environment=provenance.environment(provenance.git_state()),
            card=built.corpus.card,
        )
        assert context.tracker is not None  # noqa: S101 (rank 0 always has one)
        _send(found, words, seconds, context.tracker, self.folder)
        return Result(self.folder, found, words, context.tracker.link)

    def _explain(self, error: BaseException) -> None:
        """Leave the traceback in the run folder; a full disk must not hide the error itself."""
        if isinstance(error, Interrupted | KeyboardInterrupt):
            return
        try:
            files.write_text(self.folder / "error.txt", traceback.format_exc())
        except OSError:
            self.display.warn(f"could not write {self.folder / 'error.txt'}")


def _send(found: Report, words: str, seconds: float, tracker: Tracker, folder: Path) -> None:
    last = 0
    numbers: dict[str, float] = {}
    for metric in found.metrics:
        beside = {"chance": metric.chance, "floor": metric.floor, **metric.controls, **metric.references}
        numbers[f"test/{metric.name}"] = metric.value
        numbers |= {f"test/{metric.name}_{name}": value for name, value in beside.items() if value is not None}
    numbers |= {"perf/seconds": seconds, "perf/peak_rss_mb": peak_rss_mb()}
    numbers |= {"test/items_used": float(found.used), "test/items_expected": float(found.expected)}
    tracker.metrics(last, numbers)
    tracker.tag("mmx.verdict", words)
    for figure in found.figures:
        tracker.image(f"samples/{figure.key}", report.pixels(figure.image))
    for name in ("report.json", "report.html", "config.yaml"):
        tracker.artifact(folder / name)
    if (folder / "media").is_dir():
        tracker.artifact(folder / "media", "media")
    if found.predictions:
        tracker.table(found.predictions)
    tracker.model(folder, {f"test/{metric.name}": metric.value for metric in found.metrics})


def _note(resolved: Resolved) -> str:
    experiment = resolved.experiment
    paper = "" if experiment.paper is None else f"\n\nPaper: {experiment.paper.title} ({experiment.paper.year})"
    return (
        f"**{experiment.summary}**{paper}\n\n"
        f"Preset `{experiment.preset}`, seed {experiment.settings.seed}. "
        "Read `report.html` (artifacts) first: every metric stands beside chance, the untrained floor and its controls."
    )


def _components(value: Any) -> set[str]:
    """Return every component name of a configuration."""
    if isinstance(value, Mapping):
        own = {value["use"]} if isinstance(value.get("use"), str) else set()
        return own.union(*map(_components, value.values()))
    return set().union(*map(_components, value)) if isinstance(value, list | tuple) else set()


def _used(plugin: str, names: Iterable[str]) -> bool:
    return any(name.partition("/")[0] == plugin for name in names)


def peak_rss_mb() -> float:
    """Return the largest resident size of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if os.uname().sysname == "Linux" else 1024 * 1024)
