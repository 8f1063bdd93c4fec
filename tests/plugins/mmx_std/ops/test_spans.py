"""Moments: scores against loops over all pairs, thinning out, hits, guesses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmx_std.ops.spans import (
    Found,
    Rules,
    best,
    first_hit,
    guess_rate,
    iou,
    pairs,
    right,
    search,
    thinned,
    usual_span,
)


def test_iou_by_hand() -> None:
    spans = np.array([[0.0, 4.0], [2.0, 6.0], [4.0, 8.0], [1.0, 3.0], [2.0, 2.0]])
    assert iou(np.array([0.0, 4.0]), spans).tolist() == pytest.approx([1.0, 1 / 3, 0.0, 0.5, 0.0])


def test_pairs_are_products_within_the_limits() -> None:
    start, end = torch.randn(2, 6), torch.randn(2, 6)
    found = pairs(start, end, Rules(shortest=2, longest=3))
    p, q = start.softmax(-1), end.softmax(-1)
    for video in range(2):
        for a in range(6):
            for b in range(6):
                allowed = 2 <= b - a + 1 <= 3
                assert float(found[video, a, b]) == pytest.approx(float(p[video, a] * q[video, b]) if allowed else 0.0)
    assert float(pairs(torch.zeros(1, 1), torch.zeros(1, 1), Rules())[0, 0, 0]) == 1.0, (
        "a video of one frame has one moment"
    )


def test_a_search_is_the_best_of_all_moments() -> None:
    generator = torch.Generator().manual_seed(0)
    cosine, start, end = (
        torch.rand(5, generator=generator),
        torch.randn(5, 6, generator=generator),
        torch.randn(5, 6, generator=generator),
    )
    rules = Rules(period=1.5, shortest=2, longest=4, videos=3, before=20, after=5, overlap=1.0, sharpness=20.0)
    found = search(cosine, start, end, torch.full((5,), 9.0), rules)
    chosen = sorted(range(5), key=lambda m: -float(cosine[m]))[:3]
    every = [
        (
            float(start[m].softmax(-1)[a] * end[m].softmax(-1)[b]) * math.exp(20 * float(cosine[m] - cosine.max())),
            m, a * 1.5, (b + 1) * 1.5,
        )
        for m in chosen for a in range(6) for b in range(a + 1, min(6, a + 4))
    ]  # fmt: skip
    wanted = sorted(every, reverse=True)[:5]
    assert found.videos_P.tolist() == [each[1] for each in wanted]
    assert found.scores_P.tolist() == pytest.approx([each[0] for each in wanted], rel=1e-4)
    assert found.spans_P2.tolist() == [[each[2], each[3]] for each in wanted]


def test_the_best_of_many_queries_is_what_each_search_puts_first() -> None:
    generator = torch.Generator().manual_seed(1)
    cosine = torch.rand(7, 5, generator=generator)
    start, end = torch.randn(7, 5, 6, generator=generator), torch.randn(7, 5, 6, generator=generator)
    lengths, rules = torch.tensor([9.0, 8.2, 9.0, 7.0, 9.0]), Rules(videos=3, longest=4)
    for index, one in enumerate(best(cosine, start, end, lengths, rules)):
        first = search(cosine[index], start[index], end[index], lengths, rules)
        assert one.videos_P[0] == first.videos_P[0]
        assert one.spans_P2[0].tolist() == pytest.approx(first.spans_P2[0].tolist())


def test_moments_end_with_their_video() -> None:
    found = search(torch.ones(1), torch.zeros(1, 4), torch.zeros(1, 4), torch.tensor([5.2]), Rules())
    assert found.spans_P2.max() == pytest.approx(5.2)


def test_worse_moments_of_the_same_video_give_way() -> None:
    videos = np.array([0, 0, 1, 0, 0])
    spans = np.array([[0.0, 4.0], [0.0, 5.0], [0.0, 4.0], [4.0, 8.0], [1.0, 4.0]])
    assert thinned(videos, spans, 0.5, 10).tolist() == [0, 2, 3]
    assert thinned(videos, spans, 1.0, 10).tolist() == [0, 1, 2, 3, 4]
    assert thinned(videos, spans, 0.5, 2).tolist() == [0, 2]


def test_the_first_hit() -> None:
    found = Found(np.array([1, 0, 0]), np.array([[0.0, 3.0], [0.0, 6.0], [0.0, 3.0]]), np.ones(3))
    truth = np.array([[0.0, 3.0]])
    assert first_hit(found, 0, truth, 0.7) == 3.0
    assert first_hit(found, 0, truth, 0.4) == 2.0
    assert first_hit(found, 0, truth, 0.5) == 2.0, "equal to the threshold is enough, as in TVR's evaluation"
    assert first_hit(found, 2, truth, 0.5) == np.inf
    assert first_hit(Found(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0)), 0, truth, 0.5) == np.inf


def test_enough_annotators_must_agree() -> None:
    times = np.array([[0.0, 4.0], [0.0, 4.0], [4.0, 8.0]])
    spans = np.array([[0.0, 4.0], [4.0, 8.0], [0.0, 8.0]])
    assert right(times, spans, 0.6, 1).tolist() == [True, True, False]
    assert right(times, spans, 0.6, 2).tolist() == [True, False, False]
    assert right(times, spans, 0.5, 3).tolist() == [False, False, True], "the long one covers half of each"
    assert right(times[:1], spans, 0.6, 2).tolist() == [True, False, False], "one annotator is all there are"
    found = Found(np.zeros(3, np.int64), spans[::-1], np.ones(3))
    assert [first_hit(found, 0, times, 0.6, agree) for agree in (1, 2, 3)] == [2.0, 3.0, np.inf]
    rules = Rules(period=4.0, shortest=1, longest=2, agree=2)
    assert guess_rate(times, 2, 0.6, rules) == pytest.approx(1 / 3), "[0,4) of [0,4) [4,8) [0,8)"


def test_guessing_is_counted_over_all_moments() -> None:
    rules = Rules(period=1.0, shortest=1, longest=2)
    # Moments of 3 frames: [0,1) [1,2) [2,3) [0,2) [1,3)
    assert guess_rate(np.array([[0.0, 2.0]]), 3, 0.7, rules) == pytest.approx(1 / 5)
    assert guess_rate(np.array([[0.0, 2.0]]), 3, 0.4, rules) == pytest.approx(3 / 5)


def test_the_usual_moment() -> None:
    assert usual_span([(0.1, 2.9), (0.0, 3.1), (4.5, 9.0)], 12, 1.5).tolist() == [0.0, 3.0]
    assert usual_span([], 4, 1.5).tolist() == [0.0, 6.0]
