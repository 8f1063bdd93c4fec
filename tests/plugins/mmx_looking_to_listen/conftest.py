"""Tiny talkers: people who hum a tone of their own while their image is bright."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Audio, Card, Sample, Video
from mmx_looking_to_listen.model.audio_stream import AudioStream, Spectrograms
from mmx_looking_to_listen.model.faces import FaceCnn
from mmx_looking_to_listen.model.fusion import AudioVisualBlstm
from mmx_looking_to_listen.model.head import Masks
from mmx_looking_to_listen.model.lips import Lips
from tests.plugins.tiny_run import TinyRun as OneRun

RATE, SIDE = 4000, 16
FRONT = {"rate": RATE, "window": 128, "hop": 64, "fft": 128}


class Hummers:
    """Four people per split, three clips each; a clip is silent, or the person hums in every other half second."""

    fields: Mapping[str, str] = {"face": "video", "audio": "audio"}
    targets: Mapping[str, Sequence[str] | None] = dict.fromkeys(("speaker", "pitch", "visemes", "lips"))
    card = Card("Hummers", "Tones and bright images.", "CC0-1.0", synthetic=True)

    def __init__(self, seconds: float = 2.0, people: int = 4, shared: bool = False, silent: Sequence[int] = ()) -> None:
        self.seconds, self.people, self.shared, self.silent = seconds, people, shared, silent
        self.digest = f"hummers-{seconds}-{people}-{shared}-{list(silent)}"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in ("train", "val", "test"):
            raise DataError(f"no split {name}")
        offset = 0 if self.shared else ["train", "val", "test"].index(name) * self.people
        return [self.clip(name, number, offset + number % self.people) for number in range(3 * self.people)]

    def clip(self, name: str, number: int, person: int) -> Sample:
        images = int(self.seconds * 25)
        on_V = (np.arange(images) // 6 + number) % 2 == 0
        frames = np.zeros((images, SIDE, SIDE, 3), np.uint8)
        frames[:] = 30 + np.arange(SIDE, dtype=np.uint8)[None, :, None, None]
        frames[on_V, SIDE // 2 :] = 200
        time_T = np.arange(int(self.seconds * RATE)) / RATE
        pitch = 200 + 90 * person
        tone_T = np.sin(2 * np.pi * pitch * time_T) * np.repeat(on_V, RATE // 25)[: len(time_T)]
        if number in self.silent:
            tone_T = 0 * tone_T
        lips = np.stack([on_V, 0 * on_V, 0 * on_V], 1).astype(np.float32)
        return Sample(
            f"{name}-{number}",
            {"face": Video(frames, 25.0), "audio": Audio((0.2 * tone_T).astype(np.float32)[None], RATE)},
            {"speaker": person, "pitch": float(pitch), "visemes": on_V.astype(np.int64) * 6, "lips": lips},
        )


class Noises:
    """Sounds without a val split."""

    fields: Mapping[str, str] = {"audio": "audio"}
    targets: Mapping[str, Sequence[str] | None] = {}
    card = Card("Noises", "Noise.", "CC0-1.0", synthetic=True)
    digest = "noises"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in ("train", "test"):
            raise DataError(f"no split {name}")
        rng = np.random.default_rng(["train", "test"].index(name))
        return [
            Sample(f"{name}-noise-{i}", {"audio": Audio(rng.normal(0, 0.1, (2, 900)).astype(np.float32), 3000)})
            for i in range(2)
        ]


def tiny(faces: int = 2, visual: str = "full", seed: int = 0) -> Model:
    """A whole separation model of a few thousand weights."""
    torch.manual_seed(seed)
    encoders = {
        "audio": AudioStream(channels=4, out_channels=2, dilations=[(1, 1), (2, 2)], **FRONT),
        "faces": FaceCnn(faces=faces, dim=6, widths=(4,), side=SIDE),
        "voices": Spectrograms(**FRONT),
    }
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    fuser = AudioVisualBlstm(dims, faces=faces, channels=6, hidden=8, widths=(16,), visual=visual)
    heads = {
        "masks": Masks({**dims, **fuser.dims}, faces=faces, bound="compressed"),
        "lips": Lips(dims, identities=4),
    }
    return Model(encoders, fuser, heads, {name: name for name in encoders}).eval()


class Run(OneRun):
    """A run of this paper."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "looking_to_listen", lambda: tiny(seed=1))


@pytest.fixture
def hummers() -> Hummers:
    return Hummers()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)
