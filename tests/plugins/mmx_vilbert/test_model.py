"""The head of answers, against its equation."""

from __future__ import annotations

import math

import torch
from torch import nn

from mmx.types import Batch, Features
from mmx_vilbert.model import Answers


def test_it_is_linear_gelu_norm_linear_of_twice_the_width() -> None:
    torch.manual_seed(0)
    own = Answers({"fused.joint": 3}, {"label": ("a", "b")}).eval()
    _, first, _, norm, last = own.layers
    nn.init.normal_(norm.weight)
    x = torch.randn(1, 3)
    hidden = first.weight @ x[0] + first.bias
    assert hidden.shape == (6,)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    hidden = (hidden - hidden.mean()) / hidden.var(correction=0).sqrt() * norm.weight + norm.bias
    found = own({"joint": Features(x)}, Batch(["a"]))
    torch.testing.assert_close(found[0], last.weight @ hidden + last.bias, atol=1e-5, rtol=1e-5)
