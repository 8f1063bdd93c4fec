from __future__ import annotations

import itertools

import pytest

from mmx.tracking.downsampling import Point, Thinning


def sent(thinning: Thinning, steps: range, key: str = "train/loss") -> list[Point]:
    return [point for step in steps for point in thinning.take((key, float(step), step, step))]


def test_short_curves_are_sent_whole() -> None:
    assert [point[3] for point in sent(Thinning(), range(500))] == list(range(500))


@pytest.mark.parametrize(("length", "most"), [(1_000, 900), (4_000, 1_100), (64_000, 1_700), (1_000_000, 2_300)])
def test_about_a_thousand_points_cover_a_curve_of_any_length(length: int, most: int) -> None:
    steps = [point[3] for point in sent(Thinning(), range(length))]
    assert 400 < len(steps) < most
    gaps = [after - before for before, after in itertools.pairwise(steps)]
    assert max(gaps) <= length / 100
    assert length - steps[-1] <= length / 50


def test_the_end_of_a_curve_is_kept_once() -> None:
    thinning = Thinning()
    steps = [point[3] for point in sent(thinning, range(777))]
    rest = [point[3] for point in thinning.rest()]
    assert (steps + rest)[-1] == 776
    assert thinning.rest() == []


def test_keys_are_counted_apart() -> None:
    thinning = Thinning()
    sent(thinning, range(10_000))
    assert len(sent(thinning, range(100), "val/loss")) == 100


def test_repeated_steps_of_a_resumed_run_are_not_sent_again_unless_they_differ() -> None:
    thinning = Thinning()
    sent(thinning, range(100))
    assert sent(thinning, range(50, 100)) == []
    assert list(thinning.take(("train/loss", -1.0, 0, 99))) == [("train/loss", -1.0, 0, 99)]


def test_a_step_that_a_resumed_run_repeats_is_sent_once_and_a_new_judgement_is_sent() -> None:
    thinning = Thinning()
    sent = []
    for second, value in ((False, 1.0), (True, 2.0)):
        if second:
            thinning.resume()
        for step in range(3 + second):
            sent += thinning.take(("train/fit/loss", value, 0, step))
            sent += thinning.take(("usage/items_per_second", value, 0, step))
        sent += thinning.take(("test/accuracy", value, 0, 0))
    for key in ("train/fit/loss", "usage/items_per_second"):
        assert [point[1::2] for point in sent if point[0] == key] == [(1.0, 0), (1.0, 1), (1.0, 2), (2.0, 3)]
    assert [point[1] for point in sent if point[0] == "test/accuracy"] == [1.0, 2.0]
