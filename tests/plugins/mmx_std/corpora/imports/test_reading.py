from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora.imports.reading import SourceFolder, document, records, table
from tests.plugins.mmx_std.corpora.imports.trees import image, sound, text


def test_media_are_found_by_name_and_kind(tmp_path: Path) -> None:
    sound(tmp_path / "b" / "x.wav")
    image(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "._x.wav").write_bytes(b"Mac OS X")
    folder = SourceFolder(tmp_path)
    assert folder.media("audio", "y", "x") == tmp_path / "b" / "x.wav"
    assert folder.media("image", "x") == tmp_path / "a" / "x.png"
    assert folder.media("video", "x") is None
    assert folder.optional("*.csv") is None
    with pytest.raises(DataError, match=r"holds no a\.csv or b\.csv"):
        folder.list("a.csv", "b.csv")


def test_lists_of_another_form_are_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text(path, "a,b", "1,2", "3")
    with pytest.raises(DataError, match="line 3: another number of cells"):
        list(table(path, "a"))
    with pytest.raises(DataError, match="no column 'c'; it has a, b"):
        list(table(path, "c"))
    text(path, '{"a": 1}', "{")
    with pytest.raises(DataError, match="line 2: is not JSON"):
        list(records(path))
    with pytest.raises(DataError, match="is not JSON"):
        document(path)
