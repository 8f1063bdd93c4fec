"""Texts that a head writes about a batch, as the tasks judge them.

Shape legend: B batch, T words, P places.
"""

from __future__ import annotations

from typing import Any

import torch

from mmx import Model, Outputs, PortError
from mmx_std.ops.ports import short
from mmx_std.tasks.captions.scores import Caption

__all__ = ["writer", "written"]


def writer(model: Model, port: str) -> Any:
    """Return the head at a port.

    Raises:
        PortError: It does not write.
    """
    head = model.heads[short(port)]
    if not hasattr(head, "generate") or not hasattr(head, "reads"):
        raise PortError(f"{port} does not write; heads that do: std/lstm, std/lstm-attention, std/decoder")
    return head


def written(model: Model, port: str, text: str, outputs: Outputs, **knobs: Any) -> list[Caption]:
    """Return what the head at a port writes about each item of a batch.

    Args:
        model: Whose head it is.
        port: `heads.NAME`.
        text: Encoder of the true texts, whose tokenizer reads what was written.
        outputs: What the model computed.
        knobs: Of the head's `generate`.
    """
    with torch.inference_mode():
        done = writer(model, port).generate({**outputs.encoded, **outputs.fused}, **knobs)
    tokenizer: Any = model.encoders[text].tokenizer
    maps = None if done.maps_BTP is None else done.maps_BTP.double().cpu().numpy()
    found = []
    for row, (ids, log_p) in enumerate(zip(done.ids_BT.tolist(), done.log_p_B.tolist(), strict=True)):
        real = [number for number in ids if number >= 0]
        words = [tokenizer.decode([number]).strip() for number in real]
        found.append(Caption(tokenizer.decode(real), words, log_p, None if maps is None else maps[row, : len(real)]))
    return found
