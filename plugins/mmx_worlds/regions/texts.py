"""Texts about the things of an image: an expression that only one of them fits, and questions with answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from mmx_worlds.questions import ANSWERS, annotated, single
from mmx_worlds.questions import TYPES as QUESTION_TYPES
from mmx_worlds.shapes import COLOURS, SHAPES, Shape

__all__ = ["EXPRESSION_KINDS", "MISTAKES", "expression", "question"]

EXPRESSION_KINDS: Final = ("shape", "colour", "position")
"""What an expression tells its thing by."""
MISTAKES: Final = 0.1
"""Share of an annotator's answers that are wrong."""
_SIDES: Final = (("left", "right"), ("upper", "lower"))


def expression(rng: np.random.Generator, things: Sequence[Shape]) -> tuple[int, str, str]:
    """Return which thing an expression speaks of, the expression, and its kind (of `EXPRESSION_KINDS`).

    A thing whose shape no other has is "the circle"; one with a twin in shape is "the red circle", or, where there is
    one twin in another column or row, as often "the left circle".

    Args:
        rng: Draws the thing and the kind.
        things: Of an image; no two are of one colour and shape.
    """
    place = int(rng.integers(len(things)))
    thing, shape = things[place], SHAPES[things[place].shape]
    twins = [each for each in things if each.shape == thing.shape and each is not thing]
    if not twins:
        return place, f"the {shape}", "shape"
    apart = (thing.cell % 3 - twins[0].cell % 3, thing.cell // 3 - twins[0].cell // 3)
    axes = [axis for axis, distance in enumerate(apart) if distance]
    if len(twins) > 1 or rng.random() < 0.5:
        return place, f"the {tuple(COLOURS)[thing.colour]} {shape}", "colour"
    axis = axes[int(rng.integers(len(axes)))]
    return place, f"the {_SIDES[axis][int(apart[axis] > 0)]} {shape}", "position"


def question(rng: np.random.Generator, things: Sequence[Shape]) -> tuple[str, dict[str, Any]]:
    """Return a question about an image as in `worlds/questions`, and its targets.

    Args:
        rng: Draws the question and ten annotators' answers.
        things: Of the image.
    """
    kind, asked, truth = single(rng, things)
    answers, label = annotated(rng, kind, truth, MISTAKES)
    targets = {
        "label": ANSWERS.index(label),
        "type": QUESTION_TYPES.index(kind),
        "answers": answers,
        "truth": ANSWERS.index(truth),
    }
    return asked, targets
