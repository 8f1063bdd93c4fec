"""Candidates and statements: pooling, loss, and what a missing candidate or truth does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.testing.objectives import check_objective
from mmx.types import Batch, Features, Outputs
from mmx_hero.answers import Answer, Answering
from mmx_hero.layers import NOTHING

DIMS = {"fused.answers": 6}


def features(candidates: int = 3, frames: int = 4) -> dict[str, Features]:
    x = torch.randn(2, candidates * frames, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, candidates, frames, dtype=torch.bool)
    mask[1, :, 3] = False  # the second film is shorter
    mask[1, 2:] = False  # and its question has one candidate less
    return {"answers": Features(x.mean(1), x, mask.flatten(1))}


def test_each_candidate_is_pooled_over_its_own_frames() -> None:
    torch.manual_seed(0)
    head = Answer(DIMS, candidates=3)
    found = head(features(), Batch(["a", "b"]))
    tokens = features()["answers"].tokens_BTD
    assert tokens is not None
    x = tokens.reshape(2, 3, 4, 6)
    weights = head.pool.score(x[1, 0, :3]).softmax(0)
    assert float(found["fits"][1, 0]) == pytest.approx(float(head.judge((weights * x[1, 0, :3]).sum(0))), rel=1e-4)
    assert float(found["fits"][1, 2]) == NOTHING
    # Where: each frame is a mixture of its states over candidates.
    mix = head.span_pool.score(x[0, :, 2]).softmax(0)
    start, end = head.span((mix * x[0, :, 2]).sum(0)).tolist()
    assert (float(found["start"][0, 2]), float(found["end"][0, 2])) == pytest.approx((start, end), rel=1e-4)
    assert float(found["start"][1, 3]) == NOTHING
    with pytest.raises(PortError, match="not those of 5 candidates"):
        Answer(DIMS, candidates=5)(features(), Batch(["a", "b"]))


def test_a_statement_has_one_logit_and_no_place() -> None:
    head = Answer(DIMS, kind="statement", candidates=1)
    found = head(features(1, 4), Batch(["a", "b"]))
    assert set(found) == {"fits"}
    assert found["fits"].shape == (2, 1)
    assert not hasattr(head, "span")


def test_the_loss_of_a_choice_and_its_place() -> None:
    generator = torch.Generator().manual_seed(0)
    said = {
        "fits": torch.randn(3, 4, generator=generator),
        "start": torch.randn(3, 5, generator=generator),
        "end": torch.randn(3, 5, generator=generator),
    }
    batch = Batch(
        ["a", "b", "c"],
        targets={"answer": torch.tensor([1, -1, 3]), "moment": torch.tensor([[1.5, 4.5], [0, 1], [0.0, 1.5]])},
    )
    found = Answering(candidates=4, moment="moment")(Outputs(heads={"answer": said}), batch)
    right = -float(said["fits"][0].log_softmax(-1)[1]) - float(said["fits"][2].log_softmax(-1)[3])
    starts = -float(said["start"][0].log_softmax(-1)[1]) - float(said["start"][2].log_softmax(-1)[0])
    ends = -float(said["end"][0].log_softmax(-1)[2]) - float(said["end"][2].log_softmax(-1)[0])
    assert float(found["loss"]) == pytest.approx(right / 2 + 0.4 * (starts / 2 + ends / 2) / 2, rel=1e-5)
    alone = Answering(candidates=4)(Outputs(heads={"answer": said}), batch)
    assert float(alone["loss"]) == pytest.approx(right / 2, rel=1e-5)


def test_the_loss_of_statements() -> None:
    logits = torch.tensor([[2.0], [-1.0], [3.0]])
    batch = Batch(["a", "b", "c"], targets={"truth": torch.tensor([1, 1, -1])})
    found = Answering(target="truth", kind="statement")(Outputs(heads={"answer": {"fits": logits}}), batch)
    wanted = (-math.log(1 / (1 + math.exp(-2.0))) - math.log(1 / (1 + math.exp(1.0)))) / 2
    assert float(found["loss"]) == pytest.approx(wanted, rel=1e-5)
    assert float(found["right"]) == 0.5


@pytest.mark.parametrize(("options", "shape"), [({"kind": "statement"}, (4, 1)), ({"candidates": 3}, (4, 3))])
def test_contracts(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    batch = Batch([str(i) for i in range(4)], targets={"answer": torch.tensor([0, 1, 1, 0])})
    outputs = Outputs(heads={"answer": {"fits": torch.randn(shape)}})
    assert [f for f in check_objective(Answering(**options), outputs, batch) if not f.ok] == []
    assert Answering(moment="moment").chance(4) is None
