"""GLIP's block and ViLBERT's connection layer, each against a derivation head by head."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmx.errors import ConfigError
from mmx_std.ops.tokens.crossing import CoTrm, SharedAttention

HEADS, EACH = 2, 3


def sides(widths: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, t = torch.randn(2, 5, widths[0], generator=generator), torch.randn(2, 4, widths[1], generator=generator)
    return a, t, torch.tensor([[True] * 4, [True, True, False, False]])


def test_both_directions_share_one_matrix_and_add_to_the_normalised_input() -> None:
    torch.manual_seed(0)
    block = SharedAttention(8, HEADS, HEADS * EACH, 0.5)
    a, t, mask = sides((8, 8))
    found_a, found_t = block(a, t, mask)
    for row in range(2):
        na, nt = block.norm_a(a[row]), block.norm_t(t[row])
        query, key = block.query(na), block.key(nt)
        value_a, value_t = block.value_a(na), block.value_t(nt)
        read_a, read_t = [], []
        for head in range(HEADS):
            part = slice(EACH * head, EACH * (head + 1))
            logits = query[:, part] @ key[:, part].T / EACH**0.5
            read_t.append(logits.T.softmax(1) @ value_a[:, part])
            real = mask[row]
            read_a.append(logits[:, real].softmax(1) @ value_t[real][:, part])
        torch.testing.assert_close(found_a[row], na + block.scale_a * block.out_a(torch.cat(read_a, 1)))
        torch.testing.assert_close(found_t[row], nt + block.scale_t * block.out_t(torch.cat(read_t, 1)))


def test_what_is_read_begins_small() -> None:
    block = SharedAttention(8, HEADS, 6, 1e-4)
    a, t, mask = sides((8, 8))
    torch.testing.assert_close(block(a, t, mask)[0], block.norm_a(a), atol=1e-3, rtol=0)


def test_a_connection_layer_by_hand() -> None:
    torch.manual_seed(0)
    layer = CoTrm((8, 10), (16, 12), HEADS, HEADS * EACH, 0.0)
    a, t, mask = sides((8, 10))
    found = layer(a, t, None, mask)
    for row in range(2):
        x, masks = (a[row], t[row]), (torch.ones(5, dtype=torch.bool), mask[row])
        parts = [layer.inputs[side](x[side]).split(HEADS * EACH, 1) for side in range(2)]
        for side in range(2):
            other, read = 1 - side, []
            for head in range(HEADS):
                part, real = slice(EACH * head, EACH * (head + 1)), masks[1 - side]
                logits = parts[side][0][:, part] @ parts[other][1][real][:, part].T / EACH**0.5
                read.append(logits.softmax(1) @ parts[other][2][real][:, part])
            mixed = layer.norms[side](x[side] + layer.outputs[side](torch.cat(read, 1)))
            forward = layer.feedforwards[side]
            spread = forward.norm(mixed + forward.output(functional.gelu(forward.wide(mixed))))
            torch.testing.assert_close(found[side][row], spread, rtol=1e-4, atol=1e-5)


def test_heads_must_divide_the_common_width() -> None:
    for build in (lambda: SharedAttention(8, 3, 8, 1.0), lambda: CoTrm((8, 8), (8, 8), 3, 8, 0.0)):
        with pytest.raises(ConfigError, match="does not divide the common width"):
            build()
