"""An expression fits one thing of its image, and a question has one right answer."""

from __future__ import annotations

import numpy as np

from mmx_worlds.questions import ANSWERS, TYPES
from mmx_worlds.regions.corpus import Regions
from mmx_worlds.regions.texts import expression, question
from mmx_worlds.shapes import CLASSES, COLOURS, SHAPES, Shape


def test_an_expression_fits_one_thing() -> None:
    world = Regions(clips=200, max_objects=3, text="expression", alike=True)
    kinds = [0, 0, 0]
    for sample in world.split("train"):
        labels = [int(label) for label in sample.targets["region_classes"] if label >= 0]
        boxes = sample.fields["regions"].values_TC[:, :4]
        _, *word, shape = sample.fields["text"].split()
        fits = [row for row, label in enumerate(labels) if CLASSES[label].split()[1] == shape]
        if word and word[0] in COLOURS:
            fits = [row for row in fits if CLASSES[labels[row]].split()[0] == word[0]]
        elif word:
            axis, last = {"left": (0, 0), "right": (0, 1), "upper": (1, 0), "lower": (1, 1)}[word[0]]
            fits = [(min, max)[last](fits, key=lambda row: float(boxes[row, axis]))]
        assert len(fits) == 1
        np.testing.assert_allclose(boxes[fits[0]], sample.targets["referred_box"], atol=1e-6)
        np.testing.assert_array_equal(sample.targets["phrase_boxes"][0], sample.targets["referred_box"])
        kinds[sample.targets["kind"]] += 1
    assert min(kinds) > 20


def test_a_question_has_one_answer() -> None:
    for sample in Regions(clips=150, text="question", alike=True).split("train"):
        things = [CLASSES[label].split() for label in sample.targets["region_classes"] if label >= 0]
        kind, truth = TYPES[sample.targets["type"]], ANSWERS[sample.targets["truth"]]
        words = set(sample.fields["text"].rstrip("?").split())
        if kind == "colour":
            assert [truth] == [colour for colour, shape in things if shape in words]
        elif kind == "shape":
            assert [truth] == [shape for colour, shape in things if colour in words]
        elif kind == "count":
            assert truth == str(len(things))
        else:
            asked = words & {*COLOURS, *SHAPES}
            assert (truth == "yes") == any(asked <= set(thing) for thing in things)
        assert len(sample.targets["answers"]) == 10


def test_a_thing_alone_needs_no_more_than_its_shape() -> None:
    rng = np.random.default_rng(0)
    circle, square = (Shape(shape, 0, cell, "small", (0.0, 0.0)) for shape, cell in ((0, 0), (1, 4)))
    found = {expression(rng, [circle, square]) for _ in range(20)}
    assert found == {(0, "the circle", "shape"), (1, "the square", "shape")}
    text, targets = question(rng, [circle])
    assert text.endswith("?") and set(targets) == {"label", "type", "answers", "truth"}
