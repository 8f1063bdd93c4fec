"""Retrieval on vectors made by hand: perfect, reversed, shuffled, and classes that are unknown."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Metric
from mmx_vatt.evaluation.matching import Judged, directions, primary
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
    metric = judged().classes(match, classes, "class_match")
    assert metric is not None
    assert metric.value == 1.0
    assert metric.chance == pytest.approx((9 + 9 + 16) / 100)
    assert metric.controls["shuffled_pairs"] < 1
    assert judged().classes(match, np.full(12, -1), "class_match") is None


def test_a_film_that_stands_still_is_a_control_of_film_alone() -> None:
    still = Vectors({name: np.roll(x, 3, 0) for name, x in vectors(True).by_port.items() if "video" in name})
    classes = np.repeat(np.arange(4), 3)
    forth, back = directions(vectors(True))[:2]
    with_still = judged(still=still)
    assert with_still.classes(forth, classes, "class_match").controls["still_video"] == 0.0  # type: ignore[union-attr]
    assert "still_video" not in with_still.classes(back, classes, "class_match").controls  # type: ignore[union-attr]
    still.by_port["fused.video_va"][0] = np.nan  # type: ignore[index]
    assert np.isfinite(with_still.classes(forth, classes, "x").controls["still_video"])  # type: ignore[union-attr]


def test_the_primary_metric_is_the_mean_of_both_trained_pairs() -> None:
    def metric(name: str, value: float) -> Metric:
        return Metric(name, value, chance=0.1, untrained=0.2, controls={"a": 0.3, name: 0.0})

    found = primary(
        [metric("video_to_audio_class_match", 0.5), metric("video_to_text_class_match", 0.7), metric("x", 0.0)]
    )
    assert found is not None
    assert found.value == pytest.approx(0.6)
    assert found.controls == {"a": pytest.approx(0.3)}
    assert primary([metric("x", 0.0)]) is None
