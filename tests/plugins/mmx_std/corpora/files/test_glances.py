from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.media.audio_image import write_audio
from mmx.types import Audio
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues
from mmx_std.corpora.files import glances
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.items import Item


def item(number: int, *media: Media) -> Item:
    return Item(f"{number}", number, {f"field{place}": each for place, each in enumerate(media)}, split="train")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float | None, float | None]]:
    """The windows that are decoded, as they are."""
    found: list[tuple[float | None, float | None]] = []

    def check(media: Media) -> None:
        found.append((media.start, media.end))
        Media.check(media)

    monkeypatch.setattr(glances, "_decodes", lambda media: check(media) or True)
    return found


def test_of_a_whole_file_the_first_and_last_item_are_looked_at_once(
    tmp_path: Path, looked: list[tuple[float | None, float | None]]
) -> None:
    write_audio(tmp_path / "a.wav", Audio(np.full((1, 8000), 0.1, np.float32), 8000))
    source = FileSource(tmp_path / "a.wav")
    items = [item(place, Media("audio", source, place / 10, place / 10 + 0.1)) for place in range(10)]
    facts = FileFacts(tmp_path)
    assert glances.problems(items, facts) == [""] * 10
    assert looked == [(0.0, 0.1), (0.9, 1.0)]
    facts.keep()
    assert glances.problems(items, FileFacts(tmp_path)) == [""] * 10
    assert len(looked) == 2
    assert glances.problems([item(1, Media("audio", source))], facts) == [""]
    assert looked[-1] == (None, None)


def test_where_one_is_wrong_each_is_looked_at(tmp_path: Path, looked: list[tuple[float | None, float | None]]) -> None:
    write_audio(tmp_path / "a.wav", Audio(np.full((1, 8000), 0.1, np.float32), 8000))
    source, cues = FileSource(tmp_path / "a.wav"), Media("cues", WrittenCues(()))
    items = [item(place, cues, Media("audio", source, place / 2, place / 2 + 0.1)) for place in range(5)]
    items.append(item(5, Media("image", FileSource(tmp_path / "none.png"))))
    found = glances.problems(items, FileFacts(tmp_path))
    assert [bool(each) for each in found] == [False, False, True, True, True, True]
    assert "field1" in found[2] and "starts at 1 s, but is 1 s long" in found[2]
    assert "field0" in found[5] and "no such file" in found[5]
    assert len(looked) == 6


def test_long_items_are_all_looked_at(tmp_path: Path, looked: list[tuple[float | None, float | None]]) -> None:
    write_audio(tmp_path / "a.wav", Audio(np.full((1, 800 * 100), 0.1, np.float32), 100))
    source = FileSource(tmp_path / "a.wav")
    windows = [(0.0, 10.0), (20.0, 700.0), (30.0, 750.0), (100.0, None), (300.0, None)]
    found = glances.problems([item(n, Media("audio", source, *w)) for n, w in enumerate(windows)], FileFacts(tmp_path))
    assert [bool(each) for each in found] == [False, True, True, True, False]
    assert sorted(looked, key=str) == sorted(windows, key=str)
