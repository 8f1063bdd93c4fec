"""Matching and answering against what they are defined as."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmx.errors import DataError
from mmx.types import Batch, Features, Outputs
from mmx_blip.objective import Answering, Match
from tests.plugins.mmx_std.fusers.test_cross_attention import made

IDS = torch.tensor([[1, 7, 2], [1, 6, 2], [1, 8, 2]])


class Two(nn.Module):
    """Logits of a state: what the objective gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 2)

    def forward(self, fused: Any, batch: Batch) -> torch.Tensor:
        logits: torch.Tensor = self.linear(fused["joint"].pooled_BD)
        return logits


def match(**options: Any) -> tuple[Match, Any, Any]:
    fuser, head = made(), Two()
    built = {"fuser": fuser, "heads.aligned": head}
    return Match(built=built, **options), fuser, head


def outputs(similar: torch.Tensor) -> Outputs:
    """Three pairs whose contrastive features have these similarities."""
    places = torch.randn(3, 4, 16, generator=torch.Generator().manual_seed(0))
    text = Features(torch.ones(3, 1), None, None, {"ids": IDS})
    fused = {"image_vector": Features(similar), "text_vector": Features(torch.eye(3))}
    return Outputs({"image": Features(places.mean(1), places), "caption": text}, fused)


BATCH = Batch(["a", "b", "c"], targets={"sentence": ["x", "y", "z"]})


def test_nine_pairs_of_which_three_are_true() -> None:
    # Image 0 is like text 1, 1 like 2, 2 like 0: at a low temperature each negative is certain.
    similar = torch.eye(3).roll(1, dims=1)
    loss, fuser, head = match(temperature=0.01)
    found = loss(outputs(similar), BATCH)
    states, _ = fuser.states(outputs(similar).encoded["image"])
    pairs = [(0, 0), (1, 1), (2, 2), (2, 0), (0, 1), (1, 2), (0, 1), (1, 2), (2, 0)]  # image, text
    first = torch.cat([fuser.joint(IDS[text : text + 1], states[image : image + 1])[:, 0] for image, text in pairs])
    truth = torch.tensor([1] * 3 + [0] * 6)
    assert found["loss"].item() == pytest.approx(functional.cross_entropy(head.linear(first), truth).item(), rel=1e-4)
    assert loss.chance(3) == pytest.approx(functional.cross_entropy(torch.tensor([[2.0, 1.0]] * 9).log(), truth).item())


def test_what_says_the_same_is_no_negative() -> None:
    loss, _, _ = match(temperature=0.01)
    same = Batch(["a", "b", "c"], targets={"sentence": ["x", "x", "z"]})
    for _ in range(5):
        images, texts = loss._negatives(outputs(torch.eye(3).roll(1, dims=1)), same)
        assert images.tolist()[:2] == [2, 2] and texts.tolist()[:2] == [2, 2]


def test_easy_negatives_are_drawn_alike() -> None:
    torch.manual_seed(0)
    loss, _, _ = match(hard=False)
    drawn = torch.stack([loss._negatives(outputs(100 * torch.eye(3).roll(1, dims=1)), BATCH)[1] for _ in range(300)])
    assert 0.4 < (drawn[:, 0] == 1).float().mean().item() < 0.6
    with pytest.raises(DataError, match="raise batch_size"):
        loss(outputs(torch.eye(3)), Batch(["a"]))


class Ranked:
    """A head whose answers cost their number plus one."""

    names, reads = ("red", "two", "circle"), "fused.joint"

    def states(self, fused: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)

    def ids(self, device: Any) -> torch.Tensor:
        return torch.arange(3)[:, None]

    def losses(self, states: Any, mask: Any, ids_NT: torch.Tensor, smoothing: float) -> torch.Tensor:
        assert smoothing == 0.1
        return ids_NT[:, 0].float() + 1


def test_answers_weigh_as_often_as_they_were_given() -> None:
    loss = Answering(built={"heads.label": Ranked()})
    given = [["Red.", "red", "a circle", "blue"], ["2", "two", "2", "two"]]
    found = loss(Outputs(fused={}), Batch(["a", "b"], targets={"answers": given}))
    assert found["loss"].item() == pytest.approx(((2 / 4 * 1 + 1 / 4 * 3) + 1.0 * 2) / 2)
