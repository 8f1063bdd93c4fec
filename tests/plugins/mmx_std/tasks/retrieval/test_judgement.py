"""One judgement of retrieval for all tasks: each kind by hand, pairing, and classes that count alike."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_std.tasks.retrieval.judgement import Area, AveragePrecision, FirstRight, Judgement, Kind, MedianRank, Ranked
from mmx_std.tasks.retrieval.judgement import Recall as RecallAt

ORDER = np.array([[4.0, 3.0, 2.0, 1.0]] * 4)
"""Every query ranks the candidates alike: 0, 1, 2, 3."""
OWN = np.eye(4, dtype=bool)


@pytest.mark.parametrize(
    ("kind", "each", "chance"),
    [
        (RecallAt(2), [1, 1, 0, 0], 0.5),
        (RecallAt(1, gallery=2), [1, 2 / 3, 1 / 3, 0], 0.5),
        (MedianRank(), [1, 2, 3, 4], 2.5),
        (FirstRight(), [1, 0, 0, 0], 0.25),
        (AveragePrecision(), [1, 1 / 2, 1 / 3, 1 / 4], 0.25),
        (Area(), [1, 2 / 3, 1 / 3, 0], 0.5),
    ],
)
def test_each_kind_of_a_known_order(kind: Kind, each: list[float], chance: float) -> None:
    assert kind.each(Ranked(ORDER, OWN)) == pytest.approx(each)
    assert kind.chance(OWN) == pytest.approx(chance)


def test_what_stands_beside_a_metric_is_of_the_same_queries_and_paired() -> None:
    rng = np.random.default_rng(0)
    good, right = np.eye(40) + 0.1 * rng.random((40, 40)), np.eye(40, dtype=bool)
    judged = Judgement(
        [Ranked(good, right), Ranked(good.T, right)],
        [Ranked(rng.random((40, 40)), right)] * 2,
        np.arange(40),
        "things",
        0,
        baselines={"same": [Ranked(good, right)] * 2},
        references={"oracle": [Ranked(right.astype(float), right)] * 2},
    )
    metric = judged.metric("recall", RecallAt(1))
    assert (metric.value, metric.units, metric.unit) == (1.0, 40, "things")
    assert metric.chance == pytest.approx(1 / 40)
    assert metric.untrained is not None and metric.untrained < 0.3
    assert metric.gaps["untrained"][0] > 0.5
    low, high = metric.gaps["baseline same"]
    assert low < 0 < high
    assert metric.references == {"oracle": 1.0}
    assert judged.metric("recall", RecallAt(1), chance=0.125).chance == 0.125


def test_where_classes_count_alike_an_answer_of_the_commonest_class_is_chance() -> None:
    classes = np.array([0] * 9 + [1] * 2 + [2])
    same = classes[:, None] == classes[None, :]
    always = np.tile((classes == 0).astype(float), (12, 1))  # one of class 0 comes first, whatever the query is
    plain = Judgement([Ranked(always, same)], [Ranked(always, same)], np.arange(12), "items", 0)
    alike = Judgement([Ranked(always, same)], [Ranked(always, same)], np.arange(12), "items", 0, classes_Q=classes)
    assert plain.metric("recall", RecallAt(1)).value == pytest.approx(9 / 12)
    assert plain.metric("recall", RecallAt(1)).chance == pytest.approx((9 * 9 + 2 * 2 + 1) / 144)
    metric = alike.metric("recall", RecallAt(1))
    assert metric.value == metric.untrained == pytest.approx(1 / 3)
    assert metric.chance == pytest.approx((9 + 2 + 1) / 12 / 3)
    assert metric.ci95 is not None and metric.ci95[0] <= 1 / 3 <= metric.ci95[1]
    assert alike.metric("rank", MedianRank()).value == plain.metric("rank", MedianRank()).value


def test_queries_without_a_value_change_no_mean_over_classes() -> None:
    right = np.eye(4, dtype=bool)
    right[3] = False
    judged = Judgement([Ranked(np.eye(4), right)], [Ranked(ORDER, right)], range(4), "items", 0, classes_Q=np.arange(4))
    assert judged.metric("recall", RecallAt(1)).value == 1.0
    assert judged.metric("recall", RecallAt(1)).untrained == pytest.approx(1 / 3)
