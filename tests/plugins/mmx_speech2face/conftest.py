"""Tiny people: high voices go with bright faces, low ones with dark faces; the rest is chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Audio, Card, Sample
from mmx_speech2face.evaluation.encoding import Names
from mmx_speech2face.evaluation.measures import NEEDED
from mmx_speech2face.model.decoder import FaceDecoder
from mmx_speech2face.model.faces import FaceNet
from mmx_speech2face.model.heads import FaceClasses
from mmx_speech2face.model.voice_encoder import VoiceCnn
from mmx_std.encoders.image import Conv2d, Pixels
from mmx_std.fusers.pooled import NoFusion
from mmx_std.heads.linear import Attributes
from tests.plugins.tiny_run import TinyRun as OneRun

RATE, SIDE, DIM = 8000, 16, 6
LANDMARKS = tuple(sorted(NEEDED))
SPLITS = ("train", "val", "test")
NAMES = Names("face", "voice", "decoder", "judge", None)


class Tones:
    """People of two sexes and two builds; nobody is in two splits unless `shared`."""

    fields: Mapping[str, str] = {"voice": "audio", "face": "image", "portrait": "image", "album": "images"}
    targets: Mapping[str, Sequence[str] | None] = {
        "person": None,
        "sex": ("low", "high"),
        "build": ("small", "large"),
        "landmarks": None,
        "voice_traits": None,
        "face_traits": None,
        "causes": None,
    }
    landmark_names = LANDMARKS
    card = Card("Tones", "Tones and grey images.", "CC0-1.0", synthetic=True)

    def __init__(self, people: int = 8, shared: bool = False) -> None:
        self.people, self.shared = people, shared
        self.digest = f"tones-{people}-{shared}"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in SPLITS:
            raise DataError(f"no split {name}")
        offset = 0 if self.shared else SPLITS.index(name) * self.people
        return [self.person(name, offset + number) for number in range(self.people)]

    def person(self, split: str, number: int) -> Sample:
        rng = np.random.default_rng(number)
        sex, build = number % 2, number // 2 % 2
        face = np.clip(70 + 110 * sex + rng.normal(0, 8, (SIDE, SIDE, 3)), 0, 255)
        face[: SIDE // 2, :, 2] = 40 + 160 * build
        time = np.arange(3 * RATE) / RATE
        voice = 0.2 * np.sin(2 * np.pi * (150 + 300 * sex) * time) * (1 + np.sin(2 * np.pi * 4 * time))
        own = rng.normal(0, 0.05, (len(LANDMARKS), 2))
        middle = np.stack([np.linspace(-0.6, 0.6, len(LANDMARKS)), np.cos(np.arange(len(LANDMARKS))) * 0.5], 1)
        return Sample(
            f"{split}-{number}",
            {
                "voice": Audio(voice.astype(np.float32)[None], RATE),
                "face": face.astype(np.uint8),
                "portrait": face.astype(np.uint8),
                "album": (face.astype(np.uint8),) * 2,
            },
            {
                "person": number,
                "sex": sex,
                "build": build,
                "landmarks": (middle + own).astype(np.float32),
                "voice_traits": np.array([sex], np.float32),
                "face_traits": np.array([sex, build], np.float32),
                "causes": np.array([sex], np.float32),
            },
        )

    def affinity(self, voice: np.ndarray, face: np.ndarray) -> np.ndarray:
        return -np.abs(voice - face[:, 0][None])

    def affinity_of_causes(self, causes: np.ndarray, face: np.ndarray) -> np.ndarray:
        return self.affinity(causes, face)

    def faces_given_voice(self, voice: np.ndarray, count: int, seed: int) -> Sequence[np.ndarray]:
        return [np.full((SIDE, SIDE, 3), int(70 + 110 * voice[0]), np.uint8)] * count


def tiny(corpus: Any = None, *, seed: int = 0, told: bool = False, side: int = SIDE) -> Model:
    """A whole model of some thousand weights."""
    torch.manual_seed(seed)
    corpus = Tones() if corpus is None else corpus
    encoders = {
        "voice": VoiceCnn(
            dim=DIM, channels=[2, 2, 2, 3, 3, 3, 4, 4, 4], hidden=8, seconds=3.0, rate=RATE, window=128, hop=80, fft=128
        ),
        "face": FaceNet(dim=DIM, widths=(4, 4), side=SIDE),
        "portrait": Pixels(side=side),
        "judge": Conv2d(widths=[4, 4], image_size=SIDE),
    }
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    sizes = {"first": 5, "hidden": 6, "landmarks": len(LANDMARKS), "shape": [6], "channels": [4, 4, 4], "side": side}
    heads = {
        "decoder": FaceDecoder(dims, corpus, **sizes),
        "classes": FaceClasses(dims, identities=64),
        "judge": Attributes(dims, Tones.targets, reads="fused.judge", targets=["sex", "build"]),
    }
    if told:
        heads["told"] = Attributes(dims, Tones.targets, reads="fused.voice", targets=["sex", "build"])
    fields = {"voice": "voice", "face": "face", "portrait": "portrait", "judge": "portrait"}
    return Model(encoders, NoFusion(dims), heads, fields).eval()


class Run(OneRun):
    """A run of this paper."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "speech2face", lambda: tiny(seed=1))


@pytest.fixture
def tones() -> Tones:
    return Tones()


@pytest.fixture
def model() -> Model:
    return tiny()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)
