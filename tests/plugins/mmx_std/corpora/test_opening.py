from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.media.audio_image import write_audio
from mmx.types import Audio
from mmx_std.corpora import opening
from mmx_std.corpora.manifest import Manifest


class Opened:
    """Opens a manifest of two recordings, and counts how often its rows are read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.path, self.times = folder, folder / "rows.jsonl", 0
        folder.mkdir()
        for name in ("a", "b"):
            self.record(name)
        self.write({"audio": "a.wav", "label": "x"}, {"audio": "b.wav", "label": "y", "split": "own", "start": 0.01})
        read = opening.read_table

        def counted(path: Path) -> Any:
            self.times += 1
            return read(path)

        monkeypatch.setattr(opening, "read_table", counted)

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
