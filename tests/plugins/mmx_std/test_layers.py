from __future__ import annotations

import torch
from torch import nn

from mmx_std.layers import mlp


def test_without_hidden_layers_it_is_one_linear_layer() -> None:
    layers = mlp(3, [], 2)
    assert [type(layer) for layer in layers] == [nn.Linear]
    assert layers(torch.zeros(5, 3)).shape == (5, 2)


def test_hidden_layers_are_computed_in_order() -> None:
    torch.manual_seed(0)
    layers = mlp(3, [4, 6], 2)
    x = torch.randn(5, 3)
    first, second, last = (layer for layer in layers if isinstance(layer, nn.Linear))
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    hidden = (hidden @ second.weight.T + second.bias).clamp(min=0)
    assert torch.allclose(layers(x), hidden @ last.weight.T + last.bias, atol=1e-6)


def test_dropout_follows_each_hidden_layer_only_when_asked() -> None:
    assert not any(isinstance(layer, nn.Dropout) for layer in mlp(3, [4, 4], 2))
    assert sum(isinstance(layer, nn.Dropout) for layer in mlp(3, [4, 4], 2, dropout=0.5)) == 2
