"""The backbone against torch's own layers, padding, and attention roll-out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmx_vatt.model.sizes import Size
from mmx_vatt.model.transformer import Transformer, rollout, score_bias

SIZE = Size(2, 16, 32, 4)


def test_a_block_is_torchs_pre_norm_layer_with_gelu() -> None:
    torch.manual_seed(0)
    ours = Transformer(SIZE).eval()
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 4, 32, 0.0, F.gelu, 1e-6, batch_first=True, norm_first=True),
        2,
        nn.LayerNorm(16, eps=1e-6),
        enable_nested_tensor=False,
    ).eval()
    for block, layer in zip(ours.blocks, theirs.layers, strict=True):
        pairs = {
            "self_attn.in_proj_weight": block.qkv.weight, "self_attn.in_proj_bias": block.qkv.bias,
            "self_attn.out_proj.weight": block.out.weight, "self_attn.out_proj.bias": block.out.bias,
            "linear1.weight": block.up.weight, "linear1.bias": block.up.bias,
            "linear2.weight": block.down.weight, "linear2.bias": block.down.bias,
        }  # fmt: skip
        layer.load_state_dict(pairs, strict=False)
    x = torch.randn(3, 7, 16)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    mask = torch.arange(7)[None] < torch.tensor([[7], [4], [2]])
    padded = ours(x, score_bias(mask, None, x.dtype))
    assert torch.allclose(padded[mask], theirs(x, src_key_padding_mask=~mask)[mask], atol=1e-5)
    assert torch.allclose(padded[2, :2], ours(x[2:, :2])[0], atol=1e-5)


def test_a_relative_bias_moves_attention() -> None:
    torch.manual_seed(0)
    transformer = Transformer(Size(1, 8, 8, 2)).eval()
    x = torch.randn(1, 4, 8)
    towards_last = torch.zeros(2, 4, 4)
    towards_last[:, :, 3] = 50.0
    found = transformer.attentions(x, score_bias(None, towards_last, x.dtype))[0]
    assert found[..., 3].min() > 0.999
    assert not torch.allclose(transformer(x), transformer(x, score_bias(None, towards_last, x.dtype)))


def test_attentions_are_those_of_the_forward_pass() -> None:
    torch.manual_seed(0)
    transformer = Transformer(Size(1, 8, 8, 2)).eval()
    x = torch.randn(2, 5, 8)
    block = transformer.blocks[0]
    attention = transformer.attentions(x)[0]
    value = block._split(x)[2]  # type: ignore[operator]
    mixed = block.out((attention @ value).transpose(1, 2).flatten(2))  # type: ignore[operator]
    by_hand = x + mixed
    by_hand = by_hand + block.down(F.gelu(block.up(block.norm2(by_hand))))  # type: ignore[operator]
    assert torch.allclose(transformer(x), transformer.norm(by_hand), atol=1e-5)


def test_rollout_by_hand() -> None:
    first = torch.tensor([[0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    second = torch.tensor([[0.0, 0.5, 0.5], [0.3, 0.3, 0.4], [0.0, 0.0, 1.0]])
    eye = torch.eye(3)
    flow = ((second + eye) / 2) @ ((first + eye) / 2)
    found = rollout([each[None, None].expand(1, 2, 3, 3) for each in (first, second)])
    assert torch.allclose(found[0], flow[0, 1:] / flow[0, 1:].sum())
    assert found.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no blocks"):
        rollout([])


def test_dropout_is_for_training() -> None:
    transformer = Transformer(SIZE, dropout=0.5)
    x = torch.randn(1, 3, 16)
    transformer.train()
    assert not torch.equal(transformer(x), transformer(x))
    transformer.eval()
    assert torch.equal(transformer(x), transformer(x))
