"""Media and manifests that the tests of file corpora read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.media.audio_image import write_audio, write_image, write_video
from mmx.types import Audio, Video

WriteRows = Callable[[Path, Sequence[dict[str, Any]]], str]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with a little of everything: two sounds, two images, a video, and files that are broken."""
    folder = tmp_path / "data"
    folder.mkdir()
    time = np.arange(800) / 8000
    for name, pitch in (("low", 200), ("high", 900)):
        write_audio(folder / f"{name}.wav", Audio(np.sin(2 * np.pi * pitch * time)[None].astype(np.float32) / 2, 8000))
    write_image(folder / "red.png", np.full((6, 8, 3), (200, 0, 0), np.uint8))
    write_image(folder / "blue.png", np.full((4, 4, 3), (0, 0, 200), np.uint8))
    frames = np.zeros((10, 32, 32, 3), np.uint8)
    frames[5:] = 255  # black, then white
    sound = Audio(np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)[None].astype(np.float32) / 2, 8000)
    write_video(folder / "video.mp4", Video(frames, 10.0), sound)
    (folder / "video.srt").write_text(
        "1\n00:00:00,200 --> 00:00:00,600\nblack\n\n2\n00:00:00,500 --> 00:00:01,000\nwhite\n"
    )
    (folder / "broken.wav").write_bytes(b"RIFF nothing of the kind")
    (folder / "empty.png").write_bytes(b"")
    return folder


@pytest.fixture
def write_rows() -> WriteRows:
    """A function that writes JSON lines and returns the path as text."""

    def write(path: Path, rows: Sequence[dict[str, Any]]) -> str:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write
