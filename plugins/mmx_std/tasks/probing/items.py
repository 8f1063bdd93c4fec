"""Labelled items: collected from a corpus, divided into folds, and reported item by item."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mmx import Audio, Clip, Corpus, DataError, PortError, Sample, Video
from mmx_std.corpora import splits
from mmx_std.tasks.probing import linear

Protocol = Literal["shuffled", "official", "splits"]


@dataclass(frozen=True, slots=True)
class Items:
    """Labelled items.

    Attributes:
        samples: N items.
        labels: Class of each (N,).
        names: Names of the classes.
        folds: Official fold of each (N,); -1 is learnt from and never judged.
    """

    samples: Sequence[Sample]
    labels: np.ndarray
    names: Sequence[str]
    folds: np.ndarray

    def only(self, ids: Collection[str]) -> Items:
        """Return the items with these ids, in order."""
        kept = np.array([place for place, sample in enumerate(self.samples) if sample.id in ids], dtype=np.int64)
        return Items([self.samples[place] for place in kept], self.labels[kept], self.names, self.folds[kept])

    def frequent(self, least: int) -> tuple[Items, list[str]]:
        """Return the items of the classes with at least `least` items, and the names of the other classes.

        Raises:
            DataError: Fewer than two classes are left.
        """
        counts = np.bincount(self.labels[self.labels >= 0], minlength=len(self.names))
        classes = np.flatnonzero(counts >= least)
        if len(classes) < 2:
            raise DataError(f"task.items: fewer than two classes have {least} items, one a fold; set task.folds")
        place = {old: new for new, old in enumerate(classes.tolist())}
        kept = np.flatnonzero(np.isin(self.labels, classes)).tolist()
        labels = np.array([place[int(self.labels[index])] for index in kept])
        rare = [name for name, count in zip(self.names, counts, strict=True) if 0 < count < least]
        names = [self.names[old] for old in classes.tolist()]
        return Items([self.samples[index] for index in kept], labels, names, self.folds[kept]), rare


def gather(corpus: Corpus, field: str, target: str, protocol: Protocol, split: str) -> Items:
    """Collect the labelled items of a corpus: all of them, or for `splits` those of "train" and of the judged split.

    Raises:
        PortError: The corpus has no such field, or no such target with class names.
        DataError: There are no labelled items.
    """
    names = corpus.targets.get(target)
    if field not in corpus.fields or names is None:
        raise PortError(
            f"task.items: needs field {field!r} and target {target!r} with class names; "
            f"fields: {', '.join(corpus.fields)}; targets: {', '.join(corpus.targets)}"
        )
    parts = [corpus.split("train"), corpus.split(split)] if protocol == "splits" else splits.everything(corpus)
    samples = [sample for part in parts for sample in part if sample.targets.get(target) is not None]
    if not samples:
        raise DataError(f"task.items: no item has a {target!r}")
    if protocol == "splits":
        folds = np.repeat([-1, 0], [len(samples) - len(parts[1]), len(parts[1])])
    else:
        folds = np.array([int(sample.targets.get("fold", -1)) for sample in samples])
    return Items(samples, np.array([int(sample.targets[target]) for sample in samples]), names, folds)


def told_group(items: Items, wanted: str) -> str:
    """Return a sentence on what kept the items of one recording in one fold."""
    name = splits.group_of(items.samples, wanted)
    if not name:
        return f"No target {wanted!r} or 'group' names recordings: each item counts as one of its own, in any fold."
    count = len({str(sample.targets.get(name, sample.id)) for sample in items.samples})
    return f"Items of one {name} are in one fold ({count} of them)."


def divide(items: Items, protocol: Protocol, group: str, *, folds: int, repeats: int) -> linear.Plan:
    """Divide items into folds; the same division for every network and every seed of the run."""
    if protocol != "shuffled":
        return linear.official_folds(items.folds)
    return linear.shuffled_folds(items.labels, recordings(items, group), folds=folds, repeats=repeats, seed=0)


def recordings(items: Items, group: str) -> list[str]:
    """Return the recording that each item was cut from: the independent unit."""
    name = splits.group_of(items.samples, group)
    return [str(sample.targets.get(name, sample.id)) for sample in items.samples]


def rows(
    items: Items, judgement: linear.Judgement, untrained: linear.Judgement, units: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one row per judged item: its recording, truth, what it was taken for, how often it was recognised."""
    table = []
    for place, share, untrained_share in zip(judgement.judged, judgement.hits, untrained.hits, strict=True):
        table.append(
            {
                "id": items.samples[place].id,
                "unit": units[place],
                "label": items.names[items.labels[place]],
                "predicted": items.names[int(judgement.scores[place].argmax())],
                "recognised": float(share),
                "recognised_untrained": float(untrained_share),
            }
        )
    return table


def chosen(items: Items, judgement: linear.Judgement, count: int = 6) -> list[tuple[Sample, str]]:
    """Choose items to show, half of them recognised best and half worst, of different classes where possible."""
    order = judgement.judged[np.argsort(-judgement.hits, kind="stable")]
    half = min(count // 2, len(order) // 2)
    result = []
    for place in (*_different(items, order, half), *_different(items, order[::-1], half)):
        truth, guess = items.names[items.labels[place]], items.names[int(judgement.scores[place].argmax())]
        verdict = "recognised" if truth == guess else f"taken for {guess}"
        result.append((items.samples[place], f"{truth}, {verdict}"))
    return result


def examples(items: Items, judgement: linear.Judgement, field: str) -> list[Clip]:
    """Return players for the chosen items of audio or video."""
    shown = [(sample, sample.fields.get(field), caption) for sample, caption in chosen(items, judgement)]
    return [
        Clip(f"example_{number}", media, f"{sample.id}: {caption}")
        for number, (sample, media, caption) in enumerate(shown)
        if isinstance(media, Audio | Video)
    ]


def _different(items: Items, order: np.ndarray, count: int) -> list[int]:
    first = {int(items.labels[place]): int(place) for place in order[::-1]}
    return sorted(first.values(), key=list(order).index)[:count]
