"""Requirements of an experiment on its data, checked before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmx.errors import DataError

if TYPE_CHECKING:
    from mmx.interfaces import Corpus
    from mmx.model.built import Built


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


def _empty(corpus: Corpus, split: str, who: str) -> Iterator[str]:
    try:
        if not len(corpus.split(split)):
            yield f"{who}: split {split!r} of the corpus is empty"
    except DataError as error:
        yield f"{who} needs split {split!r}: {error}"
