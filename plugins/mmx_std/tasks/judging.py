"""Outputs over a split, and the controls of tasks: an input removed, or replaced by that of another sample."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import overload

import torch

from mmx import (
    Batch,
    Corpus,
    DataError,
    Model,
    Outputs,
    Run,
    Sample,
    UserError,
    without,
)

__all__ = [
    "Chosen",
    "as_it_is",
    "derangement",
    "judged",
    "lacks",
    "left_out",
    "one_input",
    "outputs",
    "some_known",
    "spread",
    "swapped",
    "training",
    "unit_of",
    "units_of",
    "used_fields",
    "without",
]

BATCH = 32


class Chosen(Sequence[Sample]):
    """Some samples of a split, in the order given, looked up on access."""

    def __init__(self, samples: Sequence[Sample], indices: Sequence[int]) -> None:
        self.samples = samples
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return Chosen(self.samples, self.indices[index])
        return self.samples[self.indices[index]]


def spread(samples: Sequence[Sample], limit: int) -> Sequence[Sample]:
    """Return at most `limit` samples, evenly spread over the split."""
    if len(samples) <= limit:
        return samples
    return Chosen(samples, [i * len(samples) // limit for i in range(limit)])


def outputs(
    variants: Mapping[str, tuple[Model, Callable[[Batch], Batch]]],
    samples: Sequence[Sample],
    needs: Sequence[str],
    run: Run,
    label: str,
) -> Iterator[tuple[Batch, Mapping[str, Outputs]]]:
    """Yield batches of a split with what each variant computes for them, in evaluation mode and without gradient.

    Args:
        variants: Name -> model, and what is done to a batch before the model encodes it. The first model prepares the
            batches for all.
        samples: The split.
        needs: Ports to compute.
        run: Makes the batches.
        label: Shown beside the progress bar.
    """
    first = next(iter(variants.values()))[0]
    for model, _ in variants.values():
        model.eval()
    batches = run.batches(first, samples, first.plan(needs).encoders, BATCH)
    for batch in run.track(batches, label, ceil(len(samples) / BATCH)):
        with torch.inference_mode():
            found = {name: model(change(batch), needs) for name, (model, change) in variants.items()}
        yield batch, found


def as_it_is(batch: Batch) -> Batch:
    """Return the batch."""
    return batch


def used_fields(model: Model, needs: Sequence[str]) -> dict[str, list[str]]:
    """Return field -> encoders, of the fields that `needs` depend on."""
    found: dict[str, list[str]] = {}
    for name in model.plan(needs).encoders:
        found.setdefault(model.fields[name], []).append(name)
    return dict(sorted(found.items()))


def swapped(
    model: Model, samples: Sequence[Sample], needs: Sequence[str], encoders: Sequence[str], run: Run, label: str
) -> Iterator[tuple[Batch, Mapping[str, Outputs]]]:
    """Yield outputs, by `label`, where these encoders get the input of another sample.

    Each sample's input is used exactly once, by none itself. All of `samples` must be readable.
    """
    model.eval()
    rest = [name for name in model.plan(needs).encoders if name not in encoders]
    partners = Chosen(samples, derangement(len(samples), run.seed))
    pairs = zip(
        run.batches(model, samples, rest, BATCH), run.batches(model, partners, list(encoders), BATCH), strict=True
    )
    for own, other in run.track(pairs, label, ceil(len(samples) / BATCH)):
        mixed = replace(
            own,
            inputs={**own.inputs, **other.inputs},
            masks={**own.masks, **other.masks},
            present={**own.present, **other.present},
            cached={**own.cached, **other.cached},
        )
        with torch.inference_mode():
            found = {label: model(mixed, needs)}
        yield mixed, found


def derangement(count: int, seed: int) -> list[int]:
    """Return a random order of range(count) without fixed points (for a count of 2 or more)."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return [after for _, after in sorted(zip(order, order[1:] + order[:1], strict=True))]


def judged(samples: Sequence[Sample], ids: Sequence[str]) -> Sequence[Sample]:
    """Return the samples with these ids: those that could be read."""
    if len(ids) == len(samples):
        return samples
    places = {}
    for index in range(len(samples)):
        with suppress(Exception):  # what cannot be read was noted when its batch was made
            places[samples[index].id] = index
    return Chosen(samples, [places[name] for name in ids])


def units_of(samples: Sequence[Sample], ids: Sequence[str], target: str | None) -> list[str]:
    """Return the independent unit of each judged item: its value of `target`, or the item itself where there is none.

    Args:
        samples: The split.
        ids: Of the items that were judged.
        target: Target that names the unit (a recording, a speaker); None makes every item one.
    """
    if target is None:
        return list(ids)
    found = (sample.targets.get(target) for sample in judged(samples, ids))
    return [name if each is None else str(each) for name, each in zip(ids, found, strict=True)]


def unit_of(corpus: Corpus, target: str | None) -> str | None:
    """Return the target that names independent units; None where the corpus has no such target: every item is one."""
    return target if target in corpus.targets else None


def lacks(corpus: Corpus, split: str) -> list[str]:
    """Return a line if a corpus has no such split, or an empty one."""
    try:
        return [] if len(corpus.split(split)) else [f"split {split!r} of the corpus is empty"]
    except DataError as error:
        return [f"needs split {split!r}: {error}"]


def lacks_texts(model: Model, corpus: Corpus, split: str, encoder: str, what: str = "text") -> list[str]:
    """Return a line if a corpus has no such split, or no text in it for an encoder.

    Args:
        model: Says which field the encoder reads.
        corpus: What is to be judged on.
        split: Which part of it.
        encoder: Name of the encoder of the true texts.
        what: What messages call them.
    """
    found, field = lacks(corpus, split), model.fields[encoder]
    if not found and not any(isinstance(each.fields.get(field), str) for each in corpus.split(split)):
        found = [f"no item of split {split!r} has a {what} in {field!r}; set encoders.{encoder}.field"]
    return found


def training(corpus: Corpus) -> Sequence[Sample]:
    """Return the train split, or no samples where there is none: other data is judged without."""
    try:
        return corpus.split("train")
    except DataError:
        return ()


def some_known(samples: Sequence[Sample], target: str) -> bool:
    """Return whether an item has a known class of a target, or a truth of another kind."""
    for index in range(len(samples)):
        with suppress(Exception):  # what cannot be read is told when its batch is made
            value = samples[index].targets.get(target)
            if value is not None and not (isinstance(value, int) and value < 0):
                return True
    return False


def left_out(corpus: Corpus) -> list[str]:
    """Return notes on what a corpus of files leaves open: items that it could not use, and groups.

    Worlds know their own units; files of one recording look like any others.
    """
    used, expected = getattr(corpus, "used", None), getattr(corpus, "expected", None)
    if used is None or expected is None:
        return []
    lost = f"{expected - used} of {expected} items of the corpus could not be used and are in no split."
    alone = "No column `group` says what was recorded together: every item counts as independent of the others."
    return [*([lost] if used != expected else []), *([alone] if "group" not in corpus.targets else [])]


def one_input(model: Model, needs: Sequence[str], fields: dict[str, object]) -> Outputs:
    """Return the model's outputs for a user's own input, a batch of one.

    Raises:
        UserError: A field is missing that the model reads.
    """
    encoders = model.plan(needs).encoders
    missing = sorted({model.fields[name] for name in encoders} - set(fields))
    if missing:
        raise UserError(
            f"this model also reads {', '.join(missing)}; give: {' '.join(f'--field {name}=...' for name in missing)}"
        )
    model.eval()
    with torch.inference_mode():
        found: Outputs = model(model.prepare([Sample("input", fields)], encoders).to(model.device), needs)
    return found
