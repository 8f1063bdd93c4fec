"""Every encoder of sequences trains in bfloat16 with a mask, on finite numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mmx.data.collate import stack
from mmx.types import Audio, Signal, Video
from mmx_std.encoders.audio import Ast, AudioCnn
from mmx_std.encoders.frontends import Mel, Mfcc, Waveform
from mmx_std.encoders.image import Conv2d
from mmx_std.encoders.signal import SignalCnn
from mmx_std.encoders.text.bag import TextBag
from mmx_std.encoders.text.transformer import PretrainedText, TextTransformer
from mmx_std.encoders.video import Frames
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions


def sounds() -> list[Any]:
    return [Audio(np.random.default_rng(n).standard_normal((1, n)).astype(np.float32), 8_000) for n in (2400, 900)]


def videos() -> list[Any]:
    return [Video(np.random.default_rng(n).integers(0, 256, (n, 9, 9, 3), dtype=np.uint8), 25.0) for n in (5, 3)]


CASES: list[tuple[str, Callable[[], Any], list[Any]]] = [
    ("waveform", lambda: AudioCnn(Waveform(8_000), [4, 8]), sounds()),
    ("mel", lambda: AudioCnn(Mel(8_000, bands=16), [4, 8]), sounds()),
    ("mfcc", lambda: AudioCnn(Mfcc(8_000), [4, 8]), sounds()),
    ("ast", lambda: Ast(Mel(8_000, bands=26), bands=26, frames=40, width=16, depth=1, heads=2), sounds()),
    (
        "signal",
        lambda: SignalCnn(2),
        [Signal(np.ones((n, 2), np.float32) * np.arange(n)[:, None], 100) for n in (9, 5)],
    ),
    ("bag", lambda: TextBag(Captions(), width=8), ["a red cube", "a"]),
    ("transformer", lambda: TextTransformer(Captions(), width=8, heads=2, vocabulary=300), ["a red cube", "a"]),
    ("transformers", lambda: PretrainedText(Captions(), "bert", tiny=True), ["a red cube", "a"]),
    ("frames", lambda: Frames(Conv2d([4], image_size=8), 2), videos()),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("make", "raws"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_trains_with_a_mask(make: Callable[[], Any], raws: list[Any], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    encoder = make().train()
    x, mask, _ = stack([*map(encoder.prepare, raws), None])
    if mask is None:
        mask = torch.tensor([[True, True], [True, False], [False, False]])
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        features = encoder(x, mask)
        loss = features.pooled_BD.float().square().sum() + features.tokens_BTD.float().sum()
    loss.backward()
    gradients = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.count_nonzero() for gradient in gradients)
    assert features.pooled_BD.shape == (3, encoder.out_dim)
