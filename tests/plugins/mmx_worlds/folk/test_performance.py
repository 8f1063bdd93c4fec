"""What is played follows from the notation: accents on the beats, company in time and in key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmx_worlds.folk.performance import BACKINGS, Manner, Part, perform
from mmx_worlds.folk.tunes.notation import Tune, read_tune

MANNER = Manner("organ", 0, speed=1.0, shift=0)


def tune(metre: str, body: str, key: str = "C") -> Tune:
    return read_tune(f"X:1\nT:A tune\nM:{metre}\nL:1/8\nK:{key}\n{body}\n")


WALTZ = tune("3/4", "c2e2g2|f2a2c'2|g2b2d'2|c'2g2e2|")
REEL = tune("4/4", "cegc egce|facf acfa|")
JIG = tune("6/8", "ceg ceg|fac fac|")


def company(piece: Tune, backing: str, seconds: float = 2.0) -> Part:
    return perform(piece, replace(MANNER, backing=backing, balance=1.0), seconds)[1]


def test_the_tune_is_played_as_written_over_and_over() -> None:
    (part,) = perform(WALTZ, replace(MANNER, shift=12, speed=0.5, start=0.75), 9.0)
    assert [stroke.pitch for stroke in part.strokes[:3]] == [77 + 12, 81 + 12, 84 + 12]
    assert [stroke.onset for stroke in part.strokes[:3]] == pytest.approx([0.0, 0.5, 1.0])
    assert all(stroke.level == 1 for stroke in part.strokes)
    again = [stroke.pitch for stroke in part.strokes if 4.5 <= stroke.onset < 6]
    assert again == [72 + 12, 76 + 12, 79 + 12]  # three bars of 1.5 s, then from the beginning
    assert all(stroke.onset < 9 for stroke in part.strokes)


def test_accents_are_decibels_on_the_beats() -> None:
    (part,) = perform(REEL, replace(MANNER, accent=20.0), 1.0)
    assert [stroke.level for stroke in part.strokes] == pytest.approx(
        [10**exponent for exponent in (1, 0, 0.4, 0)] + [10**exponent for exponent in (0.6, 0, 0.4, 0)]
    )


@pytest.mark.parametrize(
    ("piece", "pattern"),
    [
        (WALTZ, {0: 1, 0.25: 3, 0.5: 3}),
        (REEL, {0: 1, 0.25: 3, 0.5: 1, 0.75: 3}),
        (JIG, {0: 1, 0.25: 3, 0.375: 1, 0.625: 3}),
    ],
)
def test_the_guitar_plays_bass_and_chords_of_the_metre(piece: Tune, pattern: dict[float, int]) -> None:
    bar = 0.75 if piece is not REEL else 1.0
    strokes = [stroke for stroke in company(piece, "chords").strokes if stroke.onset < bar]
    times = sorted({round(stroke.onset, 4) for stroke in strokes})
    assert {at: sum(abs(stroke.onset - at) < 1e-6 for stroke in strokes) for at in times} == pattern
    assert strokes[0].pitch % 12 == 0  # C in the bass
    assert {stroke.pitch % 12 for stroke in strokes} <= {0, 4, 7}


def test_the_guitar_tells_minor_from_major() -> None:
    minor = tune("4/4", "Aceg aece|Aceg aece|", "Am")
    assert {stroke.pitch % 12 for stroke in company(minor, "chords").strokes} == {9, 0, 4}


def test_the_drum_is_deepest_on_the_first_beat() -> None:
    for piece, bar in ((WALTZ, 0.75), (REEL, 1.0), (JIG, 0.75)):
        strokes = company(piece, "drum").strokes
        deepest = min(stroke.pitch for stroke in strokes)
        assert [stroke.onset for stroke in strokes if stroke.pitch == deepest] == pytest.approx(
            [bar * number for number in range(len({stroke.onset // bar for stroke in strokes}))]
        )
        assert max(strokes, key=lambda stroke: stroke.level).pitch == deepest


def test_the_drone_is_the_tonic_and_its_fifth_all_along() -> None:
    strokes = company(tune("4/4", "GBdg bgdB|GBdg g4|", "G"), "drone").strokes
    assert {stroke.pitch % 12 for stroke in strokes} == {7, 2}
    assert sum(stroke.duration for stroke in strokes) == pytest.approx(4.0)


def test_a_free_tune_has_no_beat_to_play_to() -> None:
    free = tune("none", "CDEF GABc c8")
    for backing in ("chords", "drum"):
        assert not company(free, backing).strokes
    assert company(free, "drone").strokes


def test_balance_is_the_level_of_the_company() -> None:
    for backing in BACKINGS[1:]:
        loud, soft = (perform(REEL, replace(MANNER, backing=backing, balance=level), 1.0) for level in (1.0, 0.5))
        assert loud[0] == soft[0]
        for one, other in zip(loud[1:], soft[1:], strict=True):
            assert [stroke.level for stroke in other.strokes] == pytest.approx(
                [stroke.level / 2 for stroke in one.strokes]
            )


def test_company_knows_nothing_of_genre_and_region() -> None:
    plain = read_tune("X:1\nT:A\nM:4/4\nL:1/8\nK:C\ncegc egce|\n")
    told = read_tune("X:1\nT:A reel\nR:reel\nO:Irland\nM:4/4\nL:1/8\nK:C\ncegc egce|\n")
    for backing in BACKINGS:
        manner = replace(MANNER, backing=backing, accent=5.0)
        assert perform(plain, manner, 3.0) == perform(told, manner, 3.0)
