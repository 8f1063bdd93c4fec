from __future__ import annotations

from itertools import permutations

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_looking_to_listen.objective import SpectrumL2

SHAPE = (3, 2, 5, 4, 2)


def outputs(seed: int = 0, faces: int = 2) -> tuple[Outputs, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (3, faces, 5, 4, 2)
    guess, truth = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    tokens = truth.flatten(3).reshape(3, faces * 5, 8)
    return Outputs({"voices": Features(tokens.mean(1), tokens)}, {}, {"masks": {"spectra": guess}}), guess, truth


def loop(guess: torch.Tensor, truth: torch.Tensor, order: tuple[int, ...]) -> float:
    total, entries = 0.0, 0
    for voice, output in enumerate(order):
        for g, t in zip(guess[output].flatten().tolist(), truth[voice].flatten().tolist(), strict=True):
            total, entries = total + (g - t) ** 2, entries + 1
    return total / entries


def test_mean_squared_distance_by_loops() -> None:
    objective = SpectrumL2()
    assert isinstance(objective, Objective)
    found, guess, truth = outputs()
    expected = sum(loop(guess[b], truth[b], (0, 1)) for b in range(3)) / 3
    assert float(objective(found, Batch(["a"] * 3))["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("faces", [1, 2, 3])
def test_permutation_invariant_training_takes_the_best_order_per_sample(faces: int) -> None:
    found, guess, truth = outputs(4, faces)
    orders = list(permutations(range(faces)))
    expected = sum(min(loop(guess[b], truth[b], order) for order in orders) for b in range(3)) / 3
    assert float(SpectrumL2(permute=True)(found, Batch(["a"] * 3))["loss"]) == pytest.approx(expected, rel=1e-5)


def test_samples_whose_faces_are_hidden_choose_their_order() -> None:
    found, guess, truth = outputs(5)
    objective = SpectrumL2(blind=0.5)
    tokens = torch.ones(3, 4, 2)
    batch = Batch(["a", "b", "c"], {"faces": torch.ones(3, 4, 1, dtype=torch.uint8)})
    batch.cached = {"faces": Features(tokens.mean(1), tokens)}
    generator = torch.Generator().manual_seed(0)
    shown = [objective.view(batch, generator) for _ in range(200)]
    hidden = torch.stack([~each.present["faces"] for each in shown])
    assert 0.4 < float(hidden.float().mean()) < 0.6
    for each in shown[:20]:
        for value in (each.cached["faces"].tokens_BTD, each.inputs["faces"]):
            assert value is not None
            assert (value.flatten(1).amax(1) > 0).tolist() == each.present["faces"].tolist()
    assert (batch.cached["faces"].tokens_BTD == 1).all()  # the batch itself stays as it was
    each = next(each for each in shown if 0 < each.present["faces"].sum() < 3)
    expected = [
        loop(guess[b], truth[b], (0, 1)) if seen else min(loop(guess[b], truth[b], order) for order in ((0, 1), (1, 0)))
        for b, seen in enumerate(each.present["faces"].tolist())
    ]
    assert float(objective(found, each)["loss"]) == pytest.approx(sum(expected) / 3, rel=1e-5)
    assert SpectrumL2().view(batch, generator) is batch


def test_raw_domain_expands_both() -> None:
    found, guess, truth = outputs(1)
    expand = lambda x: x.sign() * x.abs() ** (1 / 0.3)  # noqa: E731
    expected = float((expand(guess) - expand(truth)).square().mean())
    assert float(SpectrumL2(domain="raw")(found, Batch(["a"] * 3))["loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_negative_term_pushes_from_the_other_voice() -> None:
    found, guess, truth = outputs(2)
    losses = SpectrumL2(negative=0.1)(found, Batch(["a"] * 3))
    own = sum(loop(guess[b], truth[b], (0, 1)) for b in range(3)) / 3
    others = sum(loop(guess[b], truth[b], (1, 0)) for b in range(3)) / 3
    assert float(losses["loss"]) == pytest.approx(own - 0.1 * others, rel=1e-4)
    assert float(losses["others"]) == pytest.approx(others, rel=1e-4)


def test_perfect_estimates_cost_nothing_and_swapped_ones_do() -> None:
    found, _, truth = outputs(3)
    perfect = Outputs(found.encoded, {}, {"masks": {"spectra": truth}})
    swapped = Outputs(found.encoded, {}, {"masks": {"spectra": truth.flip(1)}})
    batch = Batch(["a"] * 3)
    assert float(SpectrumL2()(perfect, batch)["loss"]) == 0
    assert float(SpectrumL2()(swapped, batch)["loss"]) > 1
    assert float(SpectrumL2(permute=True)(swapped, batch)["loss"]) == 0


def test_shapes_that_differ_are_told() -> None:
    found, guess, _ = outputs()
    with pytest.raises(PortError, match="set faces, rate, window"):
        SpectrumL2()(Outputs(found.encoded, {}, {"masks": {"spectra": guess[:, :1]}}), Batch(["a"] * 3))
