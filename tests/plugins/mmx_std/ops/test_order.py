from __future__ import annotations

import torch

from mmx.types import Batch
from mmx_std.ops.order import shuffled_steps, unordered


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
