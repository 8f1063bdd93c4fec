"""Judgement of a run once more: its weights, on its own data or on other data; nothing is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.config.saved import marked
from mmx.errors import UserError, did_you_mean
from mmx.model import meaning, needed
from mmx.model.build import build
from mmx.model.built import Built
from mmx.runs.evaluate import Judged, context_of, judge
from mmx.runs.history import read_run
from mmx.support import files, run_files
from mmx.support.seeding import seed_all
from mmx.tracking.tracker import table
from mmx.training import checkpoint
from mmx.training.engine import Engine

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.runs.progress import Display

CHANGEABLE: Final = ("corpus", "task", "settings")
"""What may differ from the run: anything else would be another model."""


def judge_again(
    catalog: Catalog,
    run: Path,
    folder: Path,
    display: Display,
    *,
    split: str = "test",
    overrides: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    command: str = "",
    modalities: bool = False,
    conflict: Sequence[str] = (),
) -> Judged:
    """Judge the weights of a run again, on its data or on other data; nothing is trained, and the run stays as it is.

    On the same data, device and number of threads the numbers are those of the run, to the last digit.

    Args:
        catalog: Whose plugins hold the parts.
        run: The run folder.
        folder: Where the new report goes.
        display: Shows progress.
        split: Split of the corpus to judge.
        overrides: `key=value` texts for corpus, task and settings.
        settings: Values of flags, by the name of the setting.
        command: The command line, for the report.
        modalities: Judge once more with each modality removed, exchanged and in noise.
        conflict: Two fields: judge what is answered where they are of different classes, in place of the task.

    Raises:
        UserError: An override would change the model.
        ConfigError: The configuration does not fit the plugins, or an override does not fit it.
        DataError: There are no weights, or they do not fit.
    """
    begun = time.monotonic()
    for text in overrides:
        if text.partition("=")[0].rstrip("+").partition(".")[0] not in CHANGEABLE:
            raise UserError(f"override {text}: the model stays as it was trained; {', '.join(CHANGEABLE)} may differ")
    resolved = catalog.restore(run / run_files.CONFIG, overrides=overrides, settings=settings, unused=("stages",))
    engine = Engine(resolved.experiment.settings)
    try:
        seed_all(resolved.experiment.settings.seed)
        # Without stages: what is read for training alone need not be there.
        means = meaning.read(run)
        built = build(resolved.experiment.model_copy(update={"stages": ()}), catalog.plugins.registry, means)
        built = in_conflict(built, conflict) if conflict else built
        needed.look_up(built, split)
        checkpoint.load_weights(checkpoint.folder_of(run), built.model)
        files.write_text(folder / run_files.CONFIG, marked(resolved.to_yaml()))
        context = context_of(built, catalog.plugins, folder, display, engine, split=split)
        status = read_run(run).status
        notes = [f"The weights of run {run.name} ({status}), judged again on split {split}."]
        notes += [] if means is None else [f"{line}." for line in meaning.changes(means.sources, built.sources())]
        meaning.write(folder, meaning.Meaning(built.sources()))
        judged = judge(built, context, begun=begun, command=command, notes=notes, modalities=modalities)
    finally:
        engine.close()
    if judged.report.predictions:
        files.write_json(folder / run_files.PREDICTIONS, table(judged.report.predictions))
    return judged


def in_conflict(built: Built, fields: Sequence[str]) -> Built:
    """Return the same run with a task that judges it by conflicts between two fields.

    Raises:
        UserError: The task cannot judge conflicts, or these are not two fields of the corpus.
    """
    make = getattr(built.task, "conflict", None)
    if make is None:
        raise UserError(f"conflict: {built.experiment.task.use} names no classes, so fields cannot be in conflict")
    if len(fields) != 2 or fields[0] == fields[1]:
        raise UserError("conflict: name two fields, e.g. --conflict audio,video")
    for name in fields:
        if name not in built.corpus.fields:
            raise UserError(f"conflict: the corpus has no field {name!r}{did_you_mean(name, built.corpus.fields)}")
    return replace(built, task=make(*fields))
