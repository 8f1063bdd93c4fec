"""The losses of heads that write, against their sums written out."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.encoders.text.tokenizers import CLS, PAD, SEP
from mmx_std.objectives.language import DoublyStochastic, NextToken

IDS = torch.tensor([[CLS, 5, 6, SEP], [CLS, 7, SEP, PAD]])
LOGITS = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
ALPHA = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1))
OUTPUTS = Outputs(
    encoded={"caption": Features(torch.zeros(2, 1), layers={"ids": IDS})},
    heads={"words": {"logits": LOGITS, "attention": ALPHA}},
)
BATCH = Batch(["a", "b"], targets={"trust": torch.tensor([2.0, 0.5])})
BUILT = {"encoders.caption": SimpleNamespace(vocabulary=8)}


def costs(smoothing: float = 0.0) -> list[list[float]]:
    """Return -sum_v q_v log p_v of each real token, by text."""
    found = []
    for logits, ids in zip(LOGITS.log_softmax(-1).tolist(), IDS.tolist(), strict=True):
        real = [(log_p, word) for log_p, word in zip(logits, ids[1:], strict=True) if word != PAD]
        found.append([-(1 - smoothing) * log_p[word] - smoothing * sum(log_p) / 8 for log_p, word in real])
    return found


def loss(**options: object) -> float:
    objective = NextToken(built=BUILT, **options)  # type: ignore[arg-type]
    assert isinstance(objective, Objective)
    return float(objective(OUTPUTS, BATCH)["loss"])


def test_tokens_or_texts_are_averaged_and_padding_costs_nothing() -> None:
    first, second = costs()
    assert (len(first), len(second)) == (3, 2)
    assert loss() == pytest.approx((sum(first) + sum(second)) / 5, rel=1e-5)
    assert loss(reduction="text") == pytest.approx((sum(first) + sum(second)) / 2, rel=1e-5)


def test_smoothing_prompts_and_weights() -> None:
    first, second = costs(0.1)
    assert loss(smoothing=0.1) == pytest.approx((sum(first) + sum(second)) / 5, rel=1e-5)
    first, second = costs()
    assert loss(prompt=1) == pytest.approx((sum(first[1:]) + sum(second[1:])) / 3, rel=1e-5)
    weighted = 2.0 * sum(first) + 0.5 * sum(second)
    assert loss(weights="trust") == pytest.approx(weighted / (2.0 * 3 + 0.5 * 2), rel=1e-5)
    assert loss(weights="trust", reduction="text") == pytest.approx(weighted / 2.5, rel=1e-5)


def test_chance_is_that_of_every_token_being_as_likely() -> None:
    assert NextToken(built=BUILT).chance(4) == pytest.approx(math.log(8))
    assert NextToken(built=BUILT, reduction="text").chance(4) is None


def test_shuffled_texts_keep_their_length_and_leave_the_images() -> None:
    inputs = {"caption": torch.arange(6)[:, None], "image": torch.arange(6)}
    batch = Batch(list("abcdef"), inputs=inputs, masks={"caption": torch.arange(6)[:, None] > 2})
    generator = torch.Generator().manual_seed(0)
    shown = NextToken(built=BUILT, shuffled=True).view(batch, generator)
    order = shown.inputs["caption"][:, 0]
    assert sorted(order.tolist()) == list(range(6)) and order.tolist() != list(range(6))
    assert torch.equal(shown.masks["caption"][:, 0], order > 2)
    assert torch.equal(shown.inputs["image"], torch.arange(6))
    assert NextToken(built=BUILT).view(batch, generator) is batch


def test_every_place_is_to_be_seen_once() -> None:
    """sum over places of (1 - sum over real words of alpha)^2, mean over texts."""
    expected = 0.0
    for alpha, words in zip(ALPHA.tolist(), (3, 2), strict=True):
        expected += sum((1 - sum(alpha[t][place] for t in range(words))) ** 2 for place in range(4))
    objective = DoublyStochastic()
    assert isinstance(objective, Objective) and objective.chance(2) is None
    assert float(objective(OUTPUTS, BATCH)["loss"]) == pytest.approx(expected / 2, rel=1e-5)


def test_a_head_that_does_not_write_is_named() -> None:
    with pytest.raises(PortError, match=r"heads\.words gives no 'logits'"):
        NextToken(built=BUILT)(Outputs(OUTPUTS.encoded, heads={"words": LOGITS}), BATCH)
