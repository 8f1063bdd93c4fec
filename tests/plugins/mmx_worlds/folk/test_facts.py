"""Headers of the collections, as they are, and what is made of them."""

from __future__ import annotations

import pytest

from mmx_worlds.folk import facts
from mmx_worlds.folk.tunes.notation import read_tune


@pytest.mark.parametrize(
    ("rhythm", "title", "genre"),
    [
        ("Reel", "", "reel"),
        ("slipjig", "", "slip jig"),
        ("double jig", "", "jig"),
        ("", "ACROBAT'S -- HORNPIPE", "hornpipe"),
        ("Liebes - Lied", "", "love song"),
        ("Romanze, Ballade, Lied", "", "ballad"),
        ("Kinder -, Wiegen - Lied", "", "lullaby"),
        ("Kinder - Spiel", "", "children's song"),
        ("Shange]", "", "mountain song"),
        ("Lied", "", "song"),
        ("???", "The Jigsaw", ""),
        ("", "", ""),
    ],
)
def test_genres(rhythm: str, title: str, genre: str) -> None:
    assert facts.genre({"R": [rhythm], "T": [title]}) == genre


@pytest.mark.parametrize(
    ("origin", "folder", "region"),
    [
        ("China, Shaanxi, Zizhou", "essenFolksong", "Chinese"),
        ("Europa, Mitteleuropa, Deutschland", "essenFolksong", "German"),
        ("Mitteleuropa, Deutschland / Frankreich, Lothringen", "essenFolksong", "French"),
        ("", "oneills1850", "Irish"),
        ("", "airdsAirs", ""),
    ],
)
def test_regions(origin: str, folder: str, region: str) -> None:
    assert facts.region({"O": [origin]}, folder) == region


@pytest.mark.parametrize(
    ("metre", "name"),
    [("6/8", "compound time"), ("3/4", "triple time"), ("C|", "duple time"), ("none", ""), ("5/4", "")],
)
def test_metres(metre: str, name: str) -> None:
    assert facts.metre_name({"M": [metre]}) == name


def test_mode_is_heard_in_the_notes_whatever_the_key_says() -> None:
    major = read_tune("X:1\nK:C\nCEGc GECE GC\n")
    minor = read_tune("X:1\nK:C\nC_EGc G_EC_E GC\n")
    open_fifths = read_tune("X:1\nK:C\nCGcG CGcG CC\n")
    assert [facts.mode(tune) for tune in (major, minor, open_fifths)] == ["major", "minor", ""]
    assert facts.key_name(minor) == "C minor"
    assert facts.key_name(read_tune("X:1\nK:Bb\nBdfb fdBd fB\n")) == "B flat major"


def test_titles_are_put_into_ordinary_writing() -> None:
    assert facts.title({"T": ["A'WILLIE, WE HAVE MISS'D YOU -- STRATHSPEY"]}) == "A'Willie, We Have Miss'D You"
    assert facts.title({"T": ["A Lady Fair, S. 34"]}) == "A Lady Fair"
    assert facts.title({}) == ""
