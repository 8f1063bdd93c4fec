"""Sums by hand: colours and shapes of known vectors, in a gallery that holds two of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import UserError
from mmx.interfaces import Task
from mmx.types import Report, Sample
from mmx_std.tasks.asking import Candidates
from mmx_std.tasks.spaces.sum_of_two import SumOfTwo
from tests.plugins.mmx_std.judges import Judged, Listed, make_dual, make_model

NAMES = ("cat", "dog", "owl", "elk")
CLASSES = {"object": NAMES, "objects": None}
PAIRS = [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2), (1, 3)]


def hot(*classes: int, noise: float = 0.0) -> list[float]:
    return [float(i in classes) + noise * (i == 0) for i in range(4)]


def judge(pairs: list[tuple[int, int]], b: Any = hot, **options: Any) -> Report:
    single = [Sample(f"s{i}", {"image": hot(i % 4), "audio": b(i % 4)}, {"object": i % 4}) for i in range(8)]
    gallery = [
        Sample(f"p{i}", {"image": hot(*pair)}, {"objects": np.array(hot(*pair), np.float32)})
        for i, pair in enumerate(pairs)
    ]
    corpus = Listed({"test": single, "pairs": gallery}, CLASSES)
    task = SumOfTwo(CLASSES, a="image", b="audio", target="object", contents="objects", gallery="pairs", **options)
    assert isinstance(task, Task)
    model = make_model(["image", "audio"], 4)
    return task.evaluate(model, corpus, Judged(make_model(["image", "audio"], 4, trained=False)))


def test_two_items_find_what_holds_both() -> None:
    """Each of six pairs is one question; either alone leaves three pairs with its class, one of them right."""
    metric = judge(PAIRS).metrics[0]
    assert (metric.name, metric.value) == ("sum_at_1", 1.0)
    assert metric.chance == pytest.approx(1 / 6)
    assert metric.untrained == pytest.approx(1 / 6)  # every cosine is 0
    assert metric.controls["a_alone"] == metric.controls["b_alone"] == pytest.approx(1 / 3)
    assert metric.controls["another_b"] < 0.7


def test_a_modality_that_says_nothing_adds_nothing() -> None:
    metric = judge(PAIRS, b=lambda label: [1.0] * 4).metrics[0]
    assert metric.value == metric.controls["a_alone"] == pytest.approx(1 / 3)


def test_equal_pairs_are_all_right_and_questions_without_items_are_none() -> None:
    report = judge([(0, 1), (1, 0), (2, 3), (0, 1)])
    assert report.used == 4 and report.metrics[0].value == 1.0
    assert report.metrics[0].chance == pytest.approx((3 * 3 / 4 + 1 / 4) / 4)
    none = judge([(0, 0)])
    assert none.metrics == [] and "no item" in none.notes[0].lower()


def dual() -> tuple[SumOfTwo, Any]:
    names = {"kind": ("red circle", "blue square")}
    task = SumOfTwo(
        names | {"both": None}, a="item", b="text", target="kind", contents="both", gallery="pairs", share=0.5
    )
    return task, make_dual()


def test_a_users_values_are_added_up_and_rank_candidates() -> None:
    task, model = dual()
    red, square, both = np.eye(6)[0], np.eye(6)[4], np.eye(6)[0] + np.eye(6)[4]
    texts = Candidates(["blue circle", "red square"], ["blue circle", "red square"], "text")
    rows = task.predict(model, {"item": red, "caption": texts}).rows
    assert [row["caption"] for row in rows] == ["red square", "blue circle"]
    found = Candidates(["one", "two"], [red, both], "signal")
    rows = task.predict(model, {"caption": "square", "item": found}).rows
    assert [row["item"] for row in rows] == ["two", "one"]
    assert task.predict(model, {"item": square}).rows[0]["caption"] == "blue square"  # among the classes
    with pytest.raises(UserError, match="give one"):
        task.predict(model, {})
    with pytest.raises(UserError, match="compare it with what"):
        task.predict(model, {"caption": "square"})


def test_a_users_file_becomes_a_question(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a red circle")
    task, model = dual()
    with pytest.raises(UserError, match="nothing to do with 'txets'"):
        task.read(model, tmp_path / "words.txt", {"txets": "x"})
