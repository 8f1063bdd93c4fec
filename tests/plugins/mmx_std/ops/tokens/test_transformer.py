"""Attention, feed-forward and pooling, compared with the formulas written out."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmx.errors import ConfigError
from mmx_std.ops.tokens.transformer import (
    Attention,
    BertLayer,
    Decoder,
    Feedforward,
    Perceptron,
    Pool,
    PreNormTransformer,
    Projection,
    Transformer,
    initialise,
    rollout,
    score_bias,
)


def attended(layer: Attention, x: torch.Tensor, y: torch.Tensor, mask: torch.Tensor, causal: bool) -> torch.Tensor:
    """Attention of x to y, with loops over heads."""
    width, heads = x.shape[-1], layer.heads
    weight, bias = layer.inputs.weight.chunk(3), layer.inputs.bias.chunk(3)
    q, k, v = (each @ w.T + b for each, w, b in zip((x, y, y), weight, bias, strict=True))
    size = width // heads
    parts = []
    for head in range(heads):
        own = slice(head * size, head * size + size)
        scores = q[..., own] @ k[..., own].transpose(-1, -2) / math.sqrt(size)
        scores = scores.masked_fill(~mask[:, None, :], -torch.inf)
        if causal:
            scores = scores.masked_fill(torch.ones(x.shape[1], y.shape[1]).triu(1).bool(), -torch.inf)
        parts.append(scores.softmax(-1) @ v[..., own])
    return layer.norm(x + layer.output(torch.cat(parts, -1)))


def test_attention_is_the_formula() -> None:
    torch.manual_seed(0)
    layer = Attention(8, 2, 0.1).eval()
    x, y = torch.randn(3, 5, 8), torch.randn(3, 4, 8)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
    assert torch.allclose(layer(x, mask), attended(layer, x, x, mask, False), atol=1e-5)
    whole = torch.ones(3, 5, dtype=torch.bool)
    assert torch.allclose(layer(x, causal=True), attended(layer, x, x, whole, True), atol=1e-5)
    assert torch.allclose(layer.across(x, y, mask[:, :4]), attended(layer, x, y, mask[:, :4], False), atol=1e-5)
    with pytest.raises(ConfigError, match="does not divide"):
        Attention(8, 3, 0.0)


def test_a_layer_is_berts() -> None:
    """The same numbers as torch's own post-norm layer, whose inner dropout BERT does not have."""
    torch.manual_seed(0)
    ours = BertLayer(8, 2, 16, 0.0).eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True).train()
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": ours.attention.inputs.weight,
            "self_attn.in_proj_bias": ours.attention.inputs.bias,
            "self_attn.out_proj.weight": ours.attention.output.weight,
            "self_attn.out_proj.bias": ours.attention.output.bias,
            "norm1.weight": ours.attention.norm.weight, "norm1.bias": ours.attention.norm.bias,
            "linear1.weight": ours.feedforward.wide.weight, "linear1.bias": ours.feedforward.wide.bias,
            "linear2.weight": ours.feedforward.output.weight, "linear2.bias": ours.feedforward.output.bias,
            "norm2.weight": ours.feedforward.norm.weight, "norm2.bias": ours.feedforward.norm.bias,
        }
    )  # fmt: skip
    x = torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    found, wanted = ours(x, mask), theirs(x, src_key_padding_mask=~mask)
    assert torch.allclose(found[mask], wanted[mask], atol=1e-5)


def test_padding_does_not_reach_what_is_real_and_emptiness_stays_finite() -> None:
    torch.manual_seed(0)
    stack = Transformer(2, 8, 2, 16, 0.0).eval()
    x = torch.randn(2, 6, 8)
    mask = torch.arange(6) < torch.tensor([[4], [0]])
    changed = x.clone()
    changed[0, 4:] += 9.0
    assert torch.allclose(stack(x, mask)[0, :4], stack(changed, mask)[0, :4], atol=1e-5)
    assert torch.isfinite(stack(x, mask)).all()


def test_dropout_only_in_training() -> None:
    torch.manual_seed(0)
    layer = BertLayer(8, 2, 16, 0.5)
    x, mask = torch.randn(1, 4, 8), torch.ones(1, 4, dtype=torch.bool)
    assert not torch.equal(layer.train()(x, mask), layer(x, mask))
    assert torch.equal(layer.eval()(x, mask), layer(x, mask))


def test_the_small_stacks_are_their_formulas() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 6)
    projection = Projection(6, 4, 0.0)
    assert torch.allclose(
        projection(x), (projection.norm(x) @ projection.linear.weight.T + projection.linear.bias).clamp(min=0)
    )
    net = Perceptron(6, 5, 2)
    hidden = x @ net.first.weight.T + net.first.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    assert torch.allclose(net(x), net.second(net.norm(hidden)), atol=1e-6)
    spread = Feedforward(6, 12, 0.0)
    assert spread(x).mean(-1).abs().max() < 1e-5, "normalised at the end"


def test_pooling_weighs_real_positions_to_one() -> None:
    torch.manual_seed(0)
    pool = Pool(4)
    x = torch.randn(2, 5, 4)
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    weights = (x[0, :2] @ pool.score.weight[0]).softmax(0)
    assert torch.allclose(pool(x, mask)[0], weights @ x[0, :2], atol=1e-6)
    over_items = pool(x, mask, axis=0)
    assert torch.allclose(over_items[0], (x[:, 0] @ pool.score.weight[0]).softmax(0) @ x[:, 0], atol=1e-6)
    assert torch.allclose(over_items[3], x[1, 3]), "only one of the two is real there"


def test_initial_weights_are_berts() -> None:
    torch.manual_seed(0)
    part = nn.ModuleDict({"linear": nn.Linear(300, 300), "table": nn.Embedding(300, 300, padding_idx=3)})
    initialise(part)
    assert part["linear"].weight.std().item() == pytest.approx(0.02, rel=0.05)  # type: ignore[union-attr, operator]
    assert not part["linear"].bias.any()  # type: ignore[union-attr, operator]
    assert not part["table"].weight[3].any()  # type: ignore[union-attr, index]


def test_a_state_depends_on_words_up_to_its_own_and_on_frames_that_are_shown() -> None:
    torch.manual_seed(0)
    part = Decoder(2, 8, 2, 10, 0.0).eval()
    words, clips = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    before = part(words, clips, mask)
    later = words.clone()
    later[:, 3:] = torch.randn(2, 2, 8)
    after = part(later, clips, mask)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-5)
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-3)
    hidden = clips.clone()
    hidden[:, 2:] = torch.randn(2, 2, 8)
    seen = part(words, hidden, mask)
    assert torch.allclose(before[0], seen[0], atol=1e-5)
    assert not torch.allclose(before[1], seen[1], atol=1e-3)


def test_every_weight_learns_and_places_count() -> None:
    torch.manual_seed(0)
    part = Decoder(1, 8, 2, 10, 0.0)
    same = torch.ones(1, 3, 8)
    states = part(same, torch.randn(1, 4, 8), torch.ones(1, 4, dtype=torch.bool))
    assert not torch.allclose(states[0, 0], states[0, 1])
    states.square().sum().backward()
    assert all(parameter.grad is not None for parameter in part.parameters())


def test_a_block_is_torchs_pre_norm_layer_with_gelu() -> None:
    torch.manual_seed(0)
    ours = PreNormTransformer(2, 16, 4, 32).eval()
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
    transformer = PreNormTransformer(1, 8, 2, 8).eval()
    x = torch.randn(1, 4, 8)
    towards_last = torch.zeros(2, 4, 4)
    towards_last[:, :, 3] = 50.0
    found = transformer.attentions(x, score_bias(None, towards_last, x.dtype))[0]
    assert found[..., 3].min() > 0.999
    assert not torch.allclose(transformer(x), transformer(x, score_bias(None, towards_last, x.dtype)))


def test_attentions_are_those_of_the_forward_pass() -> None:
    torch.manual_seed(0)
    transformer = PreNormTransformer(1, 8, 2, 8).eval()
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
    transformer = PreNormTransformer(2, 16, 4, 32, 0.5)
    x = torch.randn(1, 3, 16)
    transformer.train()
    assert not torch.equal(transformer(x), transformer(x))
    transformer.eval()
    assert torch.equal(transformer(x), transformer(x))
