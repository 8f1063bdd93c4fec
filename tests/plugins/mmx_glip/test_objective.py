"""The loss of grounding, term by term from assigned anchors; shuffled prompts belong to phrases that they have."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.interfaces import Objective
from mmx.types import Batch, Outputs
from mmx_glip.objective import Grounding
from mmx_std.ops.grounding.anchors import assigned, coded, grid

ANCHORS = grid(4, 1.6)
BOXES = torch.tensor([[[0.05, 0.05, 0.45, 0.4], [0.55, 0.5, 0.95, 0.9]], [[0.3, 0.3, 0.7, 0.75], [0.0, 0.0, 0.0, 0.0]]])
OF = torch.tensor([[1, 0], [0, -1]])
PHRASES = torch.tensor([[-1, 0, -1, 1, -1], [-1, 0, 0, -1, -1]])
MASK = torch.tensor([[True] * 5, [True] * 4 + [False]])


def outputs(**changed: Any) -> Outputs:
    generator = torch.Generator().manual_seed(0)
    found = {
        "logits": torch.randn(2, 16, 5, generator=generator),
        "offsets": torch.randn(2, 16, 4, generator=generator),
        "centreness": torch.randn(2, 16, generator=generator),
        "anchors": ANCHORS,
        "phrases": PHRASES,
        "mask": MASK,
    }
    return Outputs(heads={"regions": {**found, **changed}})


def batch() -> Batch:
    return Batch(["a", "b"], targets={"phrase_boxes": BOXES, "box_phrases": OF})


def test_the_terms_by_their_formulas() -> None:
    part = Grounding(nearest=9)
    assert isinstance(part, Objective)
    given = outputs().heads["regions"]
    focal = centre = apart = weight = 0.0
    count = 0
    for row in range(2):
        real = OF[row] >= 0
        match = assigned([ANCHORS], BOXES[row][real], 9)
        for anchor in range(16):
            place = int(match[anchor])
            phrase = -2 if place < 0 else int(OF[row][real][place])
            for token in range(5):
                if MASK[row, token]:
                    p = float(given["logits"][row, anchor, token].sigmoid())
                    true = int(PHRASES[row, token]) == phrase
                    focal -= (0.25 if true else 0.75) * ((1 - p) if true else p) ** 2 * math.log(p if true else 1 - p)
            if place < 0:
                continue
            count += 1
            left, top, right, bottom = BOXES[row][real][place].tolist()
            ax, ay = (float(ANCHORS[anchor, i] + ANCHORS[anchor, i + 2]) / 2 for i in range(2))
            side = float(ANCHORS[anchor, 2] - ANCHORS[anchor, 0])
            d = [ax - left, right - ax, ay - top, bottom - ay]
            c = math.sqrt(min(d[:2]) / max(d[:2]) * min(d[2:]) / max(d[2:]))
            s = float(given["centreness"][row, anchor].sigmoid())
            centre -= c * math.log(s) + (1 - c) * math.log(1 - s)
            x, y, w, h = given["offsets"][row, anchor].tolist()
            cx, cy, bw, bh = ax + x / 10 * side, ay + y / 10 * side, side * math.exp(w / 5), side * math.exp(h / 5)
            b = [cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2]
            inter = max(0.0, min(b[2], right) - max(b[0], left)) * max(0.0, min(b[3], bottom) - max(b[1], top))
            union = bw * bh + (right - left) * (bottom - top) - inter
            hull = (max(b[2], right) - min(b[0], left)) * (max(b[3], bottom) - min(b[1], top))
            apart += c * (1 - inter / union + (hull - union) / hull)
            weight += c
    assert count > 3
    losses = part(outputs(), batch())
    assert float(losses["tokens"]) == pytest.approx(focal / count, rel=1e-4)
    assert float(losses["centreness"]) == pytest.approx(centre / count, rel=1e-4)
    assert float(losses["giou"]) == pytest.approx(apart / weight, rel=1e-4)
    total = losses["tokens"] + 2 * losses["giou"] + losses["centreness"]
    torch.testing.assert_close(losses["loss"], total)


def test_the_truth_costs_next_to_nothing_and_an_exchanged_phrase_much() -> None:
    match = torch.stack([assigned([ANCHORS], boxes[of >= 0], 9) for boxes, of in zip(BOXES, OF, strict=True)])
    named = torch.where(match >= 0, OF.gather(1, match.clamp(min=0)), -2)
    right = torch.where(named[..., None] == PHRASES[:, None], 12.0, -12.0)
    offsets = coded(BOXES.gather(1, match.clamp(min=0)[..., None].expand(-1, -1, 4)), ANCHORS.expand(2, -1, -1))
    losses = Grounding()(outputs(logits=right, offsets=offsets), batch())
    assert float(losses["tokens"]) < 1e-3 and float(losses["giou"]) < 1e-3
    exchanged = Batch(["a", "b"], targets={"phrase_boxes": BOXES, "box_phrases": torch.tensor([[0, 1], [0, -1]])})
    assert float(Grounding()(outputs(logits=right, offsets=offsets), exchanged)["tokens"]) > 1


def test_an_image_without_boxes_has_a_finite_loss() -> None:
    empty = Batch(["a", "b"], targets={"phrase_boxes": BOXES, "box_phrases": torch.full((2, 2), -1)})
    losses = Grounding()(outputs(), empty)
    assert torch.isfinite(losses["loss"]) and float(losses["giou"]) == 0


def test_a_row_of_no_box_may_stand_first() -> None:
    turned = Batch(["a", "b"], targets={"phrase_boxes": BOXES.flip(1), "box_phrases": OF.flip(1)})
    torch.testing.assert_close(Grounding()(outputs(), turned)["loss"], Grounding()(outputs(), batch())["loss"])


def test_shuffled_prompts_move_and_boxes_belong_to_their_phrases() -> None:
    part, generator = Grounding(shuffled=True), torch.Generator().manual_seed(1)
    given = Batch(list("abcd"), inputs={"prompt": torch.arange(4)[:, None], "image": torch.arange(4)})
    seen = part.view(given, generator)
    assert sorted(seen.inputs["prompt"][:, 0].tolist()) == [0, 1, 2, 3] != seen.inputs["prompt"][:, 0].tolist()
    assert torch.equal(seen.inputs["image"], given.inputs["image"])
    assert Grounding().view(given, generator) is given
    one_phrase = torch.tensor([[-1, 0, -1, 0, -1], [-1, 0, 0, -1, -1]])
    losses = part(outputs(phrases=one_phrase), batch())  # phrase 1 of the image is phrase 0 of a prompt of one
    as_zero = Batch(["a", "b"], targets={"phrase_boxes": BOXES, "box_phrases": OF.clamp(max=0)})
    torch.testing.assert_close(losses["loss"], Grounding()(outputs(phrases=one_phrase), as_zero)["loss"])
