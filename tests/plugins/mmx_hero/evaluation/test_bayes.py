"""Naive Bayes on words and frames: what two inputs tell together is found, and neither alone tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mmx.types import Cue
from mmx_hero.evaluation.bayes import NAME, Episode, match

PERIOD = 1.0
WHO = ("anna", "ben", "clara", "david", "emma", "felix")
WHAT = ("fish", "bird", "cat", "dog", "house", "lamp")


def episodes(count: int, seed: int) -> list[Episode]:
    """Two moments of 4 s each: subtitles name who is there, the frames show with what, and a query names both."""
    random, made = np.random.default_rng(seed), []
    for _ in range(count):
        who, what = random.permutation(6)[:2], random.permutation(6)[:2]
        frames_TD = 0.3 * random.normal(size=(8, 10))
        subtitles, queries = [], []
        for place in range(2):
            frames_TD[4 * place : 4 * place + 4, what[place]] += 2.0
            name, start = WHO[who[place]], 4.0 * place
            subtitles += [Cue(start, start + 2, f"look here is {name}"), Cue(start + 2, start + 3, f"well {name} then")]
            queries.append(Cue(start, start + 4, f"here {name} has the {WHAT[what[place]]}"))
        made.append(Episode(tuple(subtitles), tuple(queries), frames_TD))
    return made


TRAIN, JUDGED = episodes(120, 0), episodes(12, 1)
ASKED = [(number, query) for number, episode in enumerate(JUDGED) for query in episode.queries]


def found(judged: Sequence[Episode]) -> float:
    """Return how many queries find a video with their very moment."""
    scores_NM = match(TRAIN, [query.text for _, query in ASKED], judged, PERIOD, 0)[NAME].scores_NM
    told = [{query.text for query in episode.queries} for episode in JUDGED]
    return float(np.mean([query.text in told[scores_NM[row].argmax()] for row, (_, query) in enumerate(ASKED)]))


def test_who_is_named_and_what_is_seen_find_the_video_together() -> None:
    silent = [replace(each, subtitles=tuple(Cue(c.start, c.end, "well") for c in each.subtitles)) for each in JUDGED]
    blind = [replace(each, frames_TD=each.frames_TD * 0) for each in JUDGED]
    assert found(JUDGED) > 0.95
    assert max(found(silent), found(blind)) < 0.6


def test_a_moment_is_all_its_subtitles_moved_as_training_moments_are() -> None:
    spans_NM2 = match(TRAIN, [query.text for _, query in ASKED], JUDGED, PERIOD, 0)[NAME].spans_NM2
    for row, (number, query) in enumerate(ASKED):
        np.testing.assert_allclose(spans_NM2[row, number], [query.start, query.end])


def test_what_is_judged_teaches_nothing() -> None:
    texts = [query.text for _, query in ASKED]
    every, alone = match(TRAIN, texts, JUDGED, PERIOD, 0)[NAME], match(TRAIN, texts[:1], JUDGED[:2], PERIOD, 0)[NAME]
    np.testing.assert_allclose(alone.scores_NM, every.scores_NM[:1, :2])
    unasked = [replace(each, queries=()) for each in JUDGED]
    np.testing.assert_array_equal(match(TRAIN, texts, unasked, PERIOD, 0)[NAME].scores_NM, every.scores_NM)


@pytest.mark.parametrize("without", ["subtitles", "queries"])
def test_without_words_to_learn_from_nothing_is_answered(without: str) -> None:
    assert match([replace(each, **{without: ()}) for each in TRAIN[:6]], ["here"], JUDGED, PERIOD, 0) == {}
    assert match([], ["here"], JUDGED, PERIOD, 0) == {}


def test_a_video_without_subtitles_comes_last() -> None:
    mute = replace(JUDGED[0], subtitles=())
    scores_NM = match(TRAIN, ["here anna has the cat"], [mute, JUDGED[1]], PERIOD, 0)[NAME].scores_NM
    assert scores_NM[0, 0] == -np.inf and np.isfinite(scores_NM[0, 1])
