"""Groups of tags and the numbers beside them, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Sample
from mmx_mulan.evaluation import measures
from mmx_mulan.evaluation.embedding import Encoded
from mmx_mulan.evaluation.measures import Side
from mmx_mulan.evaluation.tagging import gather
from tests.plugins.mmx_mulan.conftest import TinyRun, toy_model

NAMES = ["harp", "slow", "reel", "ballad"]
TRUTH = np.array([[i % 2, i // 2 % 2, i // 4 % 2, i // 8 % 2] for i in range(16)], float)


def side(scores_NC: np.ndarray) -> Side:
    return Side(toy_model(deaf=True), Encoded(np.arange(16), scores_NC), None, scores_NC)


def test_tags_are_grouped_by_where_they_come_from_and_sung_genres_stand_apart() -> None:
    tags = gather(NAMES, TRUTH, 4)
    groups = measures.tagging_groups(tags, ())
    assert groups == {"auc": [0, 1, 2], "auc_notation": [2], "auc_played": [0, 1], "auc_sung_words": [3]}
    assert measures.tagging_groups(gather(["ballad"], TRUTH[:, 3:], 4), ()) == {"auc": [0]}
    assert measures.tagging_groups(gather(["someone's", "own"], TRUTH[:, :2], 4), ["genre"]) == {"auc": [0, 1]}


def test_tags_that_were_classes_before_any_text_was_read_are_told_apart() -> None:
    tags = gather(NAMES, TRUTH, 4)
    groups = measures.tagging_groups(tags, {"genre", "metre"})
    assert (groups["auc_never_classes"], groups["auc_once_classes"]) == ([0, 1], [2])
    scores_NC = TRUTH * [1, 0, -1, 1]
    judged = measures.judge_tags(tags, side(scores_NC), side(scores_NC), 0, {"genre"})
    found = {metric.name: metric.value for metric in judged.metrics}
    assert (found["auc_never_classes"], found["auc_once_classes"]) == (0.75, 0)
    assert any("learned from texts alone" in note and "(genre)" in note for note in judged.notes)
    assert "auc_never_classes" not in measures.tagging_groups(tags, {"metre"})


def test_each_mean_is_over_its_group_only() -> None:
    scores_NC = TRUTH * [1, 0, -1, 1]  # right, cannot tell, the wrong way round, right
    judged = measures.judge_tags(gather(NAMES, TRUTH, 4), side(scores_NC), side(0 * scores_NC), 0)
    found = {metric.name: metric for metric in judged.metrics}
    assert found["auc"].value == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["auc_notation"].value == 0
    assert found["auc_played"].value == 0.75
    assert found["auc_sung_words"].value == 1
    assert found["auc"].untrained == found["auc"].chance == 0.5
    assert [metric.paper is not None for metric in judged.metrics] == [True, False, False, False]
    assert judged.metrics[0].name == "auc"


def test_simple_methods_stand_beside_paired_over_recordings() -> None:
    truth_NC = np.tile(TRUTH, (4, 1))
    noise_NC = np.random.default_rng(0).normal(size=truth_NC.shape)
    judged = measures.judge_tags(
        gather(NAMES, truth_NC, 4), side(truth_NC), side(0 * truth_NC), 0, simple={"same": truth_NC, "noise": noise_NC}
    )
    auc = judged.metrics[0]
    assert auc.baselines["same"] == 1
    assert auc.gaps["baseline same"][0] <= 0
    assert auc.gaps["baseline noise"][0] > 0.2
    assert (auc.units, auc.unit) == (64, "recordings")
    pairs = [str(row // 2) for row in range(64)]
    judged = measures.judge_tags(gather(NAMES, truth_NC, 4), side(truth_NC), side(0 * truth_NC), 0, units=pairs)
    assert judged.metrics[0].units == 32


def test_means_by_kind_of_fact_are_told() -> None:
    tags = gather([*NAMES, "someone's"], np.concatenate([TRUTH, TRUTH[:, :1]], 1), 4)
    found = measures.by_kind(tags, np.array([0.9, 0.8, 0.7, 0.6, 0.1]))
    assert {kind: areas.tolist() for kind, areas in found.items()} == {
        "instrument": [0.9],
        "tempo": [0.8],
        "genre": [0.7],
        "sung genre": [0.6],
    }
    notes = measures.tagging_notes(tags, np.array([0.7, 0.9, 0.8, 0.6, 0.1]), ())
    assert "Area of each of 5 tags: slow 0.900, reel 0.800, harp 0.700, ballad 0.600, someone's 0.100." in notes
    assert "sung genre 0.600 (1)" in " ".join(notes)


def test_tags_that_training_hardly_has_are_not_judged() -> None:
    samples = [Sample(str(row), {}, {"tags": truth_C}) for row, truth_C in enumerate(TRUTH)]
    setting = measures.Setting(NAMES, NAMES, 1.0, 1, 4, 1, 1)
    tags = measures.truth(samples, "tags", setting, samples[:5])  # 0 to 4: harp 2, slow 2, reel 1, ballad 0
    assert (list(tags.judged), list(tags.unlearned)) == ([], [0, 1, 2, 3])
    tags = measures.truth(samples, "tags", setting, samples[:8])  # harp 4, slow 4, reel 4, ballad 0
    assert (list(tags.judged), list(tags.unlearned)) == ([0, 1, 2], [3])
    assert not tags.skipped


def test_parts_are_told_apart() -> None:
    truth_NC = np.tile(TRUTH, (4, 1))  # 64 recordings
    part_N = np.repeat([0, 1, 2], [32, 31, 1])
    scores_NC = truth_NC * np.where(part_N == 0, 1, -1)[:, None]  # right in the first part, the wrong way in the second
    judged = measures.judge_tags(gather(NAMES, truth_NC, 4), side(scores_NC), side(scores_NC), 0)
    (sentence,) = judged.by_part(part_N.tolist(), ["alone", "band", "few"])
    assert "alone 1.000 (32 recordings, 1 tags)" in sentence
    assert "band 0.000 (31 recordings, 1 tags)" in sentence
    assert "few" not in sentence
    assert judged.by_part(list(range(64)), [str(i) for i in range(64)]) == []


def test_a_class_is_the_only_true_tag() -> None:
    samples = [Sample(str(row), {}, {"label": row % 3}) for row in range(9)]
    setting = measures.Setting(["a", "b", "c"], ["a", "b", "c"], 1.0, 1, 2, 1, 1)
    tags = measures.truth(samples, "label", setting, samples)
    assert np.array_equal(tags.truth_NC, np.tile(np.eye(3), (3, 1)))
    assert list(tags.judged) == [0, 1, 2]


def test_best_tags_are_those_furthest_above_their_average() -> None:
    scores_NC = TRUTH + np.array([10, 0, 0, 0])  # everything sounds like a harp to this model
    judged = measures.judge_tags(gather(NAMES, TRUTH, 4), side(scores_NC), side(scores_NC), 0)
    assert judged.best(4, 1) == "reel"  # the only tag of recording 4
    assert judged.true(5) == "harp, reel"


def test_popularity_and_oracle_stand_beside_retrieval(run: TinyRun) -> None:
    facts = [{"instrument": ("harp", "fiddle")[i % 2], "tempo": ("slow", "fast")[i // 2 % 2]} for i in range(40)]
    heard = Encoded(np.arange(40), np.ones((40, 5)))
    both = Side(toy_model(deaf=True), heard, None, np.ones((40, 1)))
    setting = measures.Setting(["harp"], ["harp"], 1.0, 1, 1, 60, 10)
    found = measures.retrieval(facts, both, both, lambda texts, model: np.ones((len(texts), 5)), setting, run)
    metrics = {metric.name: metric for metric in found.metrics}
    assert metrics["map_title"].value == pytest.approx(0.25)  # one of four playlists each, in no order
    assert metrics["map_title"].controls["popularity"] == pytest.approx(0.25)
    assert metrics["retrieval_auc_description"].references["oracle_order"] == 1
    assert metrics["triplets_playlist"].value == 0.5
    empty = measures.retrieval([{}], both, both, lambda texts, model: np.ones((len(texts), 5)), setting, run)
    assert not empty.metrics
    assert not empty.figures
