"""A world whose music is a number and whose words are looked up: every answer can be told by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.data.lazy import LazyFields
from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Audio, Card, Features, Sample
from mmx_std.corpora.music import words
from mmx_std.fusers.pooled import NoFusion
from tests.plugins.tiny_run import TinyRun as OneRun

RATE = 1000
INSTRUMENTS = ("harp", "fiddle", "flute")
TEMPI = ("slow", "fast")
CONCEPTS = (*INSTRUMENTS, *TEMPI)


def sound(instrument: int, tempo: int, seconds: float = 4.0) -> Audio:
    """A constant that tells instrument and tempo, whatever window is heard."""
    level = (2 * instrument + tempo + 1) / 10
    return Audio(np.full((1, round(seconds * RATE)), level, np.float32), RATE)


class Ears(nn.Module):
    """Hears the constant; a deaf one hears the same in everything."""

    modality, out_dim = "audio", len(CONCEPTS)

    def __init__(self, deaf: bool) -> None:
        super().__init__()
        self.deaf = deaf

    def prepare(self, raw: Audio) -> Tensor:
        if not np.isfinite(raw.samples_CT).all():
            raise DataError("not finite")
        return torch.as_tensor(raw.samples_CT.mean(), dtype=torch.float32)[None]

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        if self.deaf:
            return Features(torch.ones(len(x), self.out_dim))
        code_B = (x[:, 0] * 10).round().long() - 1
        instrument_BD = nn.functional.one_hot(code_B // 2, len(INSTRUMENTS))
        return Features(torch.cat([instrument_BD, nn.functional.one_hot(code_B % 2, len(TEMPI))], 1).float())


class Words(nn.Module):
    """Understands every synonym of the concepts, wherever it stands in the text."""

    modality, out_dim = "text", len(CONCEPTS)

    def __init__(self, deaf: bool) -> None:
        super().__init__()
        self.deaf = deaf

    def prepare(self, raw: str) -> Tensor:
        kinds = ["instrument"] * len(INSTRUMENTS) + ["tempo"] * len(TEMPI)
        known = [words.PHRASES[kind][name] for kind, name in zip(kinds, CONCEPTS, strict=True)]
        return torch.tensor([float(any(word in raw for word in names)) for names in known])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(torch.ones_like(x) if self.deaf else x)


def toy_model(*, deaf: bool) -> Model:
    fuser = NoFusion({"audio": len(CONCEPTS), "text": len(CONCEPTS)})
    return Model({"audio": Ears(deaf), "text": Words(deaf)}, fuser, {}, {"audio": "audio", "text": "text"}).eval()


class Toys:
    """Sixty recordings, ten of each kind, in every split."""

    fields: Mapping[str, str] = {"audio": "audio", "text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"tags": (*CONCEPTS, "organ"), "facts": None}
    card = Card(title="toys", summary="toys", licence="CC0-1.0")
    digest = "toys"
    notes = ("Toys.",)

    def split(self, name: str) -> Sequence[Sample]:
        return [self._sample(name, number) for number in range(60)]

    @staticmethod
    def _sample(name: str, number: int) -> Sample:
        instrument, tempo = number % 3, number // 3 % 2
        tags = np.zeros(6, np.float32)
        tags[[instrument, 3 + tempo]] = 1
        facts = {"instrument": INSTRUMENTS[instrument], "tempo": TEMPI[tempo], "title": f"Toy {number}"}
        fields = LazyFields({"audio": lambda: sound(instrument, tempo), "text": lambda: INSTRUMENTS[instrument]})
        return Sample(f"{name}-{number}", fields, {"tags": tags, "facts": facts})


class TinyRun(OneRun):
    """A run of this paper."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "mulan", lambda: toy_model(deaf=True))


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)


@pytest.fixture
def toys() -> Toys:
    return Toys()
