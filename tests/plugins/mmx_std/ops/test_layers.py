from __future__ import annotations

import pytest
import torch
from torch import nn

from mmx.errors import ConfigError
from mmx_std.ops.layers import mlp, strides_of


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


def test_strides_are_given_once_or_per_layer() -> None:
    assert strides_of(2, (8, 16, 32), 3) == [2, 2, 2]
    assert strides_of((1, 2), (8, 16), 5) == [1, 2]
    with pytest.raises(ConfigError, match="stride: 2 strides for 3 widths"):
        strides_of((1, 2), (8, 16, 32), 3)
    with pytest.raises(ConfigError, match="kernel: must be odd, not 4"):
        strides_of(2, (8,), 4)
