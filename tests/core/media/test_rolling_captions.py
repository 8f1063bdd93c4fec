from __future__ import annotations

from collections.abc import Sequence

from mmx.media.rolling_captions import Caption, merged


def captions(*rows: tuple[float, float, Sequence[str]]) -> list[Caption]:
    return [Caption(number, start, end, tuple(lines)) for number, (start, end, lines) in enumerate(rows)]


def texts(found: Sequence[Caption]) -> list[tuple[float, float, str]]:
    return [(caption.start, caption.end, " ".join(caption.lines)) for caption in found]


def test_each_line_stands_once_when_it_appears() -> None:
    found, changed = merged(
        captions(
            (0.0, 2.0, ["alpha bravo"]),
            (2.0, 2.01, ["alpha bravo"]),
            (2.01, 4.0, ["alpha bravo", "charlie delta"]),
            (4.0, 4.01, ["charlie delta"]),
            (4.01, 6.0, ["charlie delta", "echo"]),
            (9.0, 10.0, ["echo"]),
        )
    )
    wanted = [(0.0, 2.01, "alpha bravo"), (2.01, 4.01, "charlie delta"), (4.01, 6.0, "echo"), (9.0, 10.0, "echo")]
    assert texts(found) == wanted
    assert changed == [1, 2, 3, 4]


def test_lines_that_grow_and_captions_that_overlap() -> None:
    found, _ = merged(captions((0, 1, ["we"]), (1, 2, ["we are"]), (2, 3, ["we are", "here"])))
    assert texts(found) == [(0, 1, "we"), (1, 2, "are"), (2, 3, "here")]
    found, _ = merged(captions((0, 4, ["one"]), (2, 6, ["one", "two"]), (4, 8, ["two", "three"])))
    assert texts(found) == [(0, 4, "one"), (2, 6, "two"), (4, 8, "three")]


def test_a_refrain_is_no_rolling_caption() -> None:
    song = captions(*((at, at + 1, ["na na na"]) for at in range(9)), (9, 10, ["na na na hey"]))
    assert merged(song) == (song, [])
    talk = captions((0, 1, ["No.", "Yes."]), (1, 2, ["Yes.", "No."]), *((at, at + 1, [str(at)]) for at in range(2, 20)))
    assert merged(talk) == (talk, [])
    assert merged([]) == ([], [])


def test_long_captions_are_not_compared() -> None:
    long = captions(*((at, at + 1, ["same"] * 1000) for at in range(5)))
    assert merged(long) == (long, [])
