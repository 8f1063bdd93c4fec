"""Learning curves on a page: the losses of each stage in training and validation, with what is worth a mark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from mmx.report.svg import Mark, curves, number

TRAINING: Final = "train/"
VALIDATION: Final = "val/"
SETTLED: Final = ("stopped_step", "kept_step", "kept_loss", "averaged")
"""Ends of keys that tell where a stage ended, and are no curves."""
WEIGHT: Final = "lambda_"
"""Beginning of the names of terms that are weights of a loss."""
_CHANGES: Final = 3
"""Weights that change at more steps than these follow a schedule, and are not marked."""
_SAME: Final = 1e-5

Curves = Mapping[str, Sequence[tuple[int, float]]]


def plots(found: Curves) -> str:
    """Return the losses of all stages, and folded below them every other number that was logged over steps.

    Args:
        found: Key -> points; `val/STAGE/NAME` is drawn beside `train/STAGE/NAME`, `x/chance` into `x/loss`.
    """
    drawn = [key for key in _names(found) if len(found[_lines(key, found)[0][1]]) > 1]
    losses = [key for key in drawn if key.endswith("/loss")]
    rest = [key for key in drawn if key not in losses]
    first = "".join(plot(key, found) for key in losses)
    body = f"<div class=grid>{first}</div>" if first else ""
    if rest:
        more = f"{len(rest)}{' more' if first else ''} {'curve' if len(rest) == 1 else 'curves'}"
        inner = "".join(plot(key, found) for key in rest)
        body += f"<details><summary>{more}</summary><div class=grid>{inner}</div></details>"
    return body


def plot(key: str, found: Curves) -> str:
    """Return one plot: training and validation, chance level, the lowest validation loss, changes of the weights."""
    lines = _lines(key, found)
    chance = found.get(f"{key.rpartition('/')[0]}/chance", ()) if key.endswith("/loss") else ()
    marks = list(_marks(key, found)) if key.endswith("/loss") else []
    named = {words if len(lines) > 1 else "": found[each] for words, each in lines}
    return curves(
        key.removeprefix(TRAINING) if len(lines) > 1 else key, named, chance[-1][1] if chance else None, marks
    )


def _names(found: Curves) -> Iterator[str]:
    """Yield the key of each plot: that of training where there is one."""
    for key in found:
        last = key.rpartition("/")[2]
        partner = f"{TRAINING}{key.removeprefix(VALIDATION)}"
        beside = key.startswith(VALIDATION) and partner in found
        if last != "chance" and not beside and not (key.startswith(VALIDATION) and last in SETTLED):
            yield key


def _lines(key: str, found: Curves) -> list[tuple[str, str]]:
    """Return the lines of a plot: words and key."""
    other = f"{VALIDATION}{key.removeprefix(TRAINING)}"
    if key.startswith(TRAINING) and other in found:
        return [("training", key), ("validation", other)]
    return [("", key)]


def _marks(key: str, found: Curves) -> Iterator[Mark]:
    """Yield where the validation loss was lowest, where a stage ended early, and where its loss was weighted anew."""
    stage = key.rpartition("/")[0].removeprefix(TRAINING)
    weighted = changes(stage, found)
    points = found.get(f"{VALIDATION}{stage}/loss", ())
    since = max(weighted, default=0)  # before, it was another loss
    measured = [(value, step) for step, value in points if math.isfinite(value) and step >= since]
    kept, stopped = (found.get(f"{VALIDATION}{stage}/{name}", ()) for name in ("kept_step", "stopped_step"))
    if len(measured) > 1:
        lowest, step = min(measured)
        words = "kept" if kept and round(kept[-1][1]) == step else "lowest"
        yield step, lowest, f"{words}: {number(lowest)} at step {step:,}"
    if stopped:
        yield round(stopped[-1][1]), None, "ended early"
    yield from ((step, None, "loss weighted anew") for step in weighted)


def changes(stage: str, found: Curves) -> list[int]:
    """Return the logged steps at which the weights of a stage's loss have changed, none where they always do."""
    steps: list[int] = []
    for key, points in found.items():
        if not key.startswith(f"{TRAINING}{stage}/{WEIGHT}"):
            continue
        for (before, old), (step, new) in pairwise(points):
            if abs(new - old) > _SAME * max(abs(new), abs(old)) and before not in steps:
                steps.append(step)  # a mean over the steps of a change shows it twice: marked once
    found_steps = sorted(set(steps))
    return found_steps if len(found_steps) <= _CHANGES else []
