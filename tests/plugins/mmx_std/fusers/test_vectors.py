"""Sum, product and modulation against their equations, in loops over samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_std.fusers.vectors import Film, Product, Sum

DIMS = {"image": 4, "audio": 3, "text": 2}
B = 5
THERE = {"audio": [True, False, True, False, False], "image": [True, True, False, False, False]}
TEXT = [True, True, True, True, False]
MAKES = [
    lambda: Sum(DIMS, width=6),
    lambda: Product(DIMS, width=6, normalise=["image"]),
    lambda: Film(DIMS, condition="text", width=6),
]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def given() -> tuple[dict[str, Features], Batch]:
    features = {name: Features(torch.randn(B, size)) for name, size in DIMS.items()}
    there = {name: torch.tensor(rows) for name, rows in {**THERE, "text": TEXT}.items()}
    return features, Batch([str(i) for i in range(B)], present=there)


@pytest.mark.parametrize("make", MAKES)
def test_widths_and_missing_fields(make: Any) -> None:
    fuser = make()
    assert isinstance(fuser, Fuser)
    features, batch = given()
    fused = fuser(features, batch)
    assert {name: each.pooled_BD.shape for name, each in fused.items()} == {
        name: (B, width) for name, width in fuser.dims.items()
    }
    features["audio"].pooled_BD[1] = torch.nan  # what a missing field made of the encoder
    assert torch.equal(fuser(features, batch)["joint"].pooled_BD, fused["joint"].pooled_BD)
    assert fuser.requires("joint") == sorted(DIMS) and fuser.requires("audio") == ("audio",)


def test_sum_against_the_equation() -> None:
    features, batch = given()
    fuser = Sum(DIMS, width=6)
    joint = fuser(features, batch)["joint"].pooled_BD
    for i in range(B):
        expected = torch.zeros(6)
        for name in DIMS:
            if batch.present[name][i]:
                layer = fuser.projections[name]
                expected = expected + layer.weight @ features[name].pooled_BD[i] + layer.bias
        torch.testing.assert_close(joint[i], expected)


def test_product_against_the_equation() -> None:
    features, batch = given()
    fuser = Product(DIMS, width=6, normalise=["image"], length=3.0)
    joint = fuser(features, batch)["joint"].pooled_BD
    for i in range(B):
        expected = torch.ones(6) if any(batch.present[name][i] for name in DIMS) else torch.zeros(6)
        for name in DIMS:
            if batch.present[name][i]:
                x = features[name].pooled_BD[i]
                x = 3 * x / (x @ x).sqrt() if name == "image" else x
                expected = expected * torch.tanh(fuser.projections[name].weight @ x + fuser.projections[name].bias)
        torch.testing.assert_close(joint[i], expected)


def test_product_drops_what_it_reads_and_what_it_makes() -> None:
    features, batch = given()
    fuser = Product(DIMS, width=400, activation="none", dropout=0.5)
    nn.init.zeros_(fuser.projections["text"].weight)
    for projection in fuser.projections.values():
        nn.init.ones_(projection.bias)
    joint = fuser(features, Batch(batch.ids))["joint"].pooled_BD
    assert 0.4 < float((joint == 0).float().mean()) < 0.6, "half of the joint features"
    again = fuser(features, Batch(batch.ids))["joint"].pooled_BD
    both = (joint != 0) & (again != 0)
    assert not torch.allclose(joint[both], again[both]), "other features were dropped before"
    fuser.eval()
    torch.testing.assert_close(*(fuser(features, batch)["joint"].pooled_BD for _ in range(2)))


def test_film_against_the_equation() -> None:
    features, batch = given()
    fuser = Film(DIMS, condition="text", width=6)
    joint = fuser(features, batch)["joint"].pooled_BD
    for i in range(B):
        there = {name: bool(batch.present[name][i]) for name in DIMS}
        side = [features[n].pooled_BD[i] if there[n] else torch.zeros(DIMS[n]) for n in ("audio", "image")]
        x = fuser.project.weight @ torch.cat(side) + fuser.project.bias
        x = x if there["audio"] or there["image"] else torch.zeros(6)
        told = fuser.modulate.weight @ features["text"].pooled_BD[i] + fuser.modulate.bias
        gain, shift = (told[:6], told[6:]) if there["text"] else (torch.zeros(6), torch.zeros(6))
        torch.testing.assert_close(joint[i], (1 + gain) * x + shift)


def test_an_encoder_that_did_not_run_is_missing() -> None:
    features, batch = given()
    del features["audio"]
    assert torch.isfinite(Product(DIMS, width=6)(features, Batch(batch.ids))["joint"].pooled_BD).all()


@pytest.mark.parametrize(
    "make", [lambda: Film(DIMS, condition="txt"), lambda: Product(DIMS, normalise=["imag"]), lambda: Sum({})]
)
def test_names_that_are_not_there_are_refused(make: Any) -> None:
    with pytest.raises(PortError, match=r"did you mean|at least one encoder"):
        make()


def test_modulation_needs_something_to_modulate() -> None:
    with pytest.raises(PortError, match="no other encoder"):
        Film({"text": 2}, condition="text")
