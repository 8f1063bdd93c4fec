"""Captions against references, things that they name, and where the model looked when it named them.

Shape legend: N items, T words of a caption, P places of an image, K things in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Metric, measure
from mmx_std.tasks import sentences

Floats = NDArray[np.float64]
Counted = Callable[[Sequence[str], Sequence[Sequence[str]]], Floats]

_SIZES: Final = (1, 2, 3, 4)


@dataclass(frozen=True)
class Caption:
    """What a model wrote about an item.

    Attributes:
        text: The caption.
        words: Its tokens, one text each.
        log_p: Its log-probability.
        maps_TP: Where the model looked when it wrote each token; None for one that does not look.
    """

    text: str
    words: Sequence[str]
    log_p: float = 0.0
    maps_TP: Floats | None = None


@dataclass(frozen=True)
class Things:
    """What the images of a split show, as far as it is known.

    Attributes:
        names: Of each item, what its things are called.
        cells: Of each item, the cells of its things, row by row, -1 where it is not known; None where none is.
        grid: Cells in a row.
    """

    names: Sequence[Sequence[str]]
    cells: Sequence[Sequence[int]] | None = None
    grid: int = 3


def metrics(
    texts: Mapping[str, Sequence[str]],
    references: Sequence[Sequence[str]],
    things: Things | None,
    baselines: Sequence[str],
    over: Mapping[str, Any],
) -> Iterator[Metric]:
    """Yield the metrics of captions: recall of things (where they are known), ROUGE-L, exact, CIDEr-D, BLEU-1 to 4.

    METEOR is there where its authors' program is (`pycocoevalcap` and Java).

    Args:
        texts: Captions by who wrote them: "own", "untrained", baselines, and controls.
        references: True captions of each item.
        things: What the images show.
        baselines: Which of them are baselines.
        over: Units and seed of the intervals.
    """
    each: dict[str, Callable[[Sequence[str]], Floats]] = {
        "rouge_l": lambda said: sentences.rouge_each(said, references),
        "exact": lambda said: exact(said, references),
    }
    if things is not None:
        known = things
        each = {"object_recall": lambda said: recall(said, known.names), **each}
    for name, score in each.items():
        found = {who: score(said) for who, said in texts.items()}
        own, untrained = found.pop("own"), found.pop("untrained")
        simple, controls = _parted(found, baselines)
        yield measure(name, own, untrained=untrained, baselines=simple, controls=controls, **over)
    perfect = [several[0] for several in references]
    for name, count, statistic in _counted():
        found = {who: count(said, references) for who, said in {**texts, "perfect": perfect}.items()}
        own, untrained, best = (found.pop(who) for who in ("own", "untrained", "perfect"))
        simple, controls = _parted(found, baselines)
        beside: dict[str, Any] = {"baselines": simple, "controls": controls, "references": {"perfect": best}}
        yield measure(name, own, untrained=untrained, statistic=statistic, **beside, **over)
    every = {who: sentences.meteor(said, references) for who, said in {**texts, "perfect": perfect}.items()}
    values = {who: value for who, value in every.items() if value is not None}
    if values:  # METEOR's program tells one number of all captions
        own_value, untrained_value, perfect_value = (values.pop(who) for who in ("own", "untrained", "perfect"))
        simple, controls = _parted(values, baselines)
        told: dict[str, Any] = {"baselines": simple, "controls": controls, "references": {"perfect": perfect_value}}
        yield Metric("meteor", own_value, untrained=untrained_value, **told)


def pointing(captions: Sequence[Caption], things: Things, over: Mapping[str, Any]) -> Metric | None:
    """Return how often the place that is looked at most, when a thing's name is finished, lies in the thing's cell.

    Only things that the caption names count. Chance is a uniform look; the control asks for the cell of another item's
    thing. None where no cell is known, or places form no square.
    """
    if things.cells is None or not any(_side(each) for each in captions):
        return None
    partners = [*things.cells[1:], *things.cells[:1]]
    rows = [
        (_hits(caption, names, cells, things.grid), _hits(caption, names, others, things.grid))
        for caption, names, cells, others in zip(captions, things.names, things.cells, partners, strict=True)
    ]
    own_N, other_N = (np.array(column) for column in zip(*rows, strict=True))
    controls = {"cell_of_another_item": other_N}
    return measure("pointing", own_N, chance=1 / things.grid**2, controls=controls, **over)


def exact(said: Sequence[str], references: Sequence[Sequence[str]]) -> Floats:
    """Return which captions are a reference, word by word (N,)."""
    pairs = zip(said, references, strict=True)
    return np.array([sentences.words(text) in [sentences.words(each) for each in several] for text, several in pairs])


def recall(said: Sequence[str], names: Sequence[Sequence[str]]) -> Floats:
    """Return the share of the things of each item that its caption names (N,), not a number where there are none."""
    found = []
    for text, several in zip(said, names, strict=True):
        words = sentences.words(text)
        named = [ends(words, sentences.words(name)) is not None for name in several]
        found.append(np.mean(named) if named else np.nan)
    return np.array(found, np.float64)


def ends(words: Sequence[str], phrase: Sequence[str]) -> int | None:
    """Return the place of the last word of the first occurrence of a phrase; None where there is none."""
    size = len(phrase)
    starts = (place for place in range(len(words) - size + 1) if list(words[place : place + size]) == list(phrase))
    start = next(starts, None) if size else None
    return None if start is None else start + size - 1


def cell_of(map_P: Floats, grid: int) -> int:
    """Return the cell, row by row, in which the middle of the most attended place of a square map lies."""
    side = isqrt(len(map_P))
    row, column = divmod(int(map_P.argmax()), side)
    return int((row + 0.5) * grid / side) * grid + int((column + 0.5) * grid / side)


def _hits(caption: Caption, names: Sequence[str], cells: Sequence[int], grid: int) -> float:
    """Return the share of the named things at which the model looked; not a number where it names none."""
    if caption.maps_TP is None or not _side(caption):
        return float("nan")
    words = [word.lower() for word in caption.words]
    hits = [
        cell_of(caption.maps_TP[end], grid) == cell
        for name, cell in zip(names, cells, strict=False)
        if cell >= 0 and (end := ends(words, sentences.words(name))) is not None
    ]
    return float(np.mean(hits)) if hits else float("nan")


def _side(caption: Caption) -> int:
    """Return the side of the square that the places of a caption's maps form; 0 where they form none."""
    count = 0 if caption.maps_TP is None else caption.maps_TP.shape[-1]
    return isqrt(count) if isqrt(count) ** 2 == count else 0


def _parted(found: Mapping[str, Any], baselines: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what baselines reach, and what controls do."""
    simple = {who: value for who, value in found.items() if who in baselines}
    return simple, {who: value for who, value in found.items() if who not in baselines}


def _counted() -> Iterator[tuple[str, Counted, Callable[[Floats], float] | None]]:
    """Yield names, what each caption adds (N, ...), and what sums that up (None: the mean)."""
    yield "cider", sentences.cider_each, None
    for size in _SIZES:
        yield f"bleu_{size}", partial(sentences.bleu_counts, size=size), sentences.bleu_of
