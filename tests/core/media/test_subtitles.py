"""Subtitle files as people have them: faults are put in, and what is read is compared with what was written."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx.media import subtitles
from mmx.media.subtitles import (
    check_subtitles,
    cues_beyond,
    cues_from_rows,
    cut_cues,
    parse,
    read_cues,
    read_subtitles,
    subtitles_beside,
)
from mmx.types import Cue

SRT = """1
00:00:01,000 --> 00:00:02,500
Anna opens the <i>window</i>.

2
00:00:02,500 --> 00:00:04,000 X1:10 X2:20
{\\an8}Über den D&auml;chern
liegt Schnee &lt;kalt&gt;

3
01:02:03,004 --> 01:02:05,000
<font color="red">Late</font> 3 < 5 > 4
"""
WANTED = (
    Cue(1.0, 2.5, "Anna opens the window."),
    Cue(2.5, 4.0, "Über den Dächern liegt Schnee <kalt>"),
    Cue(3723.004, 3725.0, "Late 3 < 5 > 4"),
)


def times(cues: tuple[Cue, ...]) -> list[tuple[float, float]]:
    return [(cue.start, cue.end) for cue in cues]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_unicode_in_every_dress(tmp_path: Path, encoding: str, mark: bytes, newline: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(mark + SRT.replace("\n", newline).encode(encoding))
    found = read_subtitles(path)
    assert found.cues == WANTED
    assert found.faults == ()
    check_subtitles(path)


def test_latin_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode("latin-1"))
    found = read_subtitles(path)
    assert found.cues == WANTED
    assert found.faults == ("is not Unicode; read as Windows-1252",)


def test_webvtt_with_everything_that_is_no_speech() -> None:
    text = """\ufeffWEBVTT - a title

STYLE
::cue { color: red }

NOTE
a remark

intro
00:01.000 --> 00:02.000 align:start position:10%
<v Anna>Hello <00:01.500><c.loud>you</c>

00:02.000 --> 00:03.000

01:00:00.5 --> 01:00:01.25
End
"""
    assert parse(text).cues == (Cue(1.0, 2.0, "Hello you"), Cue(3600.5, 3601.25, "End"))
    assert parse("WEBVTT\n\n") == subtitles.Subtitles(())


def test_no_empty_lines_between_subtitles() -> None:
    cues = parse("1\n0:00:01,0 --> 0:00:02,0\none\n2\n0:00:03,0 --> 0:00:04,0\n7\n").cues
    assert [cue.text for cue in cues] == ["one", "7"]


def test_faults_of_order_and_times_are_mended_and_told() -> None:
    text = """00:00:05,000 --> 00:00:06,000
second

00:00:01,000 --> 00:00:03,000
first

00:00:02,000 --> 00:00:04,000
backwards, but between

00:00:09,000 --> 00:00:08,000
never

00:99:00,000 --> 00:00:08,000
no time

00:00:05,500 --> 00:00:07,000
overlapping
"""
    found = parse(text)
    assert times(found.cues) == [(1.0, 3.0), (2.0, 4.0), (5.0, 6.0), (5.5, 7.0)]
    assert found.faults == (
        "times cannot be read in line 13: left out",
        "end is not after start: left out (line 10)",
        "out of order: sorted by start (lines 4, 7)",
    )
    assert found.notes == ("begins before an earlier one ends (line 16)",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"just words\n", "no times of subtitles"),
        (b"\xff\xfea\x00\x00", "is not text in UTF-16"),
        (b"00:00:01,000 --> 00:00:02,000\n\x00\x00\x00\x01", "is not text"),
    ],
)
def test_what_is_no_subtitle_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_cues(path)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT)
    monkeypatch.setattr(subtitles, "MAX_CUES", 2)
    with pytest.raises(DataError, match="3 subtitles; at most 2"):
        read_cues(path)
    with pytest.raises(DataError, match="3 subtitles; at most 2"):
        cues_from_rows([{"start": 0, "end": 1, "text": "x"}] * 3)
    monkeypatch.setattr(subtitles, "MAX_BYTES", 20)
    for read in (read_cues, check_subtitles):
        with pytest.raises(DataError, match="no file of subtitles"):
            read(path)
    monkeypatch.setattr(subtitles, "MAX_TEXT", 4)
    found = cues_from_rows([{"start": 0, "end": 1, "text": "abcdef"}])
    assert found.cues == (Cue(0.0, 1.0, "abcd"),)
    assert "longer than 4 characters" in found.faults[0]


def test_a_glance_at_a_long_file_sees_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("".join(f"{i}\n00:00:{i % 60:02d},000 --> 00:01:00,000\nä{'ö' * 50}\n\n" for i in range(2000)))
    check_subtitles(path)
    path.write_text("words " * 30_000)
    with pytest.raises(DataError, match="no times"):
        check_subtitles(path)


def test_a_stretch_shifts_and_cuts() -> None:
    cues = (Cue(0.0, 2.0, "a"), Cue(1.0, 5.0, "b"), Cue(4.0, 6.0, "c"), Cue(6.0, 7.0, "d"))
    assert cut_cues(cues, start=2.0, seconds=3.0) == (Cue(0.0, 3.0, "b"), Cue(2.0, 3.0, "c"))
    assert cut_cues(cues, start=4.5) == (Cue(0.0, 0.5, "b"), Cue(0.0, 1.5, "c"), Cue(1.5, 2.5, "d"))
    with pytest.raises(DataError, match="start must be 0 or more"):
        cut_cues(cues, start=-1.0)


def test_rows_of_json() -> None:
    found = cues_from_rows([{"start": 3, "end": 4.5, "text": "two\nlines"}, {"start": 1, "end": 2, "text": "one"}])
    assert found.cues == (Cue(1.0, 2.0, "one"), Cue(3.0, 4.5, "two lines"))
    assert found.faults == ("out of order: sorted by start (subtitle 2)",)
    nan = cues_from_rows([{"start": float("nan"), "end": 1, "text": "x"}])
    assert nan.cues == ()
    for rows in (
        "text",
        3,
        [1],
        [{"start": 1}],
        [{"start": "1", "end": 2, "text": "x"}],
        [{"start": True, "end": 2, "text": "x"}],
    ):
        with pytest.raises(DataError):
            cues_from_rows(rows)


def test_beyond_the_video() -> None:
    assert cues_beyond(WANTED, 4000.0) == ""
    assert cues_beyond(WANTED, 2.4).startswith(
        "2 of 3 subtitles begin after the video's end at 2.4 s (the first at 2.5 s)"
    )


def test_the_file_beside_a_video(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    assert subtitles_beside(video) is None
    (tmp_path / "a.de.VTT").write_text("WEBVTT")
    (tmp_path / "a.en.srt").write_text(SRT)
    (tmp_path / "ab.srt").write_text(SRT)
    assert subtitles_beside(video) == tmp_path / "a.de.VTT"
    (tmp_path / "a.srt").write_text(SRT)
    assert subtitles_beside(video) == tmp_path / "a.srt"
    assert subtitles_beside(tmp_path / "none" / "b.mp4") is None


def test_words_after_an_empty_line_belong_to_the_subtitle() -> None:
    text = """1
00:00:01,000 --> 00:00:02,000
one

more

2
00:00:02,000 --> 00:00:03,000

A --> B
3
00:00:03,000 --> 00:00:04,000
last

word
"""
    found = parse(text)
    assert [cue.text for cue in found.cues] == ["one more", "A --> B", "last word"]
    assert found.faults == ()


def test_names_notes_and_styles_of_webvtt_are_no_words() -> None:
    text = """WEBVTT
Kind: captions

NOTE
by hand

first
00:01.000 --> 00:02.000
one

more

NOTE not said
at all

second
00:02.000 --> 00:03.000
two

third
00:03.000 --> 00:04.000
three
"""
    found = parse(text)
    assert [cue.text for cue in found.cues] == ["one more", "two", "three"]
    assert found.faults == ()


def test_words_before_the_first_times_are_told() -> None:
    assert parse("lost\n\n1\n00:00:01,000 --> 00:00:02,000\nread\n").faults == (
        "words before the first times: left out (line 1)",
    )
    assert parse("WEBVTT\n\nlost\n\n00:01.000 --> 00:02.000\nread\n").faults == (
        "words before the first times: left out (line 3)",
    )


def test_rolling_captions_are_merged_and_told() -> None:
    text = """WEBVTT

00:00:00.160 --> 00:00:02.629 align:start position:0%
 
alpha<00:00:00.480><c> bravo</c>

00:00:02.629 --> 00:00:02.639 align:start position:0%
alpha bravo
 

00:00:02.639 --> 00:00:05.000 align:start position:0%
alpha bravo
delta<00:00:03.100><c> echo</c>

00:00:05.010 --> 00:00:07.000 align:start position:0%
 
[Music]
"""  # noqa: W293
    found = parse(text)
    assert [cue.text for cue in found.cues] == ["alpha bravo", "delta echo", "[Music]"]
    assert times(found.cues) == [pytest.approx(each) for each in ((0.16, 2.639), (2.639, 5.0), (5.01, 7.0))]
    assert found.notes == ("repeats lines shown before: merged (lines 7, 11)",)


@pytest.mark.parametrize("arrow", ["->", "\u2013>", "\u2192"])
def test_another_arrow_between_times_is_read_and_named(tmp_path: Path, arrow: str) -> None:
    text = f"1\n00:00:01,000 {arrow} 00:00:02,000\nA {arrow} B\n"
    more = f"2\n00:00:03,000 --> 00:00:04,000\nat 1:02 {arrow} 1:05 it rains\n"
    for content in (text, text + "\n" + more):
        path = tmp_path / "a.srt"
        path.write_text(content, "utf-8")
        check_subtitles(path)
        found = read_subtitles(path)
        assert found.faults == ("another arrow than --> between the times: read (line 2)",)
        assert (found.cues[0].start, found.cues[0].end, found.cues[0].text) == (1.0, 2.0, f"A {arrow} B")
        assert [cue.text for cue in found.cues[1:]] == [f"at 1:02 {arrow} 1:05 it rains"][: len(found.cues) - 1]
    assert len(found.cues) == 2


def test_a_line_break_within_a_line_parts_words(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\none<br/>two<BR>three\\Nfour <b>five</b>\n")
    assert [cue.text for cue in read_cues(path)] == ["one two three four five"]
