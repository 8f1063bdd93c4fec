"""Retrieval on vectors made by hand: perfect, reversed, shuffled, and classes that are unknown."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_vatt.evaluation.matching import Judged, Values, directions, primary
from mmx_vatt.evaluation.vectors import Vectors

NAMES = ("video_va", "audio_va", "video_vt", "audio_vt", "text_vt")


def vectors(perfect: bool, items: int = 12) -> Vectors:
    rng = np.random.default_rng(0)
    base = np.eye(items)
    return Vectors({f"fused.{name}": base.copy() if perfect else rng.standard_normal((items, items)) for name in NAMES})


def judged(**options: Vectors) -> Judged:
    return Judged(options.get("own", vectors(True)), vectors(False), options.get("still"), 0)


def test_all_directions_of_what_is_there() -> None:
    found = directions(vectors(True))
    assert [match.name for match in found] == [
        "video_to_audio", "audio_to_video", "video_to_text", "text_to_video", "audio_to_text", "text_to_audio",
    ]  # fmt: skip
    assert found[2].query == "fused.video_vt"
    partial = vectors(True)
    partial.by_port["fused.text_vt"][2:] = np.nan  # type: ignore[index]
    assert [len(match.rows) for match in directions(partial)] == [12, 12, 2, 2, 2, 2]
    partial.by_port["fused.text_vt"][1:] = np.nan  # type: ignore[index]
    assert len(directions(partial)) == 2


def test_a_perfect_model_finds_every_item_and_a_shuffle_none() -> None:
    match = directions(vectors(True))[0]
    found = {metric.name: metric for metric in judged().ranks(match)}
    assert found["video_to_audio_recall_at_1"].value == 1.0
    assert found["video_to_audio_recall_at_1"].controls == {"shuffled_pairs": 0.0}
    random = {metric.name: metric for metric in judged(own=vectors(False)).ranks(match)}
    for name, metric in random.items():
        assert found[name].untrained == metric.value != found[name].value, "judged() has random vectors for untrained"
    assert found["video_to_audio_recall_at_5"].chance == pytest.approx(5 / 12)
    assert found["video_to_audio_median_rank"].value == 1.0
    assert found["video_to_audio_median_rank"].better == "lower"
    assert found["video_to_audio_median_rank"].controls["shuffled_pairs"] > 1
    paper = {metric.name: metric.paper for match in directions(vectors(True)) for metric in judged().ranks(match)}
    assert paper["text_to_video_recall_at_10"] is not None
    assert paper["text_to_audio_recall_at_10"] is None


def test_class_match_leaves_out_what_has_no_class() -> None:
    classes = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, -1, -1])
    match = directions(vectors(True))[0]
    values = judged().classes(match, classes, "class_match")
    assert values is not None
    assert np.isnan(values.own[10:]).all()
    metric = judged().metric(values.name, [values])
    assert metric.value == 1.0
    assert metric.chance == pytest.approx((9 + 9 + 16) / 100)
    assert metric.controls["shuffled_pairs"] < 1
    random = judged(own=vectors(False)).classes(match, classes, "class_match")
    assert random is not None
    assert metric.untrained == judged().metric("random", [random]).value < 1
    assert metric.units == 10
    assert judged().classes(match, np.full(12, -1), "class_match") is None


def test_a_still_video_is_a_reference_of_video_alone() -> None:
    still = Vectors({name: np.roll(x, 3, 0) for name, x in vectors(True).by_port.items() if "video" in name})
    classes = np.repeat(np.arange(4), 3)
    forth, back = directions(vectors(True))[:2]
    with_still = judged(still=still)
    values = with_still.classes(forth, classes, "class_match")
    assert values is not None
    metric = with_still.metric(values.name, [values])
    assert metric.references == {"still_video": 0.0}
    assert set(metric.controls) == {"shuffled_pairs"}
    assert not with_still.classes(back, classes, "class_match").references  # type: ignore[union-attr]
    still.by_port["fused.video_va"][0] = np.nan  # type: ignore[index]
    assert np.isfinite(with_still.classes(forth, classes, "x").references["still_video"]).all()  # type: ignore[union-attr]


def test_simple_methods_are_judged_on_the_same_items_and_paired() -> None:
    classes = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2, -1, -1])
    match = directions(vectors(True))[0]
    simple = {"video_to_audio": {"good": np.eye(12), "reversed": np.eye(12)[::-1]}}
    given = Judged(vectors(True), vectors(False), None, 0, simple)
    values = given.classes(match, classes, "class_match")
    assert values is not None
    metric = given.metric("class_match", [values])
    assert metric.baselines["good"] == 1.0
    # Of ten items in reversed order, number i answers with 11 - i where that has a class: 2 to 9, of which 4 to 7
    # are 4-7 (1, 2), 5-6 (1, 2): none is right; 0 and 1 tie over all ten.
    assert metric.baselines["reversed"] == pytest.approx((0.3 + 0.3) / 10)
    low, high = metric.gaps["baseline good"]
    assert low < 0 < high
    assert metric.gaps["baseline reversed"][0] > 0
    ranked = {each.name: each for each in given.ranks(match)}
    assert ranked["video_to_audio_recall_at_1"].baselines == {"good": 1.0, "reversed": 0.0}


def test_the_primary_metric_is_the_mean_of_both_trained_pairs() -> None:
    def values(name: str, own: float, **baselines: float) -> Values:
        def column(value: float) -> np.ndarray:
            return np.full(12, value)

        named = {key: column(value) for key, value in baselines.items()}
        return Values(name, column(own), 0.1, column(0.2), column(0.3), named, {})

    given = [
        values("video_to_audio_class_match", 0.5, a=0.1, b=1.0),
        values("video_to_text_class_match", 0.7, a=0.3),
        values("x", 0.0),
    ]
    metric = judged().metric("class_match", primary(given))
    assert metric.value == pytest.approx(0.6)
    assert (metric.chance, metric.untrained) == (pytest.approx(0.1), pytest.approx(0.2))
    assert metric.baselines == {"a": pytest.approx(0.2)}
    assert primary([values("x", 0.0)]) == []
