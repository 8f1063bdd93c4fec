from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.media.audio_image import write_audio
from mmx.types import Audio, Cue
from mmx_std.corpora import manifest as manifests
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues
from mmx_std.corpora.items import Item
from mmx_std.corpora.manifest import Manifest
from mmx_std.corpora.packed_items import packed

ITEMS = [
    Item(
        "a é 😀",
        1,
        {"audio": Media("audio", FileSource(Path("/x/a.wav")), 0.1, None)},
        {"text": 'a "word"\n'},
        {},
        "g",
        "t",
    ),
    Item("b", 3, {}, {"text": "\ud800"}, {"label": "7", "labels": ("x", "y")}, "b", "u"),
    Item(
        "c",
        9,
        {
            "video": Media("video", FileSource(Path("/x/c.mp4")), None, None, 5.0, 64),
            "cues": Media("cues", WrittenCues((Cue(0.1, 1 / 3, "so"),), ("late",)), 2.0, 3.0, around=1.5),
            "audio": Media("audio", FileSource(Path("/x/a.wav"))),
        },
        split="t",
        group="c",
    ),
]


def test_items_come_back_as_they_were() -> None:
    items = packed(ITEMS)
    assert list(items) == ITEMS
    assert list(items[1:]) == ITEMS[1:] and items[-1] == ITEMS[-1]
    assert list(items.of_split("t")) == [ITEMS[0], ITEMS[2]]
    assert list(items[1:].of_split("t")) == [ITEMS[2]] and not len(items.of_split("none"))
    assert list(pickle.loads(pickle.dumps(items))) == ITEMS
    assert list(packed([])) == []
    with pytest.raises(IndexError):
        items[3]


class Opened:
    """Opens a manifest of two recordings, and counts how often its rows are read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.path, self.times = folder, folder / "rows.jsonl", 0
        folder.mkdir()
        for name in ("a", "b"):
            self.record(name)
        self.write({"audio": "a.wav", "label": "x"}, {"audio": "b.wav", "label": "y", "split": "own", "start": 0.01})
        read = manifests.read_table

        def counted(path: Path) -> Any:
            self.times += 1
            return read(path)

        monkeypatch.setattr(manifests, "read_table", counted)

    def record(self, name: str, count: int = 800) -> None:
        write_audio(self.folder / f"{name}.wav", Audio(np.full((1, count), 0.5, np.float32), 8000))

    def write(self, *rows: dict[str, Any]) -> None:
        rows = tuple({"split": "train", **row} for row in rows)
        self.path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def __call__(self, **options: Any) -> tuple[Any, ...]:
        corpus = Manifest(path=str(self.path), **{"max_unreadable": 0.9, **options})
        found = [
            (sample.id, dict(sample.targets), sample.fields["audio"].samples_CT.shape)
            for sample in corpus.split("train")
        ]
        about = (
            corpus.digest,
            corpus.targets,
            corpus.fields,
            corpus.used,
            corpus.expected,
            list(map(str, corpus.broken)),
        )
        return list(corpus.items), found, *about


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(tmp_path / "data", monkeypatch)


def test_a_table_is_read_once_and_gives_the_same_again(opened: Opened) -> None:
    first = opened()
    assert opened() == first and opened.times == 1
    assert opened(window=0.05) != first and opened.times == 2
    assert opened(window=0.05) != first and opened() == first and opened.times == 2
    assert opened(class_names={"label": ["y", "x"]})[3] == {"label": ("y", "x")} and opened.times == 3


def _other_file(opened: Opened) -> None:
    opened.record("b", 900)


def _no_file(opened: Opened) -> None:
    (opened.folder / "b.wav").unlink()


def _other_table(opened: Opened) -> None:
    opened.write({"audio": "b.wav", "label": "z"})


@pytest.mark.parametrize("change", [_other_file, _no_file, _other_table])
def test_what_has_changed_is_read_again(opened: Opened, change: Callable[[Opened], None]) -> None:
    first = opened()
    change(opened)
    assert opened() != first and opened.times == 2


def test_a_file_that_could_not_be_used_is_looked_at_again(opened: Opened) -> None:
    good = (opened.folder / "b.wav").read_bytes()
    (opened.folder / "b.wav").write_bytes(b"x" * len(good))
    time = (opened.folder / "b.wav").stat().st_mtime_ns
    first = opened()
    assert first[5:7] == (1, 2) and opened() == first and opened.times == 1
    (opened.folder / "b.wav").write_bytes(good)
    os.utime(opened.folder / "b.wav", ns=(time, time))
    assert opened()[5:7] == (2, 2)


def test_a_file_that_leads_out_of_the_folder_later_is_not_read(opened: Opened, tmp_path: Path) -> None:
    opened()
    inside, outside = opened.folder / "b.wav", tmp_path / "b.wav"
    inside.rename(outside)  # of the same size and time
    inside.symlink_to(outside)
    found = opened()
    assert found[5:7] == (1, 2) and "outside" in found[7][0]
    assert opened() == found and opened.times == 3  # links decide, so that it is not kept


def test_a_damaged_cache_is_no_fault(opened: Opened, tmp_path: Path) -> None:
    first = opened()
    for content in (b"", b"PK\x03\x04 nothing", b"{}"):
        for path in tmp_path.rglob("tables/*.npz"):
            path.write_bytes(content)
        assert opened() == first
    assert opened.times == 4
