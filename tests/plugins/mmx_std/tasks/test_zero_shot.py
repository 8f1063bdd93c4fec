"""Zero-shot classification by hand: known vectors of items and of words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError, UserError
from mmx.interfaces import Task
from mmx.report.verdict import verdict
from mmx.types import Report, Sample
from mmx_std.tasks import asking
from mmx_std.tasks.zero_shot import PROMPTS, ZeroShot, class_vectors
from tests.plugins.mmx_std.judges import COLOURS, SHAPES, WORDS, Judged, Listed, make_dual, thing

CLASSES = {"kind": [f"{colour} {shape}" for shape in SHAPES for colour in COLOURS], "free": None}


def make_samples(wrong: int = 0, each: int = 2) -> list[Sample]:
    """`each` items of each class; the first `wrong` carry the label of the next class."""
    pairs = [(colour, shape) for shape in range(2) for colour in range(3)] * each
    return [
        Sample(str(i), {"item": thing(*pair)}, {"kind": (pair[1] * 3 + pair[0] + (i < wrong)) % 6})
        for i, pair in enumerate(pairs)
    ]


def judge(samples: list[Sample], **options: Any) -> Report:
    corpus = Listed({"test": samples, "other": samples[:4]}, CLASSES)
    task = ZeroShot(CLASSES, items="item", texts="text", target="kind", **options)
    assert isinstance(task, Task)
    return task.evaluate(make_dual(), corpus, Judged(make_dual(trained=False)))


def test_items_of_the_named_class_are_right() -> None:
    report = judge(make_samples(wrong=3))
    accuracy = report.metrics[0]
    assert (accuracy.name, accuracy.value, accuracy.chance) == ("accuracy", 9 / 12, 1 / 6)
    assert accuracy.untrained == pytest.approx(1 / 12)  # every cosine is 0: always the first class
    assert accuracy.controls["shuffled_names"] < 0.3
    assert (accuracy.units, accuracy.unit) == (12, "items")
    assert verdict(report) == "not better than control shuffled_names", "12 items are too few for that gap"
    assert verdict(judge(make_samples(wrong=3, each=4))) == "learned"
    assert report.predictions[0] == {
        "id": "0",
        "truth": "green circle",
        "predicted": "red circle",
        "cosine": pytest.approx(1.0),
        "right": False,
    }
    assert (report.used, report.expected) == (12, 12)


def test_further_splits_and_the_first_template_alone() -> None:
    report = judge(make_samples(), templates=["a {}", "{}", "{} {}"], splits=["other"])
    values = {metric.name: metric.value for metric in report.metrics}
    assert values == {"accuracy": 1.0, "accuracy_other": 1.0, "accuracy_first_template": 1.0}


class Corpus(Listed):
    """Arrays instead of lists, and a training split, in which every item has the text that describes it."""

    def split(self, name: str) -> Any:
        found = [replace(each, fields={"item": np.array(each.fields["item"])}) for each in super().split("test")]
        if name != "train":
            return found
        words = ["a " + " ".join(np.array(WORDS)[each.fields["item"] > 0]) for each in found]
        return [replace(each, fields={**each.fields, "caption": text}) for each, text in zip(found, words, strict=True)]


def test_simple_methods_get_the_same_prompts() -> None:
    """Items are one-hot in colour and shape, texts in words: a linear map from one to the other is perfect."""
    corpus = Corpus({"test": make_samples(each=8)}, CLASSES)
    task = ZeroShot(CLASSES, items="item", texts="text", target="kind", templates=["{}", "a {}"])
    first, single = task.evaluate(make_dual(), corpus, Judged(make_dual(trained=False))).metrics[:2]
    assert first.baselines == {"cca": 1.0, "nearest_neighbour": 1.0}
    assert single.baselines == {"cca": 1.0, "nearest_neighbour": 1.0}
    assert set(first.gaps) == {"chance", "untrained", "control shuffled_names", "baseline cca"} | {
        "baseline nearest_neighbour"
    }
    shuffled = [replace(each, targets={"kind": (each.targets["kind"] + 1) % 6}) for each in make_samples(each=8)]
    wrong = Corpus({"test": shuffled}, CLASSES)
    found = task.evaluate(make_dual(), wrong, Judged(make_dual(trained=False))).metrics[0]
    assert (found.value, found.baselines["cca"]) == (0.0, 0.0), "baselines learn from texts, not from labels"


def test_sides_that_never_met_stand_beside_neighbours_through_the_one_between() -> None:
    """What is taught the pairs is a reference then, and no item lends both of its pairs."""
    corpus = Corpus({"test": make_samples(each=8)}, CLASSES)
    task = ZeroShot(CLASSES, items="item", texts="text", target="kind", through="item")
    found = task.evaluate(make_dual(), corpus, Judged(make_dual(trained=False))).metrics[0]
    assert found.baselines == {"neighbours_through_item": 1.0}
    assert found.references == {"cca_taught_pairs": 1.0, "nearest_neighbour_taught_pairs": 1.0}
    assert "baseline neighbours_through_item" in found.gaps and len(found.gaps) == 4


def test_prompts_of_the_paper_have_names() -> None:
    options: dict[str, Any] = {"items": "item", "texts": "text", "target": "kind"}
    assert ZeroShot(CLASSES, templates="pet", **options).templates == ["a photo of a {}, a type of pet."]
    assert len(ZeroShot(CLASSES, templates="seven", **options).templates) == 7
    assert ZeroShot(CLASSES, templates="one {}", **options).templates == ["one {}"], "one template is a list of one"
    assert all(text.count("{}") == 1 for texts in PROMPTS.values() for text in texts)


def test_templates_are_averaged_as_unit_vectors() -> None:
    """By hand for one class: "a red circle" = (1, 1, .5) / 1.5, "red circle red circle" = (2, 2) / sqrt 8."""
    vector = class_vectors(make_dual(), "fused.text", ["red circle"], ["a {}", "{} {}"])[0]
    first = torch.tensor([1.0, 0, 0, 1.0, 0, 0.5]) / 1.5
    second = torch.tensor([1.0, 0, 0, 1.0, 0, 0]) / 2**0.5
    mean = (first + second) / 2
    torch.testing.assert_close(vector, (mean / (mean @ mean).sqrt()).double())
    # The mean of the raw vectors would weigh the longer text more.
    raw = torch.tensor([3.0, 0, 0, 3.0, 0, 0.5]).double()
    assert not torch.allclose(vector, raw / (raw @ raw).sqrt(), atol=1e-3)


def test_classes_may_be_called_otherwise() -> None:
    wrong = judge(make_samples(), names={"red circle": "blue square"})
    assert wrong.metrics[0].value == pytest.approx(
        8 / 12
    )  # red circles are nobody, and blue squares go to the first of two


def test_items_without_class_are_left_out() -> None:
    samples = [*make_samples(), Sample("x", {"item": thing(0, 0)}, {"kind": -1})]
    assert (judge(samples).used, judge(samples).expected) == (12, 13)
    assert verdict(judge(samples[-1:])) == "no result"


def test_a_target_that_is_no_class_is_refused() -> None:
    samples = [Sample("0", {"item": thing(0, 0)}, {"kind": 0.5})]
    with pytest.raises(DataError, match="not one class per item"):
        judge(samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"templates": ["a photo"]}, "has no {}"),
        ({"templates": "photos"}, "prompts with a name: photo, pet"),
        ({"names": {"rde": "red"}}, "no class 'rde'"),
    ],
)
def test_wrong_prompts_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ZeroShot(CLASSES, items="item", texts="text", target="kind", **options)


def test_predict_names_the_class_or_ranks_what_is_given() -> None:
    task = ZeroShot(CLASSES, items="item", texts="text", target="kind")
    rows = task.predict(make_dual(), {"item": thing(2, 1)}).rows
    assert rows[0] == {"class": "blue square", "probability": pytest.approx(1.0)}
    rows = task.predict(make_dual(), {"item": thing(2, 1), "caption": ["a red circle", "a blue square"]}).rows
    assert [row["caption"] for row in rows] == ["a blue square", "a red circle"]
    found = asking.Candidates(["one.png", "two.png"], [thing(0, 0), thing(1, 1)], "signal")
    rows = task.predict(make_dual(), {"caption": "green square", "item": found}).rows
    assert [(row["rank"], row["item"]) for row in rows] == [(1, "two.png"), (2, "one.png")]
    with pytest.raises(UserError, match="classifies item"):
        task.predict(make_dual(), {})


def test_a_users_file_becomes_a_question(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a red circle")
    task = ZeroShot(CLASSES, items="item", texts="text", target="kind")
    with pytest.raises(UserError, match="nothing to do with 'txets'"):
        task.read(make_dual(), tmp_path / "words.txt", {"txets": "x"})
