"""Labelled sounds: collected from a corpus, divided into folds, and reported item by item."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mmx import Clip, Corpus, DataError, PortError, Sample
from mmx_std import probes, splits

Protocol = Literal["shuffled", "official", "splits"]


@dataclass(frozen=True, slots=True)
class Sounds:
    """Labelled sounds.

    Attributes:
        samples: N sounds.
        labels: Class of each (N,).
        names: Names of the classes.
        folds: Official fold of each (N,); -1 is learnt from and never judged.
    """

    samples: Sequence[Sample]
    labels: np.ndarray
    names: Sequence[str]
    folds: np.ndarray

    def only(self, ids: Collection[str]) -> Sounds:
        """Return the sounds with these ids, in order."""
        kept = np.array([place for place, sample in enumerate(self.samples) if sample.id in ids], dtype=np.int64)
        return Sounds([self.samples[place] for place in kept], self.labels[kept], self.names, self.folds[kept])

    def frequent(self, least: int) -> tuple[Sounds, list[str]]:
        """Return the sounds of the classes with at least `least` sounds, and the names of the other classes.

        Raises:
            DataError: Fewer than two classes are left.
        """
        counts = np.bincount(self.labels[self.labels >= 0], minlength=len(self.names))
        classes = np.flatnonzero(counts >= least)
        if len(classes) < 2:
            raise DataError(f"task.sounds: fewer than two classes have {least} sounds, one a fold; set task.folds")
        place = {old: new for new, old in enumerate(classes.tolist())}
        kept = np.flatnonzero(np.isin(self.labels, classes)).tolist()
        labels = np.array([place[int(self.labels[index])] for index in kept])
        rare = [name for name, count in zip(self.names, counts, strict=True) if 0 < count < least]
        names = [self.names[old] for old in classes.tolist()]
        return Sounds([self.samples[index] for index in kept], labels, names, self.folds[kept]), rare


def gather(corpus: Corpus, field: str, target: str, protocol: Protocol, split: str) -> Sounds:
    """Collect the labelled sounds of a corpus: all of them, or for `splits` those of "train" and of the judged split.

    Raises:
        PortError: The corpus has no such field, or no such target with class names.
        DataError: There are no labelled sounds.
    """
    names = corpus.targets.get(target)
    if field not in corpus.fields or names is None:
        raise PortError(
            f"task.sounds: needs field {field!r} and target {target!r} with class names; "
            f"fields: {', '.join(corpus.fields)}; targets: {', '.join(corpus.targets)}"
        )
    parts = [corpus.split("train"), corpus.split(split)] if protocol == "splits" else splits.everything(corpus)
    samples = [sample for part in parts for sample in part if sample.targets.get(target) is not None]
    if not samples:
        raise DataError(f"task.sounds: no item has a {target!r}")
    if protocol == "splits":
        folds = np.repeat([-1, 0], [len(samples) - len(parts[1]), len(parts[1])])
    else:
        folds = np.array([int(sample.targets.get("fold", -1)) for sample in samples])
    return Sounds(samples, np.array([int(sample.targets[target]) for sample in samples]), names, folds)


def told_group(sounds: Sounds, wanted: str) -> str:
    """Return a sentence on what kept the sounds of one recording in one fold."""
    name = splits.group_of(sounds.samples, wanted)
    if not name:
        return f"No target {wanted!r} or 'group' names recordings: each sound counts as one of its own, in any fold."
    count = len({str(sample.targets.get(name, sample.id)) for sample in sounds.samples})
    return f"Sounds of one {name} are in one fold ({count} of them)."


def divide(sounds: Sounds, protocol: Protocol, group: str, *, folds: int, repeats: int) -> probes.Plan:
    """Divide sounds into folds; the same division for every network and every seed of the run."""
    if protocol != "shuffled":
        return probes.official_folds(sounds.folds)
    return probes.shuffled_folds(sounds.labels, recordings(sounds, group), folds=folds, repeats=repeats, seed=0)


def recordings(sounds: Sounds, group: str) -> list[str]:
    """Return the recording that each sound was cut from: the independent unit."""
    name = splits.group_of(sounds.samples, group)
    return [str(sample.targets.get(name, sample.id)) for sample in sounds.samples]


def rows(
    sounds: Sounds, judgement: probes.Judgement, untrained: probes.Judgement, units: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one row per judged sound: its recording, truth, what it was taken for, how often it was recognised."""
    table = []
    for place, share, untrained_share in zip(judgement.judged, judgement.hits, untrained.hits, strict=True):
        table.append(
            {
                "id": sounds.samples[place].id,
                "unit": units[place],
                "label": sounds.names[sounds.labels[place]],
                "predicted": sounds.names[int(judgement.scores[place].argmax())],
                "recognised": float(share),
                "recognised_untrained": float(untrained_share),
            }
        )
    return table


def chosen(sounds: Sounds, judgement: probes.Judgement, count: int = 6) -> list[tuple[Sample, str]]:
    """Choose sounds to show, half of them recognised best and half worst, of different classes where possible."""
    order = judgement.judged[np.argsort(-judgement.hits, kind="stable")]
    half = min(count // 2, len(order) // 2)
    result = []
    for place in (*_different(sounds, order, half), *_different(sounds, order[::-1], half)):
        truth, guess = sounds.names[sounds.labels[place]], sounds.names[int(judgement.scores[place].argmax())]
        verdict = "recognised" if truth == guess else f"taken for {guess}"
        result.append((sounds.samples[place], f"{truth}, {verdict}"))
    return result


def examples(sounds: Sounds, judgement: probes.Judgement, field: str) -> list[Clip]:
    """Return players for the chosen sounds."""
    return [
        Clip(f"sound_{number}", sample.fields[field], f"{sample.id}: {caption}")
        for number, (sample, caption) in enumerate(chosen(sounds, judgement))
    ]


def _different(sounds: Sounds, order: np.ndarray, count: int) -> list[int]:
    first = {int(sounds.labels[place]): int(place) for place in order[::-1]}
    return sorted(first.values(), key=list(order).index)[:count]
