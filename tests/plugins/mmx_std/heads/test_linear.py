from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmx.errors import PortError
from mmx.interfaces import Head
from mmx.types import Batch, Features
from mmx_std.heads.linear import Attributes, Linear, Mlp

DIMS = {"joint": 4, "audio": 3}
CLASSES = {"label": ["cat", "dog", "owl"], "caption": None}
BATCH = Batch(ids=["a", "b"])
X_BD = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
FUSED = {"joint": Features(X_BD), "audio": Features(torch.ones(2, 3))}


@pytest.mark.parametrize("make", [Linear, Mlp])
def test_the_width_is_the_number_of_classes_or_stated(make: Any) -> None:
    head = make(DIMS, CLASSES, target="label")
    assert isinstance(head, Head)
    assert head.needs == ("fused.joint",)
    assert head(FUSED, BATCH).shape == (2, 3)
    assert make(DIMS, CLASSES, reads="audio", out_dim=7)(FUSED, BATCH).shape == (2, 7)


@pytest.mark.parametrize("make", [Linear, Mlp])
def test_what_does_not_fit_is_reported(make: Any) -> None:
    with pytest.raises(PortError, match=r"`target`.*`out_dim`"):
        make(DIMS, CLASSES)
    with pytest.raises(PortError, match="not both"):
        make(DIMS, CLASSES, target="label", out_dim=3)
    with pytest.raises(PortError, match="did you mean 'audio'"):
        make(DIMS, CLASSES, reads="fused.adio", target="label")
    with pytest.raises(PortError, match="no classes"):
        make(DIMS, CLASSES, target="caption")


def test_linear_is_the_matrix_product() -> None:
    head = Linear(DIMS, CLASSES, target="label")
    expected = torch.zeros(2, 3)
    for row in range(2):
        for out in range(3):
            products = [X_BD[row, d] * head.layers[0].weight[out, d] for d in range(4)]
            expected[row, out] = sum(products) + head.layers[0].bias[out]
    assert torch.allclose(head(FUSED, BATCH), expected, atol=1e-6)


def test_mlp_has_the_hidden_layers_asked_for() -> None:
    head = Mlp(DIMS, CLASSES, target="label", hidden=(5, 6), dropout=0.5)
    widths = [(layer.in_features, layer.out_features) for layer in head.layers if isinstance(layer, nn.Linear)]
    assert widths == [(4, 5), (5, 6), (6, 3)]
    head.eval()
    assert torch.equal(head(FUSED, BATCH), head(FUSED, BATCH))


def test_attributes_are_one_classifier_each() -> None:
    head = Attributes(
        {"face": 4}, {"sex": ("f", "m"), "age": ("20s", "30s", "40s")}, reads="face", targets=["sex", "age"]
    )
    predicted = head({"face": Features(torch.randn(2, 4))}, BATCH)
    assert {name: tuple(value.shape) for name, value in predicted.items()} == {"sex": (2, 2), "age": (2, 3)}


def test_features_may_be_normalised_first() -> None:
    """AST's classifier: (x - mean) / deviation over the features of an item, then the matrix."""
    head = Linear(DIMS, CLASSES, target="label", layer_norm=True)
    mean, deviation = X_BD.mean(1, keepdim=True), X_BD.var(1, unbiased=False, keepdim=True).add(1e-5).sqrt()
    expected = (X_BD - mean) / deviation @ head.layers[1].weight.T + head.layers[1].bias
    torch.testing.assert_close(head({"joint": Features(X_BD)}, BATCH), expected)
