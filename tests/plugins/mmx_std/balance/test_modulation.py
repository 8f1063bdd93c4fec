"""OGM and OGM-GE against the equations, with the halves of the last layer cut out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx_std.balance.modulation import NoBalance, Ogm, OgmGe
from mmx_std.fusers.pooled import Concat, Gated
from mmx_std.fusers.vectors import Sum
from tests.plugins.mmx_std.balance.toys import B, model, step


def gradients(built: Any) -> dict[str, torch.Tensor]:
    return {name: each.grad.clone() for name, each in built.named_parameters()}


def expected_factors(built: Any, taken: Any, alpha: float) -> dict[str, float]:
    """From the columns of W_out that belong to each modality: logit_m = z_m W_m^T + b / 2."""
    weight, bias = built.heads["label"].parameters()
    scores = {}
    for place, name in enumerate(["audio", "video"]):
        columns = weight[:, 4 * place : 4 * place + 4]
        total = 0.0
        for i in range(B):
            z = taken.outputs.encoded[name].pooled_BD[i]
            logits = [float(z @ columns[c] + bias[c] / 2) for c in range(3)]
            powers = [math.exp(value) for value in logits]
            total += powers[int(taken.batch.targets["label"][i])] / sum(powers)
        scores[name] = total
    rho = {"audio": scores["audio"] / scores["video"], "video": scores["video"] / scores["audio"]}
    return {name: 1 - math.tanh(alpha * value) if value > 1 else 1.0 for name, value in rho.items()}


def test_ogm_scales_only_convolutions_of_the_modality_ahead() -> None:
    built = model()
    taken = step(built)
    before = gradients(built)
    told = Ogm(alpha=0.4)(taken)
    factors = expected_factors(built, taken, 0.4)
    assert sorted(factors.values())[0] < 1 and sorted(factors.values())[1] == 1
    for name, factor in factors.items():
        assert told[f"modality/{name}/modulation"] == pytest.approx(factor, rel=1e-4)
    for path, grad in gradients(built).items():
        factor = factors[path.split(".")[1]] if path.startswith("encoders") and path.endswith("conv.weight") else 1.0
        torch.testing.assert_close(grad, before[path] * factor)


def test_the_noise_has_the_deviation_of_the_gradient_before_and_goes_to_all_encoders() -> None:
    built = model()
    taken = step(built)
    before = gradients(built)
    OgmGe(alpha=0.4)(taken)
    factors = expected_factors(built, taken, 0.4)
    after = gradients(built)
    draws = torch.Generator().manual_seed(0)
    for path, grad in after.items():
        if path.startswith("encoders") and path.endswith("conv.weight"):
            noise = torch.randn(grad.shape, generator=draws) * (before[path].std() + 1e-8)
            torch.testing.assert_close(grad, before[path] * factors[path.split(".")[1]] + noise)
        else:
            assert torch.equal(grad, before[path]), path


@pytest.mark.parametrize(("epoch", "moves"), [(0, True), (50, True), (51, False)])
def test_it_ends_after_its_last_epoch(epoch: int, moves: bool) -> None:
    built = model()
    taken = step(built, epoch=epoch)
    before = gradients(built)
    told = Ogm(alpha=0.4)(taken)
    assert bool(told) is moves
    assert any(not torch.equal(each, before[path]) for path, each in gradients(built).items()) is moves


def test_weights_of_other_dimensions_are_named() -> None:
    built = model()
    taken = step(built)
    before = gradients(built)
    Ogm(alpha=0.4, weights=[2, 4])(taken)
    moved = {path.split(".", 2)[2] for path, each in gradients(built).items() if not torch.equal(each, before[path])}
    assert moved == {"conv.weight", "out.weight"}


def test_a_sum_can_be_split_and_gates_cannot() -> None:
    Ogm()(step(model(Sum, width=6, activation="none")))
    with pytest.raises(PortError, match="head per encoder"):
        Ogm()(step(model(Gated, width=6)))
    told = Ogm(heads={"audio": "label", "video": "label"})(step(model(Gated, width=6)))
    assert told == {"modality/audio/modulation": 1.0, "modality/video/modulation": 1.0}  # one score against itself
    with pytest.raises(PortError, match="several modalities"):
        Ogm()(step(model(Concat, names=("audio",))))


def test_of_three_each_is_measured_against_the_mean_of_the_others() -> None:
    built = model(Concat, names=("audio", "text", "video"))
    told = Ogm(alpha=0.3)(step(built))
    assert len(told) == 3 and min(told.values()) < 1 <= max(told.values())


def test_none_changes_nothing() -> None:
    built = model()
    taken = step(built)
    before = gradients(built)
    assert NoBalance()(taken) == {}
    assert all(torch.equal(each, before[path]) for path, each in gradients(built).items())
