"""Word matching: a planted sentence is found, idf and distances come from training, and ranks are what loops say."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.types import Cue
from mmx_hero.evaluation.simple import WHOLE, match, ranks
from mmx_std.ops.spans import Rules

WORDS = ("apple", "river", "candle", "window", "saddle", "hammer")


def spoken(word: str, start: float = 4.0) -> list[Cue]:
    return [Cue(0.0, 2.0, "we say the same"), Cue(start, start + 2.0, f"here is the {word}"), Cue(9.0, 10.0, "the end")]


TRAIN = [(spoken(word), [Cue(3.0, 7.5, f"anna takes the {word}")]) for word in WORDS]
VIDEOS = [spoken(word, 4.0 + place) for place, word in enumerate(WORDS)]
TEXTS = [f"the {word} is taken by ben" for word in WORDS]


def test_a_planted_word_finds_its_video_and_its_moment() -> None:
    found = match(TRAIN, TEXTS, VIDEOS)
    plain, moved = found["words_in_subtitles"], found["words_in_subtitles_moved"]
    assert plain.scores_NM.argmax(1).tolist() == list(range(6))
    for place in range(6):
        np.testing.assert_allclose(plain.spans_NM2[place, place], [4.0 + place, 6.0 + place])
        np.testing.assert_allclose(moved.spans_NM2[place, place], [3.0 + place, 7.5 + place])


def test_the_score_is_the_idf_of_shared_words() -> None:
    """Of "the", "is" and "apple", all in the best subtitle: "the" and "is" in 6 of 6 documents, "apple" in 1."""
    apple = np.log(7 / 2) + 1
    assert match(TRAIN, TEXTS, VIDEOS)["words_in_subtitles"].scores_NM[0, 0] == pytest.approx(
        (apple + 1 + 1) * (1 + WHOLE)
    )
    new = match(TRAIN, ["zebra"], [spoken("zebra")])["words_in_subtitles"].scores_NM[0, 0]
    assert new == pytest.approx((np.log(7) + 1) * (1 + WHOLE)), "never in training: rarer than all that was"


def test_what_is_judged_teaches_nothing() -> None:
    """A query's score and moment stay, whatever other queries and videos are judged with it."""
    every, alone = match(TRAIN, TEXTS, VIDEOS), match(TRAIN, TEXTS[:1], VIDEOS[:2])
    for way, answers in alone.items():
        np.testing.assert_array_equal(answers.scores_NM, every[way].scores_NM[:1, :2])
        np.testing.assert_array_equal(answers.spans_NM2, every[way].spans_NM2[:1, :2])


def test_videos_without_subtitles_come_last_and_have_no_moment() -> None:
    found = match([], TEXTS[:1], [[], VIDEOS[0]])["words_in_subtitles"]
    assert found.scores_NM[0, 0] == 0
    assert found.scores_NM[0, 1] > 0
    np.testing.assert_array_equal(found.spans_NM2[0, 0], [0, 0])


def test_a_query_without_words_fits_nothing() -> None:
    assert not match(TRAIN, ["?!"], VIDEOS)["words_in_subtitles"].scores_NM.any()


def test_ranks_count_what_is_above() -> None:
    answers = match(TRAIN, TEXTS, VIDEOS)
    times = [np.array([[3.0 + place, 7.5 + place]]) for place in range(6)]
    found = ranks(answers, np.arange(6), times, Rules(), seed=0)
    assert found["words_in_subtitles"].vr.tolist() == [1.0] * 6
    assert found["words_in_subtitles"].vcmr[0.5].tolist() == [np.inf] * 6, "2 of 4.5 seconds"
    assert found["words_in_subtitles_moved"].vcmr[0.7].tolist() == [1.0] * 6
    wrong = ranks(answers, np.roll(np.arange(6), 1), times, Rules(), seed=0)["words_in_subtitles_moved"]
    assert wrong.vr.tolist() == [4.0] * 6, "five others share the places 2 to 6: 4 on average"
