"""The contract of a corpus: the same samples every time, with the fields and truths that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from mmx.errors import DataError
from mmx.testing import Finding
from mmx.types import Sample

LOOKED_AT = 8
"""Samples that are looked at."""
NO_SPLIT = "no-such-split"


def check_corpus(make: Callable[[int], Any], *, split: str | None = None, what: str = "corpus") -> Iterator[Finding]:
    """Yield findings about a corpus.

    Args:
        make: Builds it; the seed that it is given need not matter.
        split: A split that it has; default: the first of train, all and test.
        what: What findings call it.
    """
    corpus, again = make(0), make(0)
    card = corpus.card
    yield Finding(f"{what}: card", bool(card.licence.strip() and card.title and card.summary), card.licence)
    steady = corpus.digest == again.digest and 0 < len(corpus.digest) <= 36
    yield Finding(f"{what}: digest", steady, corpus.digest if steady else "must be 1 to 36 characters, always the same")
    split = split or _some_split(corpus)
    samples = corpus.split(split)
    picked = [samples[index] for index in range(min(LOOKED_AT, len(samples)))]
    faults = [*_faults(corpus, picked), *_differences(picked, again.split(split))]
    yield Finding(
        f"{what}: samples", bool(picked) and not faults, "; ".join(faults[:3]) or f"{len(samples)} in {split}"
    )
    yield _refuses(what, corpus)


def _some_split(corpus: Any) -> str:
    for name in ("train", "all"):
        try:
            corpus.split(name)
        except DataError:
            continue
        return name
    return "test"


def _faults(corpus: Any, samples: Sequence[Sample]) -> Iterator[str]:
    if len({sample.id for sample in samples}) != len(samples):
        yield "two samples have the same id"
    for sample in samples:
        for name in sample.fields:
            if name not in corpus.fields:
                yield f"{sample.id} has a field {name!r} that fields does not name"
        for name, value in sample.targets.items():
            if name not in corpus.targets:
                yield f"{sample.id} has a target {name!r} that targets does not name"
            elif (
                (names := corpus.targets[name]) is not None and isinstance(value, int) and not -1 <= value < len(names)
            ):
                yield f"{sample.id}: target {name!r} is {value}, of {len(names)} classes"


def _differences(samples: Sequence[Sample], again: Sequence[Sample]) -> Iterator[str]:
    for index, sample in enumerate(samples):
        other = again[index]
        if sample.id != other.id:
            yield f"sample {index} has id {sample.id!r}, then {other.id!r}"
        for name in sample.fields:
            if not _equal(sample.fields[name], other.fields[name]):
                yield f"{sample.id}: field {name!r} differs between two corpora built alike"


def _equal(one: Any, other: Any) -> bool:
    if is_dataclass(one) and type(one) is type(other):
        return all(_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    return bool(one == other)


def _refuses(what: str, corpus: Any) -> Finding:
    name = f"{what}: refuses a split that it does not have"
    try:
        corpus.split(NO_SPLIT)
    except DataError as error:
        return Finding(name, True, str(error))
    except Exception as error:
        return Finding(name, False, f"raised {type(error).__name__}; it must be mmx.errors.DataError")
    return Finding(name, False, "it must raise mmx.errors.DataError")
