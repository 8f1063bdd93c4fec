"""A few clips, and the small model that is tried on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.model.model import Model
from mmx_vatt.model.fusion import CommonSpaces
from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens, WordTokens
from mmx_worlds.scenes.corpus import Scenes
from tests.plugins.tiny_run import TinyRun as OneRun

WORLD = Scenes(clips=24, val_clips=4, test_clips=16)
WIDTH = 16
SIZES = {key: {"layers": 1, "heads": 2} for key in ("video", "audio", "text", "shared")}

MILLIONS = {"small": 20.9, "base": 87.9, "medium": 155.0, "large": 306.1}
"""Parameters as published, in millions."""


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


class TinyRun(OneRun):
    """A run of this paper."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "vatt", lambda: model(seed=7))


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)
