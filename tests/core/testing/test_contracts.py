"""The kit finds what it is for: each contract holds for an honest part, and fails for one that breaks it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import AssetError, DataError
from mmx.testing import Check, Finding, check_corpus, check_encoder, check_fuser, check_objective
from mmx.testing.cards import check_card
from mmx.testing.raws import raw_values, shortened
from mmx.types import Batch, Card, Claim, Features, Losses, Outputs, Sample, Signal


def failed(findings: Iterable[Finding]) -> set[str]:
    return {finding.what.partition(": ")[2] or finding.what for finding in findings if not finding.ok}


class Mean(nn.Module):
    """An honest encoder."""

    modality = "signal"

    def __init__(self) -> None:
        super().__init__()
        self.out_dim = 5
        self.layer = nn.Linear(4, 5)

    def prepare(self, raw: Signal) -> Tensor:
        return torch.as_tensor(raw.values_TC)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        real = torch.ones(*x.shape[:2], 1) if mask_BT is None else mask_BT[..., None].float()
        tokens = self.layer(x) * real
        return Features(tokens.sum(1) / real.sum(1).clamp(min=1), tokens, mask_BT)


class CountsPadding(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        tokens = self.layer(x)
        return Features(tokens.mean(1), tokens, mask_BT)


class DividesByNothing(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        real = torch.ones(*x.shape[:2], 1) if mask_BT is None else mask_BT[..., None].float()
        return Features((self.layer(x) * real).sum(1) / real.sum(1))


class WrongWidth(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.out_dim = 6


class WrongMask(Mean):
    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return replace(super().forward(x, mask_BT), mask_BT=torch.ones(len(x), 2, dtype=torch.bool))


class IdleWeight(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(2, 2)


class OwnDice(Mean):
    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.layer.weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(5, 4))))


class HiddenState(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.secret = torch.randn(5)

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        features = super().forward(x, mask_BT)
        return replace(features, pooled_BD=features.pooled_BD + self.secret)


class RandomPreparation(Mean):
    def prepare(self, raw: Signal) -> Tensor:
        return super().prepare(raw) + torch.randn(1)


def test_an_honest_encoder() -> None:
    findings = list(check_encoder(lambda seed: Mean()))
    assert failed(findings) == set()
    assert len(findings) >= 7


@pytest.mark.parametrize(
    ("encoder", "fault"),
    [
        (CountsPadding, "padding does not count"),
        (DividesByNothing, "a missing item stays finite"),
        (WrongWidth, "shapes"),
        (WrongMask, "shapes"),
        (IdleWeight, "gradient reaches every weight"),
        (OwnDice, "same seed, same numbers"),
        (HiddenState, "weights survive a checkpoint"),
        (RandomPreparation, "prepare is deterministic"),
    ],
)
def test_encoders_that_break_one_promise(encoder: Callable[[], Mean], fault: str) -> None:
    assert fault in failed(check_encoder(lambda seed: encoder()))


def test_an_object_that_is_no_encoder() -> None:
    assert failed(check_encoder(lambda seed: nn.Linear(2, 2))) == {"is an encoder"}


def test_a_modality_without_raw_values_is_skipped() -> None:
    class Smell(Mean):
        modality = "smell"

    (finding,) = check_encoder(lambda seed: Smell())
    assert finding.skipped
    assert "raws={'smell': [...]}" in finding.detail


@pytest.mark.parametrize("modality", ["image", "audio", "video", "signal", "text"])
def test_raw_values_are_the_same_every_time(modality: str) -> None:
    once, twice = raw_values(modality), raw_values(modality)
    assert repr(once) == repr(twice)
    if modality != "image":
        assert repr(shortened(once[0])) != repr(once[0])


class Sum(nn.Module):
    """An honest fuser."""

    def __init__(self, dims: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(width, 3) for name, width in dims.items()})
        self.dims = {"joint": 3}

    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        total = torch.stack([self.layers[name](each.pooled_BD) for name, each in features.items()]).sum(0)
        return {"joint": Features(total)}


class OtherName(Sum):
    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        return {"together": super().forward(features, batch)["joint"]}


class MeanOfPresent(Sum):
    def forward(self, features: Mapping[str, Features], batch: Batch) -> Mapping[str, Features]:
        joint = super().forward(features, batch)["joint"].pooled_BD
        there = batch.present.get("audio", torch.ones(batch.size, dtype=torch.bool))
        return {"joint": Features(joint / there[:, None])}


def test_fusers() -> None:
    dims = {"audio": 6, "image": 5}
    assert failed(check_fuser(lambda seed: Sum(dims))) == set()
    assert "gives what its dims promise" in failed(check_fuser(lambda seed: OtherName(dims)))
    assert "missing fields stay finite" in failed(check_fuser(lambda seed: MeanOfPresent(dims)))


class Entropy:
    """Cross-entropy of head x, with a chance of one's choice."""

    def __init__(self, chance: float | None) -> None:
        self.value = chance

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        return {"loss": nn.functional.cross_entropy(outputs.heads["x"], batch.targets["y"])}

    def chance(self, batch_size: int) -> float | None:
        return self.value


def losses(objective: Any) -> set[str]:
    batch = Batch(list("abcdef"), targets={"y": torch.tensor([0, 0, 0, 1, 1, 2])})
    return failed(check_objective(objective, Outputs(heads={"x": torch.randn(6, 3)}), batch))


def test_chance() -> None:
    wrong = {"chance is the loss of knowing nothing"}
    counts = np.array([3, 2, 1]) / 6
    assert losses(Entropy(math.log(3))) == set(), "all classes alike"
    assert losses(Entropy(float(-(counts * np.log(counts)).sum()))) == set(), "the best constant: how often each is"
    assert losses(Entropy(None)) == set()
    assert losses(Entropy(math.log(2))) == wrong
    assert losses(Entropy(0.0)) == wrong
    assert losses(Entropy(math.log(3) * 1.1)) == wrong


def test_a_loss_must_be_one_finite_number() -> None:
    class Many(Entropy):
        def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
            return {"loss": outputs.heads["x"]}

    class Bare(Entropy):
        def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
            return torch.zeros(())  # type: ignore[return-value]

    assert losses(Many(None)) == losses(Bare(None)) == {"gives a finite loss"} or "gives a finite loss" in losses(
        Many(None)
    )


class Shelf:
    """An honest corpus."""

    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("a", "b")}
    card = Card(title="shelf", summary="Words.", licence="CC0-1.0")
    digest = "shelf-1"

    def split(self, name: str) -> Sequence[Sample]:
        if name != "train":
            raise DataError(f"no split {name!r}")
        return [self.sample(index) for index in range(4)]

    def sample(self, index: int) -> Sample:
        return Sample(f"s{index}", {"text": f"word {index}"}, {"label": index % 2})


def broken_corpus(**changes: Any) -> Any:
    return type("Broken", (Shelf,), changes)()


def test_corpora() -> None:
    def shared(self: Any, index: int) -> Sample:
        return Sample("same", {"text": "x"}, {"label": 0})

    def unnamed(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"sound": "x"}, {"label": 0})

    def outside(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"text": "x"}, {"label": 7})

    def restless(self: Any, index: int) -> Sample:
        return Sample(f"s{index}", {"text": str(np.random.default_rng().normal())}, {"label": 0})

    def anything(self: Any, name: str) -> Sequence[Sample]:
        return [self.sample(index) for index in range(4)]

    assert failed(check_corpus(lambda seed: Shelf())) == set()
    for fault in (shared, unnamed, outside, restless):
        assert failed(check_corpus(lambda seed, fault=fault: broken_corpus(sample=fault))) == {"samples"}, fault
    assert failed(check_corpus(lambda seed: broken_corpus(digest="x" * 37))) == {"digest"}
    no_licence = replace(Shelf.card, licence=" ")
    assert failed(check_corpus(lambda seed: broken_corpus(card=no_licence))) == {"card"}
    assert failed(check_corpus(lambda seed: broken_corpus(split=anything))) == {"refuses a split that it does not have"}


def test_cards() -> None:
    claim = Claim("accuracy", "0.5", "not measured", "tiny", "mmx run x", "none", "none")
    whole = Card("t", "s", "MIT", "A. Author", 2020, "https://example.org", "T. 2020.", claims=(claim,))
    assert failed(check_card(whole, paper=True)) == set()
    assert failed(check_card(Card("t", "s", "MIT"), paper=False)) == set()
    for name in ("authors", "year", "url", "citation", "claims"):
        (finding,) = check_card(replace(whole, **{name: ()}), paper=True)
        assert (finding.ok, finding.detail) == (False, f"empty: {name}")
    (finding,) = check_card(replace(whole, claims=(replace(claim, command=""),)), paper=True)
    assert finding.detail == "empty: claims[0].command"
    assert failed(check_card(None, paper=False)) == {"card"}


def test_an_error_is_a_finding_and_a_missing_asset_is_a_reason_to_skip() -> None:
    def raises(error: Exception) -> Callable[[], Any]:
        def look() -> Any:
            yield Finding("first", True)
            raise error

        return look

    first, second = Check("it", raises(ValueError("no"))).findings()
    assert (first.ok, second) == (True, Finding("it", False, "ValueError: no"))
    *_, skipped = Check("it", raises(AssetError("mmx fetch foo"))).findings()
    assert (skipped.ok, skipped.skipped, skipped.detail) == (True, True, "mmx fetch foo")
