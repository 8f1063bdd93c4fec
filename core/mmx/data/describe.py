"""Descriptions of corpora and samples as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mmx.errors import DataError
from mmx.support.text import one_line
from mmx.types import Audio, Cue, Signal, Video

if TYPE_CHECKING:
    from mmx.interfaces import Corpus
    from mmx.types import Sample

SPLITS: Final = ("train", "val", "test", "all")
"""Names of splits that are usual; a corpus may have others."""
FEW: Final = 6
"""Values or class names that are written out."""


def splits_of(corpus: Corpus) -> dict[str, int]:
    """Return the usual splits that a corpus has, with their numbers of samples."""
    found: dict[str, int] = {}
    for name in SPLITS:
        try:
            found[name] = len(corpus.split(name))
        except DataError:
            continue
    return found


def about(corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Yield the facts about a corpus: (heading, text)."""
    card = corpus.card
    yield "what", f"{card.title}: {card.summary}"
    yield "licence", card.licence + "; made by a program" * card.synthetic
    yield "fields", ", ".join(f"{name} ({modality})" for name, modality in corpus.fields.items()) or "none"
    for name, classes in corpus.targets.items():
        yield "target", f"{name}: " + ("no classes" if classes is None else f"{len(classes)} classes: {_few(classes)}")
    yield (
        "splits",
        ", ".join(f"{name} {count}" for name, count in splits_of(corpus).items()) or "none of the usual names",
    )


def of_sample(sample: Sample, classes: Mapping[str, Sequence[str] | None]) -> Iterator[tuple[str, str]]:
    """Yield a description of each field and target of a sample: (name, text)."""
    for name, value in sample.fields.items():
        yield name, describe_value(value)
    for name, value in sample.targets.items():
        names = classes.get(name)
        if names is not None and isinstance(value, int) and 0 <= value < len(names):
            yield name, f"{value} = {one_line(str(names[value]), 80)}"
        else:
            yield name, describe_value(value)


def describe_value(value: Any) -> str:
    """Return a description of a raw value or target: its kind, sizes and units; short ones in full."""
    if isinstance(value, Audio):
        return f"Audio: {value.seconds:.3g} s at {value.rate} Hz, {_channels(len(value.samples_CT))}"
    if isinstance(value, Video):
        frames, height, width = value.frames_THWC.shape[:3]
        return f"Video: {frames} frames of {height} x {width} at {value.fps:.3g} per second"
    if isinstance(value, Signal):
        return f"Signal: {len(value.values_TC)} frames at {value.rate:.3g} Hz, {_channels(value.values_TC.shape[1])}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {tuple(value.shape)}" + (f": {value.tolist()}" if 0 < value.size <= FEW else "")
    if value and isinstance(value, tuple) and all(isinstance(each, Cue) for each in value):
        first = value[0]
        shown = f"{first.start:.1f} to {first.end:.1f} s {first.text!r}"
        return one_line(f"{len(value)} cues, the first: {shown}", 160)
    return one_line(repr(value), 160)


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(str, names[:FEW])) + ", ..." * (len(names) > FEW)
