"""The page over items of a corpus: their media, inputs of encoders as pictures, and what a loss is shown otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mmx.model.build import build
from mmx.runs.browse import as_image, browse
from mmx.types import Audio, Batch, Card, Sample, Video
from tests.core.parts import Entropy, experiment, registry


class Media:
    fields: Mapping[str, str] = {"x": "signal", "audio": "audio", "video": "video", "image": "image", "text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("low", "high")}
    card = Card(title="media", summary="one of each", licence="CC0-1.0")
    digest = "media"

    def split(self, name: str) -> Sequence[Sample]:
        image = np.full((8, 12, 3), 200, np.uint8)
        fields = {
            "x": [0.0, 1.0, 2.0, 3.0],
            "audio": Audio(np.zeros((1, 800), np.float32), 8000),
            "video": Video(np.stack([image] * 4), 4.0),
            "image": image,
            "text": "<b>bold</b>",
        }
        return [Sample(f"m{i}", fields, {"label": 1}) for i in range(5)]


class Masks(Entropy):
    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        return replace(batch, inputs={"x": batch.inputs["x"] * 0})


def test_items_are_shown_as_they_are_as_prepared_and_as_a_loss_sees_them(tmp_path: Path) -> None:
    built = build(experiment(), registry())
    stage = built.stages[0]
    built = replace(built, stages=(replace(stage, updates=(replace(stage.updates[0], objective=Masks()),)),))
    text = browse(Media(), "train", 2, tmp_path / "page.html", built).read_text()
    assert "<h1>media: train</h1>" in text and text.count("<audio") == text.count("<video") == 2
    assert "m0" in text and "m1" in text and "m2" not in text
    assert "x as encoder x gets it: float32 (4,), 0 to 3" in text
    assert "x as stage fit is shown it, in one draw: float32 (4,), 0 to 0" in text
    assert "&lt;b&gt;bold" in text and "<b>bold" not in text
    assert "1 = high" in text and "http" not in text.replace("http-equiv", "")
    raw = browse(Media(), "train", 1, tmp_path / "raw.html").read_text()
    assert "as encoder" not in raw and raw.count("<img") == 1


def test_inputs_become_pictures_by_their_axes() -> None:
    ramp = np.linspace(0, 1, 12, dtype=np.float32)
    image = np.broadcast_to(ramp, (3, 8, 12))
    assert as_image(image).shape == (8, 12, 3)  # type: ignore[union-attr]
    frames = np.broadcast_to(ramp, (9, 3, 8, 12))
    assert as_image(frames).shape == as_image(frames.transpose(1, 0, 2, 3)).shape == (8, 72, 3)  # type: ignore[union-attr]
    heat = as_image(np.stack([ramp, ramp]))  # two steps of twelve bands: low ones below
    assert heat is not None and heat.shape == (96, 16, 3)
    assert heat[0, 0, 0] == 255 and heat[-1, 0, 0] == 0
    wave = as_image(np.sin(np.arange(5000, dtype=np.float32)))
    assert wave is not None and wave.shape == (96, 480, 3)
    assert as_image(np.arange(5)) is None and as_image(np.ones(1, np.float32)) is None
