"""Learning-rate schedules by name: functions from the number of steps to a factor per step.

All may begin with a linear warm-up: at step s < warmup (counted from 0) the factor is (s + 1) / warmup. A warm-up
longer than the stage is never finished.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

Factor = Callable[[int], float]
Warmup = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def constant(total_steps: int, *, warmup: Warmup = 0) -> Factor:
    """Return the factor 1 after the warm-up.

    Args:
        total_steps: Updates of the stage.
        warmup: Steps of linear warm-up.
    """
    return _warmed(warmup, lambda step: 1.0)


def cosine(total_steps: int, *, warmup: Warmup = 0, final: Share = 0.0) -> Factor:
    """Return half a cosine from 1 to `final` over the steps after the warm-up.

    Args:
        total_steps: Updates of the stage.
        warmup: Steps of linear warm-up.
        final: Factor at the end.
    """
    return _warmed(
        warmup,
        lambda step: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * _progress(step, warmup, total_steps))),
    )


def quarter_cosine(total_steps: int, *, warmup: Warmup = 0, final: Share = 0.0) -> Factor:
    """Return a quarter of a cosine from 1 to `final` after the warm-up: flat first, steepest at the end.

    Args:
        total_steps: Updates of the stage.
        warmup: Steps of linear warm-up.
        final: Factor at the end.
    """
    return _warmed(
        warmup, lambda step: final + (1 - final) * math.cos(math.pi / 2 * _progress(step, warmup, total_steps))
    )


def linear(total_steps: int, *, warmup: Warmup = 0, final: Share = 0.0) -> Factor:
    """Return a straight line from 1 to `final` over the steps after the warm-up.

    Args:
        total_steps: Updates of the stage.
        warmup: Steps of linear warm-up.
        final: Factor at the end.
    """
    return _warmed(warmup, lambda step: 1 - (1 - final) * _progress(step, warmup, total_steps))


def noam(
    total_steps: int,
    *,
    warmup: Annotated[int, Field(ge=1)] = 4000,
    width: Annotated[int | None, Field(ge=1)] = None,
) -> Factor:
    """Return a linear warm-up, then a fall with the square root of the step (Vaswani et al., 2017, equation 3).

    At step s, counted from 1, min(s^-0.5, s warmup^-1.5), times width^-0.5; without a width scaled to 1 at its peak.

    Args:
        total_steps: Updates of the stage; the schedule does not depend on them.
        warmup: Steps of linear warm-up.
        width: Of the model. With it the optimizer's `lr` is the formula's factor, 1 in the paper; None: `lr` is the
            highest rate.
    """
    peak: float = warmup**-0.5 if width is None else width**0.5
    return lambda step: float(min((step + 1) ** -0.5, (step + 1) * warmup**-1.5) / peak)


def exponential(total_steps: int, *, factor: Annotated[float, Field(gt=0, le=1)], warmup: Warmup = 0) -> Factor:
    """Return a geometric decay: multiplied by `factor` at every step after the warm-up.

    Args:
        total_steps: Updates of the stage; the decay does not depend on them.
        factor: What every step multiplies the learning rate by.
        warmup: Steps of linear warm-up.
    """
    return _warmed(warmup, lambda step: factor ** (step - warmup))


def halving(
    total_steps: int,
    *,
    every: Annotated[int, Field(ge=1)],
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    warmup: Warmup = 0,
    first: Annotated[int | None, Field(ge=1)] = None,
) -> Factor:
    """Return a staircase: multiplied by `factor` after every `every` steps, counted from the end of the warm-up.

    Args:
        total_steps: Updates of the stage; the staircase does not depend on them.
        every: Steps between two reductions.
        factor: What each reduction multiplies the learning rate by.
        warmup: Steps of linear warm-up.
        first: Steps before the first reduction, where they are not `every`.
    """
    ahead = every - (first or every)
    return _warmed(warmup, lambda step: factor ** max(0, (step - warmup + ahead) // every))


def _warmed(warmup: int, after: Factor) -> Factor:
    return lambda step: (step + 1) / warmup if step < warmup else after(step)


def _progress(step: int, warmup: int, total_steps: int) -> float:
    """Return how far the steps after the warm-up are done: 0 at the first, 1 at the end and beyond."""
    return min(1.0, (step - warmup) / max(1, total_steps - warmup))
