"""A few clips, and the small model that is tried on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.errors import DataError
from mmx.model import Model
from mmx.types import Batch
from mmx_vatt.fusion import CommonSpaces
from mmx_vatt.model import AudioTokens, VideoTokens, WordTokens
from mmx_worlds.scenes import Scenes

WORLD = Scenes(clips=24, val_clips=4, test_clips=16)
WIDTH = 16
SIZES = {key: {"layers": 1, "heads": 2} for key in ("video", "audio", "text", "shared")}


def encoders(**words: Any) -> dict[str, torch.nn.Module]:
    return {
        "video": VideoTokens(WIDTH, frames=8, side=32, fps=7.8125, patch=(2, 8, 8)),
        "audio": AudioTokens(WIDTH, rate=4000, seconds=1.024, patch=64),
        "text": WordTokens(
            WORLD, "narration", width=WIDTH, reads="cues", vocabulary=200, words=12, seconds=1.024, **words
        ),
    }


def model(seed: int = 0, **fuser: Any) -> Model:
    torch.manual_seed(seed)
    parts = encoders()
    options: dict[str, Any] = {"sizes": SIZES, "fine": 8, "coarse": 6, **fuser}
    spaces = CommonSpaces(dict.fromkeys(parts, WIDTH), **options)
    return Model(parts, spaces, {}, {"video": "video", "audio": "audio", "text": "narration"}).eval()


class TinyRun:
    """What a task sees of a run."""

    id, experiment, seed, split = "run", "vatt", 0, "test"
    device = torch.device("cpu")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def batches(
        self, model: Model, samples: Sequence[Any], encoders: Sequence[str] | None = None, batch_size: int = 32
    ) -> Iterator[Batch]:
        for first in range(0, len(samples), batch_size):
            chosen = []
            for index in range(first, min(first + batch_size, len(samples))):
                try:
                    model.prepare([samples[index]], encoders)
                except DataError:
                    continue
                chosen.append(samples[index])
            if chosen:
                yield model.prepare(chosen, encoders)

    def untrained(self) -> Model:
        return model(seed=7)

    def track(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterable[Any]:
        return items

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        raise AssertionError("the task has no reason to log")


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)
