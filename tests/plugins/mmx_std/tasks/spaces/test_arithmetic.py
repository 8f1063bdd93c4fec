"""Arithmetic with known vectors: who answers, what may not, and what the controls find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmx.interfaces import Task
from mmx.report.verdict import verdict
from mmx.types import Report, Sample
from mmx_std.tasks.spaces.arithmetic import Arithmetic, questions
from tests.plugins.mmx_std.judges import COLOURS, SHAPES, Judged, Listed, make_dual, thing

CLASSES = {"colour": COLOURS, "shape": SHAPES}
PAIRS = [(colour, shape) for shape in range(2) for colour in range(3)] * 3


def make_samples() -> list[Sample]:
    return [
        Sample(str(i), {"item": thing(*pair)}, {"colour": pair[0], "shape": pair[1]}) for i, pair in enumerate(PAIRS)
    ]


def judge(samples: list[Sample], **options: Any) -> Report:
    task = Arithmetic(CLASSES, items="item", texts="text", change="colour", keep=["shape"], **options)
    assert isinstance(task, Task)
    return task.evaluate(make_dual(), Listed({"test": samples}, CLASSES), Judged(make_dual(trained=False)))


def test_known_vectors_answer_every_question() -> None:
    """Blue square = (blue + square)/sqrt 2; minus blue plus red: cosine with red square .85, with red circle .5."""
    report = judge(make_samples())
    metric = report.metrics[0]
    assert (metric.name, metric.value) == ("arithmetic_at_1", 1.0)
    assert verdict(report) == "learned"
    # barred: the item's own class (3 items); of the 15 others 3 are right
    assert metric.chance == pytest.approx(3 / 15)
    assert report.metrics[1].chance == pytest.approx(1 - (12 * 11 * 10 * 9 * 8) / (15 * 14 * 13 * 12 * 11))
    assert metric.untrained == pytest.approx(metric.chance)  # all cosines are equal: the mean over all orders
    row = report.predictions[0]
    colour = PAIRS[int(row["answer"])][0]
    assert (row["minus"], COLOURS[colour], row["rank"]) == ("red", row["plus"], 1.0)


def test_the_item_alone_finds_what_shares_the_shape_or_itself() -> None:
    """Barring the class, the nearest are the four of the same shape and another colour: half of them are right."""
    by_class = judge(make_samples()).metrics[0].controls["item_alone"]
    by_item = judge(make_samples(), bar="item").metrics[0]
    assert by_class < 1.0
    assert by_item.controls["item_alone"] == 0.0  # its own class is nearer than any answer
    assert by_item.chance == pytest.approx(3 / 17)


@pytest.mark.parametrize("bar", ["item", "class"])
def test_questions_by_hand(bar: Any) -> None:
    changed, kept = np.array([0, 0, 1, 2]), np.array([0, 0, 0, 1])
    found = questions(changed, [kept], bar, seed=0)
    assert found.items_Q.tolist() == [0, 1, 2], "nothing else has the last one's shape"
    assert found.to_Q.tolist() == [1, 1, 0]
    assert found.right_QN.tolist() == [[False, False, True, False]] * 2 + [[True, True, False, False]]
    expected = np.eye(4, dtype=bool)[:3]
    if bar == "class":
        expected[:2, :2] = True
    assert found.barred_QN.tolist() == expected.tolist()


def test_a_phrase_may_name_what_stays() -> None:
    assert judge(make_samples(), phrase="a {} {shape}").metrics[0].value == 1.0


def test_without_questions_there_is_no_result() -> None:
    assert verdict(judge(make_samples()[:1])) == "no result"


def test_predict_ranks_texts_for_an_item() -> None:
    task = Arithmetic(CLASSES, items="item", texts="text", change="colour", keep=["shape"])
    rows = task.predict(make_dual(), {"item": thing(1, 0)}).rows
    assert rows[0]["caption"] == "green"
