"""Prompts there and back, phrase scores by hand, the focal loss by its equation and by torchvision."""

from __future__ import annotations

import math

import pytest
import torch

from mmx_std.ops.grounding.phrases import joined, phrase_means, split, token_focal


def test_prompts_are_split_and_joined() -> None:
    assert split(" a red  square. a blue circle.; a cross\n") == ["a red square", "a blue circle", "a cross"]
    assert joined(["a red square", "a cross"]) == "a red square. a cross."
    assert split(joined(["one", "two three"])) == ["one", "two three"]
    assert split(" . ; ") == []


def test_a_phrase_has_the_mean_of_its_tokens() -> None:
    scores = torch.tensor([[[0.1, 0.3, 0.9, 0.5], [0.2, 0.2, 0.4, 1.0]]])
    means, there = phrase_means(scores, torch.tensor([[0, 0, -1, 2]]))
    assert means.shape == (1, 2, 3)
    assert means[0, 0].tolist() == pytest.approx([0.2, 0.0, 0.5])
    assert means[0, 1].tolist() == pytest.approx([0.2, 0.0, 1.0])
    assert there.tolist() == [[True, False, True]]
    none, there = phrase_means(scores, torch.full((1, 4), -1))
    assert none.shape == (1, 2, 1) and not there.any()


def test_the_focal_loss_by_its_equation_over_real_tokens_only() -> None:
    logits = torch.tensor([[[2.0, -1.0, 9.0], [0.5, -3.0, 9.0]]])
    truth = torch.tensor([[[1, 0, 0], [0, 1, 0]]])
    total = 0.0
    for region in range(2):
        for token in range(2):  # the third is padding
            p = 1 / (1 + math.exp(-float(logits[0, region, token])))
            right, alpha = (p, 0.25) if truth[0, region, token] else (1 - p, 0.75)
            total -= alpha * (1 - right) ** 2 * math.log(right)
    mask = torch.tensor([[True, True, False]])
    assert float(token_focal(logits, truth, mask)) == pytest.approx(total, rel=1e-5)
    torchvision = pytest.importorskip("torchvision.ops")
    theirs = torchvision.sigmoid_focal_loss(logits, truth.float(), 0.25, 2.0, "sum")
    torch.testing.assert_close(token_focal(logits, truth, None), theirs)


def test_extreme_scores_are_finite() -> None:
    logits = torch.tensor([[[5e4, -5e4]]], requires_grad=True)
    loss = token_focal(logits, torch.tensor([[[0, 1]]]), None)
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()
