"""A folder of music: formats, broken files, silence, and an index by content."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import write_audio
from mmx.types import Audio
from mmx_mulan.predict import open_library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "music"
    (place / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("b.wav", "a.flac", "deep/c.ogg"):
        write_audio(place / name, Audio(rng.uniform(-0.3, 0.3, (2, 8000)).astype(np.float32), 8000))
    write_audio(place / "silence.wav", Audio(np.zeros((1, 8000), np.float32), 8000))
    (place / "broken.mp3").write_bytes(b"this is no music")
    (place / "empty.wav").write_bytes(b"")
    (place / "notes.txt").write_text("not looked at")
    return place


class Encoder:
    """Counts how often it encodes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, audio: Audio) -> np.ndarray:
        self.count += 1
        return np.array([audio.seconds, float(np.abs(audio.samples_CT).max())])


def test_good_files_are_encoded_and_bad_ones_listed(folder: Path) -> None:
    encoder = Encoder()
    library = open_library(folder, "m", encoder)
    assert [str(path.relative_to(folder)) for path in library.files] == ["a.flac", "b.wav", "deep/c.ogg"]
    assert library.vectors_ND[:, 0] == pytest.approx([1, 1, 1])
    assert encoder.count == 3
    assert sorted(Path(line.split(":")[0]).name for line in library.skipped) == [
        "broken.mp3",
        "empty.wav",
        "silence.wav",
    ]
    assert library.cached == 0


def test_the_index_goes_by_content_and_model(folder: Path) -> None:
    first = open_library(folder, "m", Encoder())
    shutil.move(folder / "b.wav", folder / "renamed.wav")
    again, other = Encoder(), Encoder()
    second = open_library(folder, "m", again)
    assert (again.count, second.cached) == (0, 3)
    assert np.allclose(np.sort(second.vectors_ND, 0), np.sort(first.vectors_ND, 0))
    write_audio(folder / "a.flac", Audio(np.full((1, 16000), 0.25, np.float32), 8000))
    changed = open_library(folder, "m", again)
    assert (again.count, changed.cached) == (1, 2)
    assert changed.vectors_ND[0, 0] == pytest.approx(2)
    open_library(folder, "another model", other)
    assert other.count == 3


def test_a_damaged_index_is_made_anew(folder: Path, tmp_path: Path) -> None:
    open_library(folder, "m", Encoder())
    store = next((tmp_path / "cache").rglob("*.npz"))
    store.write_bytes(b"damaged")
    encoder = Encoder()
    assert len(open_library(folder, "m", encoder).files) == 3
    assert encoder.count == 1


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.*")], "no recordings in it"),
        (lambda folder: [path.unlink() for path in folder.rglob("[abc].*")], "none of its 3 recordings"),
    ],
)
def test_folders_with_nothing_to_rank_are_refused(folder: Path, prepare: Callable[[Path], object], fault: str) -> None:
    prepare(folder)
    with pytest.raises(DataError, match=fault):
        open_library(folder, "m", Encoder())


def test_prediction_imports_nothing_of_judging() -> None:
    """They would be a third of the time of a query."""
    code = (
        "import sys, mmx_mulan.evaluation.task, mmx.runs.prediction; "
        "print(*{'sklearn', 'pandas', 'scipy.special', 'scipy.stats'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
