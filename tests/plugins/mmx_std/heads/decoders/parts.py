"""A small corpus of captions, and what a head that writes is built with and reads."""

from __future__ import annotations

from typing import Any

import torch

from mmx.types import Batch, Features
from mmx_std.encoders.text.token_ids import TokenIds
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions

TEXTS = ["a red cube", "one ball falls over the blue floor"]


def encoder() -> TokenIds:
    return TokenIds(Captions(), vocabulary=40, tokens=12)


def fused(texts: TokenIds, places: int = 4, width: int = 6) -> dict[str, Features]:
    """Return the features of two images with places, and of their captions."""
    draw = torch.Generator().manual_seed(1)
    image_BPD = torch.randn(2, places, width, generator=draw)
    ids = [texts.prepare(text) for text in TEXTS]
    x_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    real_BT = torch.nn.utils.rnn.pad_sequence([torch.ones(len(each)) for each in ids], batch_first=True) > 0
    return {"fused.image": Features(image_BPD.mean(1), image_BPD), "encoded.caption": texts(x_BT, real_BT)}


def made(head: Any, texts: TokenIds, **options: Any) -> Any:
    torch.manual_seed(0)
    built = {"encoders.caption": texts}
    return head({"fused.image": 6}, built=built, **{"width": 5, "embedding": 3, **options}).eval()


BATCH = Batch(ids=["a", "b"])
