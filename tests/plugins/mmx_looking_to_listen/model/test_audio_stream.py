from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Encoder
from mmx.types import Audio
from mmx_looking_to_listen.model.audio_stream import AudioStream, Spectrograms

TINY = {"rate": 8_000, "window": 128, "hop": 64, "fft": 128}


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_full_audio_stream_has_the_papers_parameters() -> None:
    stream = AudioStream()
    assert count(stream) == 2_835_480
    assert stream.out_dim == 8 * 257 == 2056
    convolutions = [part for part in stream.modules() if isinstance(part, torch.nn.Conv2d)]
    assert len(convolutions) == 15
    assert [part.kernel_size for part in convolutions] == [(1, 7), (7, 1), *[(5, 5)] * 12, (1, 1)]
    assert [part.dilation for part in convolutions[2:8]] == [(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (32, 1)]
    assert [part.dilation for part in convolutions[8:14]] == [(2**k, 2**k) for k in range(6)]


def test_parameters_by_hand() -> None:
    weights = 7 * 2 * 96 + 96 + 7 * 96 * 96 + 96 + 12 * (25 * 96 * 96 + 96) + 96 * 8 + 8
    assert weights + 2 * (14 * 96 + 8) == 2_835_480


def test_tokens_per_frame() -> None:
    stream = AudioStream(channels=4, out_channels=2, dilations=[(1, 1), (2, 2)], **TINY)
    assert isinstance(stream, Encoder)
    found = stream(torch.randn(3, 4_000))
    frames = (4_000 - 128) // 64 + 1
    assert found.tokens_BTD.shape == (3, frames, 2 * 65)
    assert found.layers["mixture"].shape == (3, frames, 65, 2)
    torch.testing.assert_close(found.layers["mixture"][:, :, :, 0].shape, found.layers["mixture"][:, :, :, 1].shape)


def test_a_token_is_all_channels_of_its_own_frame() -> None:
    """With 1x1 kernels in time nothing of frame 7 reaches frame 0; with the paper's it does."""
    stream = AudioStream(channels=4, out_channels=2, dilations=[], **TINY).eval()
    x = torch.randn(1, 4_000)
    y = x.clone()
    y[0, 64 * 20 :] += 1.0  # frames 20 - 1 and later
    changed = (stream(x).tokens_BTD - stream(y).tokens_BTD).abs().amax(-1)[0] > 1e-6
    assert not changed[:15].any()  # 7x1 reaches three frames back
    assert changed[20:].all()


@pytest.mark.parametrize("samples", [1_000, 1_087, 1_088, 1_151])
def test_a_shorter_mixture_gives_the_same_frames_padded_and_alone(samples: int) -> None:
    stream = AudioStream(channels=3, out_channels=2, **TINY).eval()
    x = torch.randn(2, 2_000)
    x[0, samples:] = 0
    mask = torch.arange(2_000) < torch.tensor([[samples], [2_000]])
    padded, alone = stream(x, mask), stream(x[:1, :samples])
    frames = (samples - 128) // 64 + 1
    assert padded.mask_BT.sum(1).tolist() == [frames, (2_000 - 128) // 64 + 1]
    torch.testing.assert_close(padded.tokens_BTD[:1, :frames], alone.tokens_BTD)
    torch.testing.assert_close(padded.layers["mixture"][:1, :frames], alone.layers["mixture"])
    torch.testing.assert_close(padded.pooled_BD[:1], alone.pooled_BD)
    assert padded.tokens_BTD[0, frames:].eq(0).all()


def test_capped_dilations() -> None:
    stream = AudioStream(channels=2, out_channels=1, largest_dilation=2, **TINY)
    dilations = [part.dilation for part in stream.modules() if isinstance(part, torch.nn.Conv2d)]
    assert max(max(pair) for pair in dilations) == 2
    assert len(dilations) == 15


def test_the_left_channel_is_taken() -> None:
    stream = AudioStream(channels=2, out_channels=1, dilations=[], **TINY)
    stereo = Audio(np.stack([np.full(1000, 0.5), np.full(1000, -0.5)]).astype(np.float32), 8_000)
    assert float(stream.prepare(stereo).mean()) == 0.5


def test_clean_voices_are_spectrograms_one_after_another() -> None:
    clean = Spectrograms(**TINY)
    assert clean.cacheable is False, "a millisecond to compute, twice the waveforms' bytes to store"
    assert isinstance(clean, Encoder)
    assert clean.out_dim == 130
    voices = torch.randn(2, 3, 4_000)
    tokens = clean(voices).tokens_BTD
    frames = clean.front.frames(4_000)
    assert tokens.shape == (2, 3 * frames, 130)
    alone = clean.front.compressed(voices[1, 2:3])[0]
    torch.testing.assert_close(tokens[1, 2 * frames :].reshape(frames, 65, 2), alone)


def test_samples_with_different_numbers_of_voices_are_refused() -> None:
    with pytest.raises(DataError, match="different numbers of voices"):
        Spectrograms(**TINY)(torch.zeros(2, 3, 1000), torch.ones(2, 3, dtype=torch.bool))
