"""A model of a few thousand weights, and batches whose every number is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.model.model import Model
from mmx.types import Batch, Card, Cue, Features, Sample, Signal
from mmx_hero.model import rows
from mmx_hero.model.heads import Order, Regression
from mmx_hero.model.hierarchical import Hierarchical
from mmx_hero.model.localiser import Localiser
from mmx_hero.model.texts import Choices, TimedText
from mmx_hero.model.words import Words
from mmx_std.encoders.video import Precomputed
from tests.plugins.tiny_run import TinyRun as OneRun

COLUMNS, TOKENS, WIDTH, VOCABULARY, PERIOD = 6, 5, 16, 40, 1.5
DIMS = {"frames": COLUMNS, "subtitles": 3 + TOKENS, "queries": 3 + TOKENS, "question": 3 + TOKENS}
SIZES: dict[str, Any] = {
    "width": WIDTH, "layers": 2, "temporal_layers": 1, "heads": 2, "hidden": 32, "dropout": 0.0,
    "vocabulary": VOCABULARY, "positions": 64, "frame_positions": 8, "period": PERIOD,
}  # fmt: skip


def fuser(**options: Any) -> Hierarchical:
    """A small fuser, the same at every call, whose weights are large enough for differences to show."""
    torch.manual_seed(0)
    dims = options.pop("dims", DIMS)
    made = Hierarchical(dims, **{"built": {}, **SIZES, **options}).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
            if name.endswith("masks.weight"):
                parameter[0] = 0
    return made


def row(start: float, end: float, *ids: int) -> Tensor:
    """A row of tokens with its times."""
    found = torch.zeros(3 + TOKENS)
    found[: 3 + len(ids)] = torch.tensor([start, end, len(ids), *ids], dtype=torch.float32)
    return found


def table(*videos: Sequence[Tensor], lines: int = 4) -> Tensor:
    """Rows of several videos (B, lines, R)."""
    found = torch.zeros(len(videos), lines, 3 + TOKENS)
    for video, own in zip(found, videos, strict=True):
        for place, each in enumerate(own):
            video[place] = each
    return found


def batch_of(frames_BTV: Tensor, mask_BT: Tensor | None = None, **texts: Tensor) -> Batch:
    """A batch with features of frames and rows of texts, as if encoders had given them."""
    batch = Batch([f"v{index}" for index in range(len(frames_BTV))])
    batch.cached["frames"] = Features(frames_BTV.mean(1), frames_BTV, mask_BT)
    for name, each in texts.items():
        batch.cached[name] = rows.features(each)
    return batch


def seen(model: Hierarchical, batch: Batch) -> Any:
    """What the fuser says."""
    return model(batch.cached, batch)


@pytest.fixture
def frames() -> Tensor:
    """Features of two videos of eight frames."""
    return torch.randn(2, 8, COLUMNS, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def subtitles() -> Tensor:
    """Frames 0 to 2 and 4 to 5 of the first video have subtitles, 1 to 2 of the second; the others have none."""
    return table(
        [row(0.0, 4.5, 2, 11, 12), row(6.0, 9.0, 2, 13)],
        [row(1.5, 4.5, 2, 14, 15, 16)],
    )


class Episodes:
    """Twelve videos in every split: a name that is said, a thing that is seen, and both in the query."""

    fields: Mapping[str, str] = {
        "frames": "signal",
        "subtitles": "cues",
        "queries": "cues",
        "captions": "cues",
        "question": "text",
    }
    targets: Mapping[str, Sequence[str] | None] = {"answer": ("0", "1"), "truth": ("false", "true"), "events": None}
    card = Card(title="videos", summary="videos", licence="CC0-1.0", synthetic=True)
    digest = "videos-1"

    def split(self, name: str) -> list[Sample]:
        return [self._episode(name, number) for number in range(12)]

    def _episode(self, split: str, number: int) -> Sample:
        name, thing = ("anna", "ben", "cora")[number % 3], number // 3 % 4
        values = torch.zeros(8, COLUMNS)
        values[2:5, thing] = 3.0
        moment = (3.0, 7.5)
        query = Cue(*moment, f"{name} takes thing{thing}")
        fields = {
            "frames": Signal(values.numpy(), 1 / PERIOD),
            "subtitles": (Cue(3.2, 7.0, f"hello {name}"), Cue(9.0, 10.0, "bye")),
            "queries": (query,),
            "captions": (query,),
            "question": f"who takes thing{thing}? | {name} | nobody" if number % 2 == 0 else f"who? | nobody | {name}",
        }
        events = [{"start": 3.0, "end": 7.5, "name": name, "thing": str(thing), "reason": ""}]
        return Sample(f"{split}-{number}", fields, {"answer": number % 2, "truth": number % 2, "events": events})


def toy_model(**options: Any) -> Model:
    """A whole model for `Videos`."""
    videos = Episodes()
    text: dict[str, Any] = {"built": {}, "vocabulary": VOCABULARY, "tokens": 8}
    encoders = {
        "frames": Precomputed(columns=COLUMNS, flat=2, frames=8),
        "subtitles": TimedText(videos, lines=3, **text),
        "queries": TimedText(videos, lines=2, **text),
        "captions": TimedText(videos, lines=2, **text),
        "question": Choices(videos, candidates=2, **text),
    }
    dims = {name: encoder.out_dim for name, encoder in encoders.items()}
    made = fuser(dims=dims, **options)
    widths = {**dims, **made.dims, **{f"encoded.{name}": width for name, width in dims.items()}}
    widths |= {f"fused.{name}": width for name, width in made.dims.items()}
    torch.manual_seed(1)
    heads = {
        "words": Words(
            widths, built={}, vocabulary=VOCABULARY, captions="captions", heads=2, positions=16, dropout=0.0
        ),
        "features": Regression(widths),
        "order": Order(widths, places=8),
        "localiser": Localiser(widths),
    }
    return Model(encoders, made, heads, {name: name for name in encoders}, frozen=["frames"]).eval()


class TinyRun(OneRun):
    """A run of this paper, whose untrained model may be another one."""

    def __init__(self, folder: Path, untrained: Callable[[], Model] = toy_model) -> None:
        super().__init__(folder, "hero", untrained)


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)
