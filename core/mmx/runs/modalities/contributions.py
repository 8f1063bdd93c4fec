"""Contribution of each modality at test: the score with it removed, given to other items, or drowned in noise.

Part of every report, so that it alters prepared batches and reads one score: some batches, encoded a few times more.
`mmx.runs.modalities.ablation`, asked for by hand, alters raw values and repeats the whole judgement: every metric, and
noise that goes through the preprocessing. Neither gives the other's numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from mmx.data.ablation import ablations, emptied, takes_noise
from mmx.data.lazy import LazySplit
from mmx.model.alone import fused_with, given_to
from mmx.model.ports import loss_of
from mmx.support.seeding import derive

if TYPE_CHECKING:
    from mmx.interfaces import Model
    from mmx.model.built import Built
    from mmx.runs.context import RunContext
    from mmx.types import Batch, Outputs, Sample

ITEMS: Final = 128
"""Items that are looked at, evenly spread over the split."""
_BATCH: Final = 32
_PROBABILITY: Final = "probability of the true answer"

Score = Callable[["Outputs", "Batch"], Tensor]
View = Callable[["Batch", torch.Generator], "Batch"]


@dataclass(frozen=True, slots=True)
class Contributions:
    """What is left of a score without each modality.

    Attributes:
        measure: What the score is.
        better: Which direction is better.
        own: The score with all modalities.
        items: How many items it is a mean over.
        without: Encoder, or a field that several encoders read -> the score with it `removed` (of a loss: zeros for
            its features, and None for what it compares), `shuffled` and `noised` (None where noise has no
            meaning).
    """

    measure: str
    better: str
    own: float
    items: int
    without: Mapping[str, Mapping[str, float | None]]

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def numbers(self) -> dict[str, float]:
        """Return the numbers by the key that the tracker knows them by."""
        found = {"test/modality/all": self.own}
        for modality, changed in self.without.items():
            found |= {f"test/modality/{modality}/{name}": value for name, value in changed.items() if value is not None}
        return found


def contributions(built: Built, context: RunContext) -> Contributions | None:
    """Return what each modality contributes on the judged split; None for a model of one, or that cannot be asked.

    The score is the task's own (`score`), or else the objective of the last stage that reads several modalities: its
    score, or its loss, on its view of the batch (hidden words), which draws the same at every call.
    """
    asked = _asked(built)
    if asked is None:
        return None
    measure, better, needs, score, view, removable = asked
    seed = derive(context.seed, "contributions")
    model = built.model.eval()
    encoders = model.plan(needs).encoders
    fields: dict[str, list[str]] = {}
    for name in encoders:
        fields.setdefault(model.fields[name], []).append(name)
    if len(fields) < 2:
        return None
    named = {names[0] if len(names) == 1 else field: names for field, names in fields.items()}
    changes = ablations(seed)
    if better == "lower":  # a loss leaves out what is missing
        changes["removed"] = partial(_emptied, model)
    sums: dict[tuple[str, str], list[float]] = {}
    count = 0
    for batch in _batches(built, context, encoders):
        count += batch.size
        _add(sums, ("", ""), _mean(model, _viewed(view, batch, seed), needs, score), batch.size)
        for name, names in named.items():
            for change, apply in changes.items():
                if change == "noised" and not takes_noise(batch, names):
                    continue
                if change == "removed" and not removable.issuperset(names):
                    continue
                # Ids that share a table with times are no ids any more in noise
                with suppress(IndexError) if change == "noised" else nullcontext():
                    # What a view hides cannot be hidden in zeros: they come after it.
                    late = change == "removed"
                    shown = (
                        apply(_viewed(view, batch, seed), names) if late else _viewed(view, apply(batch, names), seed)
                    )
                    _add(sums, (name, change), _mean(model, shown, needs, score), batch.size)
    means = {key: total / weight for key, (total, weight) in sums.items() if weight}
    if ("", "") not in means:
        return None
    without = {name: {change: means.get((name, change)) for change in changes} for name in sorted(named)}
    return Contributions(measure, better, means["", ""], count, without)


def _asked(built: Built) -> tuple[str, str, Any, Score, View | None, frozenset[str]] | None:
    """Return what is measured, the better direction, the ports read, the score, its view, and what may be removed."""
    every = frozenset(built.model.encoders)
    task: Any = built.task
    if hasattr(task, "score"):
        return _PROBABILITY, "higher", getattr(task, "scores", task).needs, task.score, None, every
    for stage in reversed(built.stages):
        for update in stage.updates:
            plan = built.model.plan(update.needs)
            if len({built.model.fields[name] for name in plan.encoders}) < 2 or stage.corpus is not built.corpus:
                continue
            if hasattr(update.objective, "score"):
                needs = getattr(update.objective, "score_needs", update.needs)
                return _PROBABILITY, "higher", needs, update.objective.score, None, every
            view = getattr(update.objective, "view", None)
            loss, given = partial(_loss, update.objective), given_to(update.objective)
            # Zeros for what is only compared may count as none at all, and its part of the loss be left out.
            fused = {name for name in plan.encoders if name not in given and fused_with(built.model, plan, name)}
            return f"loss of stage {stage.spec.name}", "lower", update.needs, loss, view, frozenset(fused)
    return None


def _emptied(model: Model, batch: Batch, encoders: Sequence[str]) -> Batch:
    with torch.inference_mode():
        return emptied(batch, {name: model.encode(name, batch) for name in encoders})


def _viewed(view: View | None, batch: Batch, seed: int) -> Batch:
    return batch if view is None else view(batch, torch.Generator().manual_seed(seed))


def _loss(objective: Any, outputs: Outputs, batch: Batch) -> Tensor:
    return loss_of(objective(outputs, batch), "the objective")


def _batches(built: Built, context: RunContext, encoders: Sequence[str]) -> Iterator[Batch]:
    samples: Sequence[Sample] = built.corpus.split(context.split)
    count = min(len(samples), ITEMS)
    chosen = LazySplit(count, lambda index: samples[index * len(samples) // count])
    yield from context.batches(built.model, chosen, encoders, _BATCH)


def _mean(model: Model, batch: Batch, needs: Any, score: Score) -> float:
    with torch.inference_mode():
        return float(score(model(batch, needs), batch).float().nanmean())


def _add(sums: dict[tuple[str, str], list[float]], key: tuple[str, str], value: float, weight: int) -> None:
    total = sums.setdefault(key, [0.0, 0.0])
    if math.isfinite(value):
        total[0] += value * weight
        total[1] += weight
