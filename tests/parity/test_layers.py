"""HERO's layers beside transformers' BERT, images beside timm's own transform, mel bands beside librosa."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mmx import Audio
from mmx_std import frontends, pixels
from mmx_std.ops.tokens.transformer import BertLayer


def test_a_layer_is_berts() -> None:
    bert = pytest.importorskip("transformers.models.bert.modeling_bert")
    config = bert.BertConfig(hidden_size=24, num_attention_heads=4, intermediate_size=48, attn_implementation="eager")
    theirs, ours = bert.BertLayer(config).eval(), BertLayer(24, 4, 48, 0.1).eval()
    own = theirs.attention.self
    with torch.no_grad():
        ours.attention.inputs.weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
        ours.attention.inputs.bias.copy_(torch.cat([own.query.bias, own.key.bias, own.value.bias]))
    pairs = (
        (ours.attention.output, theirs.attention.output.dense),
        (ours.attention.norm, theirs.attention.output.LayerNorm),
        (ours.feedforward.wide, theirs.intermediate.dense),
        (ours.feedforward.output, theirs.output.dense),
        (ours.feedforward.norm, theirs.output.LayerNorm),
    )
    for mine, other in pairs:
        mine.load_state_dict(other.state_dict())
    x_NLW, mask_NL = torch.randn(2, 6, 24), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    blocked = torch.where(mask_NL, 0.0, torch.finfo(torch.float32).min)[:, None, None]
    found = theirs(x_NLW, blocked)
    expected = found[0] if isinstance(found, tuple) else found
    assert torch.allclose(ours(x_NLW, mask_NL)[mask_NL], expected[mask_NL], atol=1e-5)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), [(300, 400), (500, 333), (97, 41)])
def test_the_centre_is_timms(height: int, width: int, interpolation: str) -> None:
    transform = pytest.importorskip("timm.data").create_transform(
        (3, 224, 224), interpolation=interpolation, crop_pct=0.875, mean=(0, 0, 0), std=(1, 1, 1)
    )
    coarse = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    raw = np.array(Image.fromarray(coarse).resize((width, height)))
    theirs = np.asarray(transform(Image.fromarray(raw))) * 255
    ours = pixels.centre_CHW(raw, 224, crop=0.875, interpolation=interpolation).numpy().astype(float)
    assert np.abs(ours - theirs).max() <= 2.01
    assert np.abs(ours - theirs).mean() < 0.2


def test_mel_bands_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    samples = np.random.default_rng(0).normal(size=16_000).astype(np.float32) * 0.1
    encoder = frontends.Mel(bands=40, log=False)
    with torch.no_grad():
        ours = encoder(encoder.prepare(Audio(samples[None], 16_000))[None]).tokens_BTD
    assert ours is not None
    theirs = librosa.feature.melspectrogram(
        y=samples,
        sr=16_000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=40,
        htk=True,
        norm=None,
        pad_mode="constant",
    )
    assert ours[0].numpy() == pytest.approx(theirs.T, rel=1e-3, abs=1e-4)
