"""Index of a folder of files: by content, per model, and rebuilt when damaged."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmx.errors import DataError
from mmx_std.corpora.file_library import content_hash, open_library, place_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "files"
    (place / "deep").mkdir(parents=True)
    for name, content in (("b.x", "two"), ("a.X", "one"), ("deep/c.x", "three"), ("other.y", "no")):
        (place / name).write_text(content)
    return place


class Reader:
    """Counts what it reads; refuses one content."""

    def __init__(self, refused: str = "") -> None:
        self.count, self.refused = 0, refused

    def __call__(self, path: Path) -> Mapping[str, np.ndarray]:
        text = path.read_text()
        if text == self.refused:
            raise DataError(f"{path}: refused")
        self.count += 1
        return {"length": np.array([len(text)]), "table": np.ones((2, len(text)))}


def open_all(folder: Path, reader: Callable[[Path], Any], place: str = "p/m", **options: Any) -> Any:
    return open_library(folder, place, reader, suffixes=(".x",), content="letters", **options)


def test_files_are_read_once_per_content_and_model(folder: Path) -> None:
    first = Reader()
    library = open_all(folder, first)
    assert [path.name for path in library.files] == ["a.X", "b.x", "c.x"]
    assert [int(entry["length"][0]) for entry in library.entries] == [3, 3, 5]
    assert library.entries[2]["table"].shape == (2, 5)
    assert (first.count, library.cached) == (3, 0)
    (folder / "b.x").rename(folder / "z.x")
    (folder / "a.X").write_text("another")
    second = Reader()
    assert (open_all(folder, second).cached, second.count) == (2, 1)
    third = Reader()
    open_all(folder, third, "p/other")
    assert third.count == 3


def test_a_damaged_entry_is_made_anew(folder: Path, tmp_path: Path) -> None:
    open_all(folder, Reader())
    for path in (tmp_path / "cache").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:-5])
    reader = Reader()
    assert open_all(folder, reader).cached == 0
    assert reader.count == 3


def test_what_cannot_be_used_is_reported(folder: Path, tmp_path: Path) -> None:
    library = open_all(folder, Reader("two"))
    assert [path.name for path in library.files] == ["a.X", "c.x"]
    assert "b.x: refused" in library.skipped[0]
    with pytest.raises(DataError, match="no such folder"):
        open_all(tmp_path / "none", Reader())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no letters in it; looked for \.x"):
        open_all(tmp_path / "empty", Reader())
    for path in (folder / "a.X", folder / "deep" / "c.x"):
        path.write_text("two")
    with pytest.raises(DataError, match=r"none of its 3 letters can be used; the first: .*refused"):
        open_all(folder, Reader("two"))


def test_a_cache_that_cannot_be_written_costs_nothing_else(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(open_all(folder, Reader()).files) == 3


def test_a_key_of_ones_own(folder: Path) -> None:
    reader = Reader()
    open_all(folder, reader, key=lambda path: "same")
    assert reader.count == 1
    assert content_hash(folder / "a.X") == content_hash(folder / "a.X") != content_hash(folder / "b.x")


def test_what_decoders_write_is_not_shown(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def loud(path: Path) -> Mapping[str, np.ndarray]:
        os.write(2, b"[layer3.c] error")
        raise DataError(f"{path}: broken")

    with pytest.raises(DataError, match="broken"):
        open_all(folder, loud)
    assert capfd.readouterr().err == ""


def test_the_place_goes_by_plugin_weights_and_how_it_is_asked() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    place = place_of("mine", model, "video", 4)
    assert place.startswith("mine/")
    assert place == place_of("mine", model, "video", 4)
    assert place != place_of("other", model, "video", 4)
    assert place != place_of("mine", model, "video", 5)
    half = nn.Linear(3, 2).to(torch.bfloat16)
    assert place != place_of("mine", half, "video", 4), "numbers that numpy lacks count as well"
    with torch.no_grad():
        model.bias[1] += 1e-6
    assert place != place_of("mine", model, "video", 4)
