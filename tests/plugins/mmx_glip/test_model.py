"""GLIP's head against its equations, token by token."""

from __future__ import annotations

import math

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_glip.model import Regions

BATCH = Batch(["x"])
PHRASES = torch.tensor([[-1, 0, 0, -1, 1, -1]])


def given(phrases: torch.Tensor = PHRASES) -> dict[str, Features]:
    generator = torch.Generator().manual_seed(0)
    image, words = torch.randn(1, 4, 6, generator=generator), torch.randn(1, 6, 5, generator=generator)
    return {
        "image": Features(image.mean(1), image),
        "prompt": Features(words.mean(1), words, None, {"phrases": phrases}),
    }


def head() -> Regions:
    torch.manual_seed(0)
    part = Regions({"fused.image": 6, "fused.prompt": 5}, width=8, anchor=1.5)
    with torch.no_grad():
        part.word_bias.normal_()
        part.log_scale.fill_(0.3)
        part.centre.bias.fill_(0.7)
    return part


def test_logits_and_scores_by_hand() -> None:
    part = head()
    assert isinstance(part, Head)
    features = given()
    found = part(features, BATCH)
    image, words = features["image"].tokens_BTD, features["prompt"].tokens_BTD
    assert image is not None and words is not None
    for region in range(4):
        for token in range(6):
            unit = words[0, token] / words[0, token].norm()
            product = part.region(image[0, region]) @ part.word(unit / 2) / math.exp(0.3)
            logit = product + unit @ part.word_bias - math.log(0.99 / 0.01)
            assert found["logits"][0, region, token].item() == pytest.approx(logit.item(), abs=1e-4)
        chances = found["logits"][0, region].sigmoid()
        centre = part.centre(image[0, region]).sigmoid()
        expected = [(chances[[1, 2]].mean() * centre).sqrt(), (chances[4] * centre).sqrt()]
        assert found["scores"][0, region].tolist() == pytest.approx([each.item() for each in expected], rel=1e-4)


def test_before_training_nearly_everything_is_background_and_boxes_are_anchors() -> None:
    torch.manual_seed(0)
    part = Regions({"fused.image": 6, "fused.prompt": 5}, width=8, anchor=1.0)
    found = part(given(), BATCH)
    assert found["logits"].sigmoid().mean().item() == pytest.approx(0.01, abs=0.003)
    torch.testing.assert_close(found["boxes"][0], found["anchors"], atol=0.02, rtol=0)


def test_a_prompt_without_tokens_is_scored_by_centreness_alone() -> None:
    part = head()
    found = part(given(torch.full((1, 6), -1)), BATCH)
    torch.testing.assert_close(found["scores"][0, :, 0], found["centreness"][0].sigmoid().sqrt())


def test_it_needs_a_prompt_that_tells_its_phrases() -> None:
    features = given()
    features["prompt"] = Features(features["prompt"].pooled_BD, features["prompt"].tokens_BTD)
    with pytest.raises(PortError, match="std/phrases"):
        head()(features, BATCH)
