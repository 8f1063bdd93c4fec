from __future__ import annotations

import torch

from mmx.types import Batch
from mmx_std.ops.masking import (
    MaskedConv,
    MaskedConvStack,
    corrupted,
    masked_mean,
    masked_std,
    prefix_mask,
    shuffled_steps,
    silence,
    unordered,
)

LENGTHS = torch.tensor([9, 4, 1, 0])


def test_pooling_is_the_formula_over_real_positions() -> None:
    x = torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = prefix_mask(LENGTHS, 9)
    mean, std = masked_mean(x, mask), masked_std(x, mask)
    for row, length in enumerate(LENGTHS.tolist()):
        for channel in range(3):
            values = [float(x[row, t, channel]) for t in range(length)]
            average = sum(values) / max(length, 1)
            deviation = (sum((value - average) ** 2 for value in values) / max(length, 1)) ** 0.5
            assert abs(float(mean[row, channel]) - average) < 1e-12
            assert abs(float(std[row, channel]) - max(deviation, 1e-5)) < 1e-9


def test_the_deviation_of_a_constant_has_a_gradient() -> None:
    x = torch.ones(1, 5, 2, requires_grad=True)
    masked_std(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_silence_removes_rubbish_of_any_kind() -> None:
    x = torch.full((2, 3, 2), torch.nan)
    x[0, :2] = 1
    x[1, :1] = 2
    y = silence(x, prefix_mask(torch.tensor([2, 1]), 3))
    assert y.tolist() == [[[1, 1], [1, 1], [0, 0]], [[2, 2], [0, 0], [0, 0]]]


def test_an_item_gives_the_same_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    stack = MaskedConvStack(2, [4, 5, 6], [(3, 3), (5, 1), (7, 3)], [(2, 2), (3, 1), (1, 2)]).eval()
    for layer in stack.layers:  # statistics that move zeros
        layer.norm.running_mean.normal_()
        layer.norm.bias.data.normal_()
    lengths = torch.tensor([37, 20, 6, 1])
    x = torch.full((4, 2, 37, 8), torch.nan)
    for row, length in enumerate(lengths.tolist()):
        x[row, :, :length] = torch.randn(2, length, 8)
    batch, mask = stack(x, prefix_mask(lengths, 37))
    assert mask is not None
    for row, length in enumerate(lengths.tolist()):
        alone, none = stack(x[row : row + 1, :, :length], None)
        assert none is None
        assert int(mask[row].sum()) == alone.shape[2]
        torch.testing.assert_close(batch[row, :, : alone.shape[2]], alone[0])
        assert batch[row, :, alone.shape[2] :].count_nonzero() == 0


def test_dilated_layers_keep_the_size_and_the_promise() -> None:
    torch.manual_seed(0)
    layer = MaskedConv(2, 3, (5, 3), dilation=(4, 2), bias=True).eval()
    assert layer.conv.bias is not None
    x = torch.randn(2, 2, 23, 9)
    whole, none = layer(x, None)
    assert (whole.shape, none) == ((2, 3, 23, 9), None)
    by_hand = sum(
        layer.conv.weight[:, :, i, j] @ x[0, :, 11 + 4 * (i - 2), 4 + 2 * (j - 1)] for i in range(5) for j in range(3)
    )
    expected = layer.norm((by_hand + layer.conv.bias)[None, :, None, None]).relu()
    torch.testing.assert_close(whole[:1, :, 11:12, 4:5], expected)
    x[0, :, 13:] = 0
    padded, mask = layer(x, prefix_mask(torch.tensor([13, 23]), 23))
    assert mask is not None
    assert mask.sum(1).tolist() == [13, 23]
    torch.testing.assert_close(padded[:1, :, :13], layer(x[:1, :, :13], None)[0])


def test_training_statistics_are_those_of_real_positions() -> None:
    torch.manual_seed(0)
    layer = MaskedConv(1, 3, (3, 1), (1, 1)).train()
    lengths = torch.tensor([6, 3])
    x = silence(torch.randn(2, 6, 1, 1), prefix_mask(lengths, 6)).transpose(1, 2)
    out, _ = layer(x, prefix_mask(lengths, 6))
    raw = layer.conv(x)
    real = torch.cat([raw[0, :, :6, 0], raw[1, :, :3, 0]], 1)
    normal = (real - real.mean(1, keepdim=True)) / (real.var(1, unbiased=False, keepdim=True) + layer.norm.eps).sqrt()
    torch.testing.assert_close(torch.cat([out[0, :, :6, 0], out[1, :, :3, 0]], 1), normal.relu())
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * real.mean(1))


def test_the_whole_stack_learns() -> None:
    stack = MaskedConvStack(1, [4, 4], [(3, 1), (3, 1)], [(2, 1), (2, 1)]).train()
    out, mask = stack(torch.randn(3, 1, 12, 1), prefix_mask(torch.tensor([12, 7, 5]), 12))
    masked_mean(out[..., 0].transpose(1, 2), mask).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in stack.parameters())
    assert any(parameter.grad.count_nonzero() for parameter in stack.parameters() if parameter.grad is not None)


def test_hidden_tokens_become_the_mask_a_random_one_or_stay() -> None:
    ids, hidden = torch.full((4, 5000), 7), torch.zeros(4, 5000, dtype=torch.bool)
    hidden[:2] = True
    new = corrupted(ids, hidden, 3, 5, 50, torch.Generator().manual_seed(0))
    assert torch.equal(new[2:], ids[2:])
    assert abs(float((new[:2] == 3).float().mean()) - 0.8) < 0.02
    assert abs(float((new[:2] == 7).float().mean()) - 0.1 - 0.1 / 45) < 0.02
    others = new[:2][(new[:2] != 3) & (new[:2] != 7)]
    assert (int(others.min()), int(others.max())) == (5, 49)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_steps_are_kept_and_their_order_is_another_for_each_sample() -> None:
    x = torch.arange(60.0).view(3, 10, 2)
    shuffled = shuffled_steps(x, None, generator())
    assert torch.equal(shuffled.sort(dim=1).values, x)  # whole steps: both columns grow together
    assert torch.equal(shuffled[..., 1] - shuffled[..., 0], torch.ones(3, 10))
    orders = [(shuffled[i, :, 0] / 2 - 10 * i).tolist() for i in range(3)]
    assert len({tuple(order) for order in orders}) == 3 and list(range(10)) not in orders


def test_padding_stays_where_it_is() -> None:
    x = torch.arange(1.0, 13.0).view(2, 6)
    mask = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    shuffled = shuffled_steps(x, mask, generator(3))
    assert torch.equal(shuffled[0, 4:], x[0, 4:]) and torch.equal(shuffled[0, :4].sort().values, x[0, :4])


def test_only_the_inputs_named_lose_their_order() -> None:
    batch = Batch(["a"], inputs={"audio": torch.arange(30.0)[None], "image": torch.arange(30.0)[None]})
    shown = unordered(batch, ["audio", "absent"], generator())
    assert torch.equal(shown.inputs["image"], batch.inputs["image"])
    assert not torch.equal(shown.inputs["audio"], batch.inputs["audio"])
    assert torch.equal(batch.inputs["audio"][0], torch.arange(30.0))
