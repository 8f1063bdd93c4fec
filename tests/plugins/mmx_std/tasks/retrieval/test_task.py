from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import UserError
from mmx.interfaces import Task
from mmx.report.verdict import verdict
from mmx.types import Report, Sample
from mmx_std.tasks import baselines
from mmx_std.tasks.retrieval.task import Retrieval
from tests.plugins.mmx_std.judges import Judged, Listed, make_model

N = 12


def one_hot(index: int) -> list[float]:
    return [float(index == i) for i in range(N)]


def make_samples(right: int = 9) -> list[Sample]:
    """Pairs of which the first `right` match exactly; the others' b is that of item 0."""
    return [
        Sample(str(i), {"a": one_hot(i), "b": one_hot(i if i < right else 0)}, {"kind": i % 3, "scene": f"s{i // 2}"})
        for i in range(N)
    ]


def judge(samples: list[Sample], **options: object) -> Report:
    corpus = Listed({"test": samples}, {"kind": ("x", "y", "z"), "scene": None})
    task = Retrieval(a="a", b="b", **options)
    return task.evaluate(make_model("ab", N), corpus, Judged(make_model("ab", N, trained=False)))


def test_both_directions_by_hand() -> None:
    report = judge(make_samples(right=9))
    values = {metric.name: metric.value for metric in report.metrics}
    # a -> b. Items 1-8 find their own. Item 0 ties with b of 9, 10, 11: 1 in 4. Items 9-11: every b scores 0.
    forth = [1.0] * 8 + [1 / 4] + [1 / 12] * 3
    # b -> a. Items 0-8 find their own. The b of 9-11 points at a 0; the own a ties with the ten others at 0.
    back = [1.0] * 9 + [0.0] * 3
    assert values["a_to_b_recall_at_1"] == pytest.approx(np.mean(forth))
    assert values["b_to_a_recall_at_1"] == pytest.approx(np.mean(back))
    assert values["recall_at_1"] == pytest.approx(np.mean(forth + back))
    assert values["a_to_b_median_rank"] == 1.0
    assert values["b_to_a_recall_at_5"] == pytest.approx((9 + 3 * 4 / 11) / 12)
    primary = report.metrics[0]
    assert primary.name == "recall_at_1"
    assert primary.chance == pytest.approx(1 / N)
    assert primary.untrained == pytest.approx(1 / N)
    assert primary.controls["shuffled_pairs"] < 0.2
    assert primary.ci95[0] < primary.value < primary.ci95[1]
    rank = next(metric for metric in report.metrics if metric.name == "median_rank")
    assert rank.better == "lower"
    assert rank.chance == rank.untrained == pytest.approx((N + 1) / 2)
    assert verdict(report) == "learned"
    assert (report.used, report.expected) == (N, N)
    assert report.predictions[9]["rank_b_to_a"] == pytest.approx(1 + 6)


def test_simple_methods_learn_from_split_train(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def noted(train: list[Sample], whole: list[Sample], fields: object) -> dict[str, object]:
        seen.append(([each.id for each in train], [each.id for each in whole]))
        return {}

    monkeypatch.setattr(baselines, "of_samples", noted)
    train = [Sample(f"t{each.id}", each.fields, each.targets) for each in make_samples()]
    corpus = Listed({"train": train, "test": make_samples()}, {"kind": ("x", "y", "z"), "scene": None})
    Retrieval(a="a", b="b").evaluate(make_model("ab", N), corpus, Judged(make_model("ab", N, trained=False)))
    learnt, judged = [f"t{number}" for number in range(N)], [str(number) for number in range(N)]
    assert seen == [(learnt, judged)] * 2


def test_an_untrained_model_is_not_better_than_chance() -> None:
    untrained = make_model("ab", N, trained=False)
    corpus = Listed({"test": make_samples()}, {"kind": ("x", "y", "z")})
    report = Retrieval(a="a", b="b").evaluate(untrained, corpus, Judged(untrained))
    assert verdict(report).startswith("not better than chance")


def test_classes_and_further_positives() -> None:
    report = judge(make_samples(), target="kind", positives="scene")
    values = {metric.name: metric for metric in report.metrics}
    match = values["class_match"]
    # chance: 4 of 12 items share the kind
    assert match.chance == pytest.approx(1 / 3)
    # the b of 9 shares the kind of item 0, which its a finds by accident; the ties are averages
    forth = [1.0] * 8 + [2 / 4] + [1 / 3] * 3
    back = [1.0] * 9 + [1.0, 0.0, 0.0]
    assert match.value == pytest.approx(np.mean(forth + back))
    # two right answers each among 12
    assert values["recall_at_1"].chance == pytest.approx(2 / 12)
    assert values["recall_at_5"].chance == pytest.approx(1 - (7 * 6) / (12 * 11))


def test_pairs_that_lack_a_side_are_left_out() -> None:
    samples = make_samples(N)
    samples[3] = Sample("3", {"a": one_hot(3)}, {})
    samples[5] = Sample("5", {"b": one_hot(5)}, {})
    report = judge(samples)
    assert (report.used, report.expected) == (10, 12)
    assert report.metrics[0].value == 1.0
    assert any("2 items lack a or b" in note for note in report.left_out)
    assert "3" not in [row["id"] for row in report.predictions]
    assert not any("recall_at_10" in metric.name for metric in report.metrics), "ten of ten is no question"


def test_the_gallery_can_be_limited() -> None:
    report = judge(make_samples(N), limit=4)
    assert [row["id"] for row in report.predictions] == ["0", "3", "6", "9"]
    assert any("4 of 12 items are judged" in note for note in report.left_out)


def test_fewer_than_two_pairs_are_no_result() -> None:
    assert verdict(judge(make_samples()[:1])) == "no result"


def test_figures_and_players() -> None:
    report = judge(make_samples())
    assert [figure.key for figure in report.figures] == ["similarity"]
    assert [clip.key for clip in report.clips[:4]] == ["query_0"] + [f"query_0_answer_{i}" for i in (1, 2, 3)]
    assert report.clips[1].caption == "Answer 1 to query 0: 0, right"
    assert report.clips[2].caption.endswith("9, wrong")


def test_predict_ranks_what_is_given() -> None:
    task = Retrieval(a="a", b="b")
    assert isinstance(task, Task)
    model = make_model("ab", N)
    rows = task.predict(model, {"a": np.array(one_hot(2)), "b": [np.array(one_hot(1)), np.array(one_hot(2))]}).rows
    assert rows == [
        {"rank": 1, "b": "item 2", "similarity": pytest.approx(1.0)},
        {"rank": 2, "b": "item 1", "similarity": pytest.approx(0.0)},
    ]


@pytest.mark.parametrize("raw", [{"a": "x"}, {"b": ["x"]}, {"a": "x", "b": "y"}, {"a": ["x"], "b": ["y"]}])
def test_predict_needs_one_query_and_several_candidates(raw: dict[str, object]) -> None:
    with pytest.raises(UserError, match="compares a and b"):
        Retrieval(a="a", b="b").predict(make_model("ab", N), raw)
