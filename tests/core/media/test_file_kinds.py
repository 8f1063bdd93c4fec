"""Kinds of media files by their suffixes."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx.media.file_kinds import MEDIA_SUFFIXES, file_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.WAV", "audio"), ("a.b.jpeg", "image"), ("a.mkv", "video"), ("a.vtt", "cues"), ("a.txt", "text")],
)
def test_the_suffix_decides_in_either_case(name: str, kind: str) -> None:
    assert file_kind(Path(name)) == kind


def test_what_is_no_file_is_text(tmp_path: Path) -> None:
    assert file_kind(tmp_path / "a sentence.") == "text"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").touch()
    with pytest.raises(DataError, match=r"notes.docx: cannot tell .* known are \.3g2, .*\.wmv$"):
        file_kind(tmp_path / "notes.docx")


def test_no_suffix_has_two_kinds() -> None:
    assert [pair for pair in combinations(MEDIA_SUFFIXES, 2) if MEDIA_SUFFIXES[pair[0]] & MEDIA_SUFFIXES[pair[1]]] == []
