"""A tiny world for SoundNet: tones, and the colours that a teacher reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError
from mmx.interfaces import Encoder
from mmx.model.model import Model
from mmx.types import Audio, Batch, Card, Features, Sample
from mmx_soundnet.model.raw_waveform import Conv8
from mmx_soundnet.model.two_heads import TwoHeads
from tests.plugins.tiny_run import TinyRun as OneRun

RATE, OBJECTS, SCENES = 2000, 3, 2
TINY = {"channels": (4, 4, 6, 6, 8, 8, 8), "pools": (2, 2, 2), "rate": RATE, "seconds": 1.0}


def tone(label: int, scene: int, rng: np.random.Generator) -> Audio:
    """A tone whose pitch tells its class, in noise that is louder in the second scene."""
    time_T = np.arange(RATE) / RATE
    samples_T = np.sin(2 * np.pi * (100 + 150 * label) * time_T + rng.uniform(0, 6))
    samples_T += (0.1 + 0.5 * scene) * rng.normal(size=RATE)
    return Audio((0.3 * samples_T).astype(np.float32)[None], RATE)


class Colour(nn.Module):
    """A teacher that reads the class from a channel: logits 4 for the class, 0 else, plus what each frame adds."""

    modality = "video"

    def __init__(self, classes: int, channel: int) -> None:
        super().__init__()
        self.out_dim, self.channel = classes, channel

    def prepare(self, raw: np.ndarray) -> Tensor:
        return torch.as_tensor(raw)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        tokens_BTD = 4.0 * nn.functional.one_hot(x[..., self.channel].long(), self.out_dim).float()
        return Features(tokens_BTD.mean(1), tokens_BTD)


class NoFusion(nn.Module):
    """Passes features on."""

    def __init__(self) -> None:
        super().__init__()
        self.dims: Mapping[str, int] = {}

    def requires(self, name: str) -> Sequence[str]:
        return (name,)

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return features


class Tones:
    """Clips of tones with two frames; in split "all" sounds alone, with recordings."""

    fields: Mapping[str, str] = {"audio": "audio", "frames": "video"}
    targets: Mapping[str, Sequence[str] | None] = {
        "label": ("low", "middle", "high"),
        "object": ("low", "middle", "high"),
        "scene": ("left", "right"),
        "recording": None,
        "fold": None,
    }
    card = Card(title="tones", summary="tones", licence="CC0-1.0")
    digest = "tones"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in ("all", "train", "test"):
            raise DataError(f"no split {name}")
        rng = np.random.default_rng(["all", "train", "test"].index(name))
        return [self._sample(name, number, rng) for number in range(24)]

    @staticmethod
    def _sample(name: str, number: int, rng: np.random.Generator) -> Sample:
        label, scene = number % OBJECTS, number // OBJECTS % SCENES
        frames = np.array([[label, scene], [label, scene]], dtype=np.float32)
        targets = {
            "label": label,
            "object": label,
            "scene": scene,
            "recording": f"{label}-{number // 6}",
            "fold": number // 12,
        }
        return Sample(f"{name}-{number}", {"audio": tone(label, scene, rng), "frames": frames}, targets)


class TinyRun(OneRun):
    """A run of this paper; it notes which encoders were asked for, and leaves out samples by their id."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "soundnet", lambda: tiny_model(seed=0))
        self.asked: list[tuple[str, ...]] = []

    def batches(
        self, model: Model, samples: Sequence[Sample], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        """Yield batches without the samples that are called broken."""
        for batch in super().batches(model, [s for s in samples if not s.id.endswith("broken")], encoders, batch_size):
            self.asked.append(tuple(encoders or ()))
            yield batch


def tiny_model(seed: int, student: Encoder | None = None) -> Model:
    torch.manual_seed(seed)
    encoders = {
        "audio": student or Conv8(**TINY),
        "objects": Colour(OBJECTS, 0),
        "scenes": Colour(SCENES, 1),
    }
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    heads = {"labels": TwoHeads(dims, kernel=2, stride=1)}
    fields = {"audio": "audio", "objects": "frames", "scenes": "frames"}
    return Model(encoders, NoFusion(), heads, fields, ["objects", "scenes"])


@pytest.fixture
def corpus() -> Tones:
    return Tones()


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)


@pytest.fixture
def model() -> Model:
    return tiny_model(seed=0)
