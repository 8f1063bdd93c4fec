"""Judgement of a model by its task, and the report about it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from mmx.errors import DataError, TrainingError
from mmx.model.build import Builder
from mmx.model.built import Built
from mmx.report.verdict import verdict
from mmx.report.write import rendered, write_report
from mmx.runs import outcome
from mmx.runs.caveats import caveats
from mmx.runs.context import RunContext
from mmx.runs.modalities.ablation import ablate
from mmx.runs.modalities.contributions import Contributions, contributions
from mmx.support.memory import lack_named
from mmx.support.seeding import derive, seed_all
from mmx.support.text import describe
from mmx.tracking import provenance

if TYPE_CHECKING:
    from mmx.config.experiment import Experiment
    from mmx.plugins.loader import Plugins
    from mmx.runs.progress import Display
    from mmx.tracking.tracker import Tracker
    from mmx.training.engine import Engine
    from mmx.types import Report

_COUNTS: Final = ("clips", "test_clips", "items", "test_items", "batch_size", "length", "seconds", "image_size")
"""Parameters of tasks and corpora by which judging takes more memory or less."""
_NAMED: Final = 10
"""Unknown classes that a note names."""
"""Words of the note on labels that the model does not know."""


@dataclass(frozen=True)
class Judged:
    """What judging ended with.

    Attributes:
        folder: Where the report is.
        report: What the task found.
        verdict: The primary metric against chance, the untrained network and controls, in words.
        seconds: Wall time since whatever began.
    """

    folder: Path
    report: Report
    verdict: str
    seconds: float


def context_of(
    built: Built,
    plugins: Plugins,
    folder: Path,
    display: Display,
    engine: Engine,
    tracker: Tracker | None = None,
    split: str = "test",
) -> RunContext:
    """Return what tasks and hooks see of a run in `folder`."""
    experiment = built.experiment
    return RunContext(
        id=folder.name,
        experiment=experiment.name,
        seed=experiment.settings.seed,
        device=engine.device,
        folder=folder,
        display=display,
        plugins=plugins,
        tracker=tracker,
        build_model=lambda: Builder(plugins.registry, experiment.settings.seed, built.meaning).model(
            experiment, built.corpus
        ),
        split=split,
        max_unreadable=experiment.settings.max_unreadable,
    )


def judge(
    built: Built,
    context: RunContext,
    *,
    begun: float,
    command: str,
    notes: Sequence[str] = (),
    write: bool = True,
    modalities: bool = False,
) -> Judged:
    """Let the task evaluate the model as it is now, and write what it says into the context's folder.

    The global generators are seeded anew, so that what a task draws does not depend on how training drew.

    Args:
        built: Model, corpus and task.
        context: The run.
        begun: When it began, by the monotonic clock; of a run that was resumed, without the time between its parts.
        command: The command line that repeats it.
        notes: Further notes for the report.
        write: Write it; without, there is only what is returned.
        modalities: Judge once more with each modality removed, exchanged and in noise (`mmx.runs.modalities.ablation`).

    Raises:
        TrainingError: There is too little memory; what was trained is saved by then.
    """
    experiment = built.experiment
    seed_all(derive(experiment.settings.seed, "judge"))
    model = built.model.to(context.device).eval()
    with lack_named("while judging", _less(experiment), TrainingError):
        found = built.task.evaluate(model, built.corpus, context)
        without, faults = ablate(built, context) if modalities else ({}, [])
    lost = [*found.left_out, *_strangers(built, context.split), *_unreadable(context.unreadable)]
    found = replace(found, notes=[*found.notes, *notes, *faults, *lost], left_out=lost)
    if not write:
        return Judged(context.folder, found, verdict(found), time.monotonic() - begun)
    found = replace(found, figures=rendered(found.figures))
    gives = _contributions(built, context)
    seconds = time.monotonic() - begun
    if context.tracker is not None:
        context.tracker.flush()  # the page shows the journal's curves
    write_report(
        context.folder,
        found,
        experiment=experiment.name,
        preset=experiment.preset,
        seed=experiment.settings.seed,
        seconds=seconds,
        peak_rss_mb=outcome.peak_rss_mb(),
        params=sum(parameter.numel() for parameter in model.parameters()),
        environment=provenance.environment(provenance.git_state()) | {"threads": str(torch.get_num_threads())},
        card=built.corpus.card,
        command=command,
        caveats=caveats(context.plugins, experiment),
        further={"modalities": None if gives is None else gives.as_json(), "ablation": without},
    )
    if gives is not None:
        context.log(gives.numbers(), 0)
    return Judged(context.folder, found, verdict(found), seconds)


def _contributions(built: Built, context: RunContext) -> Contributions | None:
    """Return what each modality contributes; parts that cannot be asked cost a line, never the judgement."""
    if not built.experiment.settings.monitor_every:
        return None
    try:
        return contributions(built, context)
    except Exception as error:
        context.warned(f"what each modality contributes at test is not known: {describe(error)}")
        return None


def _less(experiment: Experiment) -> str:
    """Return what to lower where judging takes too much memory: numbers of items by name, as far as they are known."""
    parts = {"task": experiment.task, "corpus": experiment.corpus}
    numbers = [
        f"{place}.{name} (now {value})"
        for place, part in parts.items()
        for name, value in part.params.items()
        if type(value) is int and value > 1 and name in _COUNTS
    ]
    return f"free memory, or lower {' or '.join(numbers) or 'the number of items'}; then: mmx eval RUN"


def _strangers(built: Built, split: str) -> list[str]:
    """Return a note for each target that the task reads and some of whose labels are no class of the model."""
    find = getattr(built.corpus, "strangers", None)
    read = {port.removeprefix("targets.") for port in getattr(built.task, "needs", ())}
    try:
        found: Mapping[str, Mapping[str, int]] = {} if find is None else find(split)
    except DataError:
        return []  # the task judged something else than this split
    notes = []
    for target, names in found.items():
        if names and target in read:
            ordered = sorted(names.items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{name} ({count})" for name, count in ordered[:_NAMED])
            more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
            total = sum(names.values())
            notes.append(f"{total} labels {target!r} of split {split} are no class of the model: {listed}{more}.")
    return notes


def _unreadable(faults: Sequence[str]) -> list[str]:
    """Return a note on the items that could not be read while training and judging."""
    if not faults:
        return []
    more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
    count = "1 item" if len(faults) == 1 else f"{len(faults)} items"
    return [f"{count} could not be read: {'; '.join(faults[:5])}{more}."]
