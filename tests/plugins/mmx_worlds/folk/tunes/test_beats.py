"""Beats fall where a player would feel them: upbeats, repeats and odd bars included."""

from __future__ import annotations

import pytest

from mmx_worlds.folk.tunes.beats import beats_of
from mmx_worlds.folk.tunes.notation import Tune, read_tune


def tune(metre: str, body: str, unit: str = "1/8") -> Tune:
    return read_tune(f"X:1\nT:A tune\nM:{metre}\nL:{unit}\nK:C\n{body}\n")


@pytest.mark.parametrize(
    ("metre", "kind", "beat"),
    [
        *(("4/4", "duple", 1 / 4), ("2/4", "duple", 1 / 4), ("C|", "duple", 1 / 4), ("3/4", "triple", 1 / 4)),
        *(("3/8", "triple", 1 / 8), ("6/8", "compound", 3 / 8), ("9/8", "compound", 3 / 8), ("6/4", "compound", 3 / 4)),
    ],
)
def test_metres(metre: str, kind: str, beat: float) -> None:
    beats = beats_of(tune(metre, "CDEF GABc"))
    assert (beats.kind, beats.beat) == (kind, beat)


def test_free_metres_have_no_beats() -> None:
    for metre in ("none", "5/4", "7/8"):
        beats = beats_of(tune(metre, "CDEF GABc|c8|"))
        assert beats.kind == "free"
        assert not beats.downbeats
        assert beats.weight(0.0) == 0


def test_an_upbeat_comes_before_the_first_downbeat() -> None:
    beats = beats_of(tune("3/4", "G2|c2e2g2|cegecG|c2e2g2|"))
    assert beats.downbeats[:3] == pytest.approx([-0.5, 0.25, 1.0])
    assert beats.weight(0.0) == 0.4  # the third beat
    assert beats.weight(0.25) == 1.0


def test_a_bar_in_two_pieces_around_a_repeat_is_one_bar() -> None:
    beats = beats_of(tune("6/8", "D|GGG ABc|d3 c2:|"))
    first_turn = [1 / 8, 7 / 8]
    assert beats.downbeats == pytest.approx([-5 / 8, *first_turn, *(at + 12 / 8 for at in first_turn)])
    assert [beats.weight(12 / 8), beats.weight(13 / 8)] == [0.0, 1.0]


def test_bar_lines_that_are_missing_are_counted_out() -> None:
    beats = beats_of(tune("2/4", "C2D2|E2F2 G2A2|B2c2|"))
    assert beats.downbeats == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_the_middle_of_a_bar_weighs_more_than_its_other_beats() -> None:
    beats = beats_of(tune("4/4", "CDEF GABc|c8|"))
    assert [beats.weight(eighth / 8) for eighth in range(8)] == [1.0, 0, 0.4, 0, 0.6, 0, 0.4, 0]
    compound = beats_of(tune("6/8", "CDE FGA|c6|c6|"))
    assert [compound.weight(eighth / 8) for eighth in range(6)] == [1.0, 0, 0, 0.6, 0, 0]
    slip = beats_of(tune("9/8", "CDE FGA Bcd|c9|"))
    assert [slip.weight(eighth / 8) for eighth in range(9)] == [1.0, 0, 0, 0.4, 0, 0, 0.4, 0, 0]


def test_a_rest_at_the_end_belongs_to_the_tune() -> None:
    assert beats_of(tune("4/4", "CDEF GABc|c4 z4|")).end == 2.0
