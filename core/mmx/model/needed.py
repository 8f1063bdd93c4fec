"""Requirements of an experiment on its data, checked before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmx.errors import DataError

if TYPE_CHECKING:
    from mmx.config.experiment import Settings
    from mmx.interfaces import Corpus
    from mmx.model.built import Built, BuiltStage


def lacking(built: Built, split: str = "test") -> list[str]:
    """Return what training and judging would not find, a line each: splits, and the needs that the task tells.

    Args:
        built: The parts.
        split: The split that is to be judged.
    """
    found: list[str] = []
    for stage in built.stages:
        if stage.spec.steps:
            found += _empty(stage.corpus, stage.spec.split, f"stages.{stage.spec.name}")
            found += _unvalidated(stage, built.experiment.settings)
    check = getattr(built.task, "check", None)
    if check is None:
        found += _empty(built.corpus, split, "task")
    else:
        found += [f"task ({built.experiment.task.use}): {each}" for each in check(built.model, built.corpus, split)]
    return list(dict.fromkeys(found))


def look_up(built: Built, split: str = "test") -> None:
    """Raise unless the data has what training and judging need.

    Raises:
        DataError: All that it lacks.
    """
    if found := lacking(built, split):
        more = "".join(f"\n  {line}" for line in found[1:])
        raise DataError(f"{found[0]}{more}")


def _unvalidated(stage: BuiltStage, settings: Settings) -> Iterator[str]:
    """Yield what a stage that stops, or keeps weights, by its validation loss lacks for it."""
    spec = stage.spec
    if not spec.validates:
        return
    who = f"stages.{spec.name} ({'keep: best' if spec.keep == 'best' else 'patience'})"
    if not settings.validate_every:
        yield f"{who} needs settings.validate_every above 0"
    elif spec.val_split in ("", spec.split):
        yield f"{who} needs a val_split other than the split that it learns from, {spec.split!r}"
    else:
        yield from _empty(stage.corpus, spec.val_split, who)


def _empty(corpus: Corpus, split: str, who: str) -> Iterator[str]:
    try:
        if not len(corpus.split(split)):
            yield f"{who}: split {split!r} of the corpus is empty"
    except DataError as error:
        yield f"{who} needs split {split!r}: {error}"
