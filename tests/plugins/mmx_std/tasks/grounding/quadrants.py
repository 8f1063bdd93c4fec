"""A world of four quadrants, one or two of them bright, and a model that finds those that a prompt names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmx.model.model import Model
from mmx.types import Batch, Features, Sample
from mmx_std.fusers.pooled import NoFusion
from mmx_std.ops.grounding import phrases
from tests.plugins.mmx_std.judges import Listed

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}
QUADRANTS = torch.tensor([[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]])


def painted(colours: Mapping[int, str], height: int = 16, width: int = 16) -> np.ndarray:
    """An image whose quadrants have these colours, of a 16-pixel square at its top left."""
    image = np.zeros((height, width, 3), np.uint8)
    for quadrant, colour in colours.items():
        top, left = 8 * (quadrant // 2), 8 * (quadrant % 2)
        image[top : top + 8, left : left + 8] = COLOURS[colour]
    return image


def world(count: int = 24) -> Listed:
    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        first, second = (int(each) for each in rng.choice(4, 2, replace=False))
        one, two, absent = (str(each) for each in rng.permutation(list(COLOURS)))
        of = np.array([2, 0, -1])  # the first thing is named last; a row of no box
        boxes = np.stack([QUADRANTS[first], QUADRANTS[second], np.zeros(4)]).astype(np.float32)
        samples.append(
            Sample(
                f"item-{number}",
                {"image": painted({first: one, second: two}), "prompt": f"{two}. {absent}. {one}."},
                {"phrase_boxes": boxes, "box_phrases": of},
            )
        )
    classes: dict[str, None] = {"phrase_boxes": None, "box_phrases": None}
    return Listed({"test": samples, "train": samples, "novel": samples[:12]}, classes)


class Patches(nn.Module):
    modality, out_dim = "image", 3

    def prepare(self, raw: Any) -> Tensor:
        step = raw.shape[0] // 16
        return torch.from_numpy(np.ascontiguousarray(raw[::step, ::step])).float()

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        corners = x[:, 4::8, 4::8].flatten(1, 2)
        return Features(corners.mean(1), corners)


class Named(nn.Module):
    modality, out_dim = "text", 3

    def prepare(self, raw: Any) -> Tensor:
        return torch.tensor([COLOURS[phrase] for phrase in phrases.split(raw)]).float()

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x.mean(1), x, mask_BT)


class Finds(nn.Module):
    """Each quadrant with the likeness of its colour to that of each phrase; untrained, one score for all."""

    needs = ("encoded.image", "encoded.prompt")

    def __init__(self, trained: bool) -> None:
        super().__init__()
        self.trained = nn.Parameter(torch.tensor(float(trained)))

    def forward(self, fused: Mapping[str, Features], batch: Batch) -> dict[str, Tensor]:
        image, prompt = fused["image"].tokens_BTD, fused["prompt"].tokens_BTD
        assert image is not None and prompt is not None
        scores = (-torch.cdist(image, prompt) / 100).exp() * self.trained
        return {"boxes": QUADRANTS.expand(len(image), -1, -1), "scores": scores}


def make(trained: bool) -> Model:
    encoders = {"image": Patches(), "prompt": Named()}
    fields = {"image": "image", "prompt": "prompt"}
    return Model(encoders, NoFusion({"image": 3, "prompt": 3}), {"regions": Finds(trained)}, fields)
