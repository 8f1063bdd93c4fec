"""Scores of captions against hand-counted cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmx_std.tasks import sentences
from mmx_std.tasks.captions import scores
from mmx_std.tasks.captions.scores import Caption, Things

OVER = {"units": ["a", "b", "c"], "unit": "items", "seed": 0}
REFERENCES = [["a red circle and a blue square"], ["a green cross"], ["a white circle"]]
NAMES = [["red circle", "blue square"], ["green cross"], []]


def looked(text: str, places: list[int], count: int) -> Caption:
    """Return a caption whose words were each written while one place was looked at."""
    return Caption(text, text.split(), 0.0, np.eye(count)[places])


def test_recall_counts_whole_names() -> None:
    said = ["a blue square and a red square", "a green crossing", "a white circle"]
    found = scores.recall(said, NAMES)
    assert found[:2].tolist() == [0.5, 0.0] and math.isnan(found[2])
    assert scores.ends(["a", "red", "red", "circle"], ["red", "circle"]) == 3
    assert scores.ends(["red"], []) is None


def test_exact_is_word_by_word() -> None:
    said = ["A red circle and a blue square.", "a green", "a white circle"]
    assert scores.exact(said, REFERENCES).tolist() == [1.0, 0.0, 1.0]


def test_every_metric_stands_beside_who_else_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "meteor", lambda said, references: None)  # where its program is missing
    own = [several[0] for several in REFERENCES]
    texts = {"own": own, "untrained": ["", "", ""], "nearest": ["a green cross"] * 3, "without_image": [""] * 3}
    things = Things(NAMES)
    found = {each.name: each for each in scores.metrics(texts, REFERENCES, things, ["nearest"], OVER)}
    assert list(found) == ["object_recall", "rouge_l", "exact", "cider", "bleu_1", "bleu_2", "bleu_3", "bleu_4"]
    recall = found["object_recall"]
    assert recall.value == 1.0 and recall.untrained == 0.0
    assert dict(recall.baselines) == {"nearest": 0.5} and dict(recall.controls) == {"without_image": 0.0}
    assert found["exact"].baselines["nearest"] == pytest.approx(1 / 3)
    # Words of "a green cross" three times against three references: a, a green cross, a; 9 of references' 13 words.
    expected = math.exp(1 - 13 / 9) * 5 / 9
    assert found["bleu_1"].baselines["nearest"] == pytest.approx(expected)
    assert found["cider"].value == found["cider"].references["perfect"] > 0
    assert all(each.ci95 and each.gaps["untrained"][1] > 0 for each in found.values()), "all are paired over items"
    monkeypatch.setattr(sentences, "meteor", lambda said, references: len(said[0]) / 100)
    (meteor,) = [each for each in scores.metrics(texts, REFERENCES, None, ["nearest"], OVER) if each.name == "meteor"]
    assert (meteor.value, meteor.untrained, dict(meteor.baselines)) == (0.3, 0.0, {"nearest": 0.13})
    assert "object_recall" not in {each.name for each in scores.metrics(texts, REFERENCES, None, ["nearest"], OVER)}


def test_a_place_belongs_to_the_cell_in_which_its_middle_lies() -> None:
    for side, place, cell in ((3, 5, 5), (6, 0, 0), (6, 2 * 6 + 1, 3), (6, 35, 8), (1, 0, 4), (4, 5, 4), (4, 3, 2)):
        assert scores.cell_of(np.eye(side * side)[place], 3) == cell


def test_pointing_asks_where_the_name_ends() -> None:
    """In a map of 3 x 3 places, "circle" looks at cell 0, "square" at 5 (wrong: 4); the cross is not named."""
    captions = [
        looked("a red circle and a blue square", [8, 8, 0, 8, 8, 8, 5], 9),
        looked("a green thing", [1, 1, 1], 9),
        looked("a white circle", [1, 1, 1], 9),
    ]
    things = Things(NAMES, [[0, 4], [2], []])
    found = scores.pointing(captions, things, OVER)
    assert found is not None and found.value == 0.5 and found.chance == pytest.approx(1 / 9)
    assert found.controls["cell_of_another_item"] == 0.0
    assert scores.pointing(captions, Things(NAMES), OVER) is None
    assert scores.pointing([looked("a red circle", [0, 1, 2], 7)] * 3, things, OVER) is None
