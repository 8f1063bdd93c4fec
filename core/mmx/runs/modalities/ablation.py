"""What each modality contributes: a run judged again with one of them removed, exchanged, or drowned in noise."""

from __future__ import annotations

import random
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from mmx.errors import DataError
from mmx.support.seeding import derive, seed_all
from mmx.support.text import describe
from mmx.types import Audio, Cue, Sample, Signal, Video

if TYPE_CHECKING:
    from mmx.interfaces import Corpus
    from mmx.model.built import Built
    from mmx.model.model import Model
    from mmx.runs.context import RunContext

POOL: Final = 64
"""Items of the judged split whose value of a field another item may get."""
_GREY: Final = 64.0
"""Standard deviation of the noise of pixels, of 255."""
_LOST: Final = 0.5
"""Share of the words that noise takes."""

Alter = Callable[[Sample], Any]
"""Sample -> the value that its field gets; None removes it."""
Scores = dict[str, dict[str, float]]
"""Way of altering -> metric -> value."""


def ablate(built: Built, run: RunContext) -> tuple[dict[str, Scores], list[str]]:
    """Return field -> way -> metric -> value, and a line about each that could not be judged.

    The model is what is altered: it is given another value of one field for every item that it prepares, wherever the
    task takes that item from. What the task does beside the model (baselines, truths) stays as it is.

    Args:
        built: Model, corpus and task.
        run: Of the judgement; it also says which split.
    """
    found: dict[str, Scores] = {}
    faults: list[str] = []
    for field in fields_of(built):
        for way, alter in _ways(built, run, field).items():
            seed_all(derive(run.seed, "judge"))
            try:
                with altered(built.model, field, alter):
                    report = built.task.evaluate(built.model, built.corpus, run)
            except Exception as error:
                told = str(error) if isinstance(error, DataError) else describe(error)
                faults.append(f"{field} {way} could not be judged: {told}")
                continue
            found.setdefault(field, {})[way] = {metric.name: metric.value for metric in report.metrics}
    return found, faults


def fields_of(built: Built) -> list[str]:
    """Return the fields that the task's outputs are made from, in the order of the encoders."""
    needs = getattr(built.task, "needs", None)
    return list(dict.fromkeys(built.model.fields[name] for name in built.model.plan(needs).encoders))


@contextmanager
def altered(model: Model, field: str, alter: Alter) -> Iterator[None]:
    """Let a model prepare every sample with another value of one field."""
    prepare = model.prepare

    def changed(samples: Sequence[Sample], encoders: Sequence[str] | None = None) -> Any:
        if not any(model.fields[name] == field for name in (model.encoders if encoders is None else encoders)):
            return prepare(samples, encoders)
        given = [sample if sample.fields.get(field) is None else _with(sample, field, alter) for sample in samples]
        return prepare(given, encoders)

    model.prepare = changed  # type: ignore[method-assign]
    try:
        yield
    finally:
        del model.prepare


def noised(value: Any, generator: np.random.Generator) -> Any:
    """Return a raw value in noise: as loud as the audio, over half the range of pixels, every second word lost.

    A value of another kind than mmx's own is returned as it is.
    """
    if isinstance(value, Audio):
        return Audio(_in_noise(value.samples_CT, generator), value.rate)
    if isinstance(value, Signal):
        return Signal(_in_noise(value.values_TC, generator), value.rate)
    if isinstance(value, Video):
        return Video(_grained(value.frames_THWC, generator), value.fps)
    if isinstance(value, np.ndarray):
        return _grained(value, generator) if value.dtype == np.uint8 else _in_noise(value, generator)
    if isinstance(value, Cue):
        return Cue(value.start, value.end, noised(value.text, generator))
    if isinstance(value, str):
        words = value.split()
        return " ".join(word for word in words if generator.random() > _LOST) or "".join(words[:1])
    if isinstance(value, tuple | list):
        return type(value)(noised(each, generator) for each in value)
    return value


def _ways(built: Built, run: RunContext, field: str) -> Mapping[str, Alter]:
    pool = _pool(built.corpus, run, field)

    def exchanged(sample: Sample) -> Any:
        others = [each for each in pool if each.id != sample.id] or pool
        draw = random.Random(derive(run.seed, "shuffled", field, sample.id))
        return draw.choice(others).fields[field] if others else None

    def in_noise(sample: Sample) -> Any:
        return noised(sample.fields[field], np.random.default_rng(derive(run.seed, "noised", field, sample.id)))

    return {"removed": lambda sample: None, "shuffled": exchanged, "noised": in_noise}


def _pool(corpus: Corpus, run: RunContext, field: str) -> list[Sample]:
    """Return a few items of the judged split, drawn by the seed, that have the field."""
    try:
        samples = corpus.split(run.split)
    except DataError:
        return []  # the task judges something else
    drawn = random.Random(derive(run.seed, "pool", field)).sample(range(len(samples)), min(POOL, len(samples)))
    return [samples[index] for index in drawn if samples[index].fields.get(field) is not None]


def _with(sample: Sample, field: str, alter: Alter) -> Sample:
    others = cast(MutableMapping[str, Any], sample.fields)  # a chain: what is rendered at first access stays so
    return replace(sample, fields=ChainMap({field: alter(sample)}, others))


def _in_noise(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return numbers and as much noise: 0 dB."""
    loud = float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
    noisy: np.ndarray = values + loud * generator.standard_normal(values.shape).astype(np.float32)
    return noisy.astype(np.float32)


def _grained(pixels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    noisy = pixels + _GREY * generator.standard_normal(pixels.shape, dtype=np.float32)
    grained: np.ndarray = np.clip(noisy, 0, 255).astype(np.uint8)
    return grained
