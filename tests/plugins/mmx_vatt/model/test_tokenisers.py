"""Tokenisers: what is in a token, where it is, and which are dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Audio, Cue, Video
from mmx_std.encoders.text.tokenizers import PAD
from mmx_vatt.model.tokenisers import AudioTokens, VideoTokens, WordTokens
from tests.plugins.mmx_vatt.conftest import WORLD


def video(frames: int = 10, side: int = 16, fps: float = 10.0, seed: int = 0) -> Video:
    rng = np.random.default_rng(seed)
    return Video(rng.integers(0, 256, (frames, side, side, 3), dtype=np.uint8), fps)


def small(**options: Any) -> VideoTokens:
    torch.manual_seed(0)
    return VideoTokens(8, frames=4, side=16, fps=10, patch=(2, 8, 8), **options).eval()


def test_the_papers_tokens() -> None:
    with torch.device("meta"):
        video, audio = VideoTokens(), AudioTokens()
    assert (video.grid.tokens, audio.shape) == (1568, (1200,))
    assert [p.shape[0] for p in video.embed.positions.tables] == [8, 14, 14]


def test_a_token_is_its_patch_through_one_layer_plus_its_place() -> None:
    encoder = small()
    patches = encoder.prepare(video())
    assert patches.dtype == torch.uint8
    tokens = encoder(patches[None]).tokens_BTD
    assert tokens is not None
    for number in (0, 3, 7):
        t, h, w = np.unravel_index(number, (2, 2, 2))
        piece = torch.from_numpy(video().frames_THWC[2 * t : 2 * t + 2, 8 * h : 8 * h + 8, 8 * w : 8 * w + 8])
        by_hand = encoder.embed.linear(piece.flatten().float() / 127.5 - 1) + encoder.embed.positions()[number]
        assert torch.allclose(tokens[0, number], by_hand, atol=1e-5)


def test_any_rate_size_and_an_image() -> None:
    encoder = small()
    assert encoder.prepare(video(50, 33, 25.0)).shape == (8, 2 * 64 * 3)
    wide = Video(np.concatenate([video().frames_THWC, video(seed=1).frames_THWC], 2), 10.0)
    middle = Video(np.ascontiguousarray(wide.frames_THWC[:, :, 8:24]), 10.0)
    assert torch.equal(encoder.prepare(wide), encoder.prepare(middle))
    still = video(1).frames_THWC[0]
    patches = encoder.grid.join(encoder.prepare(still)[None])[0]
    assert torch.equal(patches[0], patches[3])
    assert torch.equal(encoder.prepare(still), encoder.prepare(Video(still[None], 1.0)))
    with pytest.raises(DataError, match="no frames"):
        encoder.prepare(Video(np.zeros((0, 8, 8, 3), np.uint8), 10.0))


def test_dropped_tokens_are_those_of_the_mask_with_their_own_places() -> None:
    encoder = small()
    x = encoder.prepare(video())[None].repeat(2, 1, 1)
    everything = encoder(x).tokens_BTD
    mask = torch.tensor([True, False, True, True, False, False, False, True]).expand(2, 8)
    kept = encoder(x, mask)
    assert everything is not None
    assert kept.tokens_BTD is not None
    assert kept.mask_BT is None
    assert torch.allclose(kept.tokens_BTD, everything[:, mask[0]], atol=1e-6)
    assert torch.allclose(kept.pooled_BD, everything[:, mask[0]].mean(1), atol=1e-6)


def test_masks_that_differ_stay_masks() -> None:
    encoder = small()
    x = encoder.prepare(video())[None].repeat(2, 1, 1)
    mask = torch.arange(8)[None] < torch.tensor([[8], [3]])
    found = encoder(x, mask)
    assert found.mask_BT is not None
    assert torch.equal(found.mask_BT, mask)
    assert found.tokens_BTD is not None
    assert torch.allclose(found.pooled_BD[1], found.tokens_BTD[1, :3].mean(0), atol=1e-6)


def test_augmentation_is_for_training() -> None:
    encoder = small(augment=True)
    x = encoder.prepare(video())[None]
    assert torch.equal(encoder(x).pooled_BD, small()(x).pooled_BD)
    encoder.train()
    assert not torch.allclose(encoder(x).pooled_BD, encoder(x).pooled_BD)


def test_the_codes_dense_layer_and_norm() -> None:
    encoder = small(version="code")
    x = encoder.prepare(video())[None]
    tokens = encoder(x).tokens_BTD
    linear = encoder.embed.linear(x.float() / 127.5 - 1)
    by_hand = torch.nn.functional.gelu(encoder.embed.dense(linear)) + encoder.embed.positions()  # type: ignore[misc]
    assert torch.allclose(tokens, by_hand, atol=1e-5)  # type: ignore[arg-type]


def tone(seconds: float, rate: int = 8000) -> Audio:
    return Audio((0.3 * np.sin(np.arange(round(seconds * rate)) / 5))[None].astype(np.float32), rate)


def test_sound_is_cut_into_patches_of_its_waveform() -> None:
    encoder = AudioTokens(8, rate=8000, seconds=0.5, patch=100).eval()
    patches = encoder.prepare(tone(1.0))
    assert torch.equal(patches.flatten(), torch.from_numpy(tone(0.5).samples_CT[0]))
    assert patches.shape == (40, 100)
    short = encoder.prepare(tone(0.3))
    assert bool((short[24:] == 0).all())
    tokens = encoder(patches[None]).tokens_BTD
    assert torch.allclose(tokens[0], encoder.embed.linear(patches) + encoder.embed.positions(), atol=1e-6)  # type: ignore[index]


def test_noise_is_for_training() -> None:
    encoder = AudioTokens(8, rate=8000, seconds=0.5, patch=100, noise=0.01).eval()
    x = encoder.prepare(tone(0.5))[None]
    assert torch.equal(encoder(x).pooled_BD, encoder(x).pooled_BD)
    encoder.train()
    assert not torch.equal(encoder(x).pooled_BD, encoder(x).pooled_BD)


def test_patches_of_a_spectrogram_hold_16_bands_of_5_frames() -> None:
    encoder = AudioTokens(8, rate=16_000, seconds=3.2, input="mel").eval()
    patches = encoder.prepare(tone(3.2, 16_000))
    frames = encoder.mel(encoder.intake(tone(3.2, 16_000))[None]).tokens_BTD[0]  # type: ignore[misc]
    assert encoder.shape == (30, 5)
    assert patches.shape == (150, 80)
    assert torch.allclose(patches[5 * 4 + 3], frames[20:25, 48:64].flatten(), atol=1e-5)
    assert encoder(patches[None]).tokens_BTD.shape == (1, 150, 8)  # type: ignore[union-attr]


def test_patches_must_divide_the_sound() -> None:
    with pytest.raises(ConfigError, match="patch: 300 does not divide"):
        AudioTokens(8, rate=8000, seconds=0.5, patch=300)


def words(**options: Any) -> WordTokens:
    torch.manual_seed(0)
    return WordTokens(WORLD, "narration", width=8, vocabulary=200, words=6, neighbours=3, **options).eval()


def test_a_text_several_and_cues() -> None:
    encoder = words(reads="cues", seconds=2.0)
    assert encoder.modality == "cues"
    texts = ["the ball rises", "it is a box", "well the tent falls", "look a cross"]
    times = [(4.0, 5.0), (0.5, 1.3), (-3.0, -2.5), (2.2, 3.0)]
    cues = tuple(Cue(start, end, text) for (start, end), text in zip(times, texts, strict=True))
    nearest = encoder.prepare(cues)
    assert nearest.shape == (3, 6)
    assert torch.equal(nearest, encoder.prepare([texts[1], texts[3], texts[0]]))
    one = encoder.prepare(texts[0])
    assert bool((one[1:] == PAD).all())
    assert torch.equal(one[0], encoder.prepare([texts[0]])[0])
    assert int((encoder.prepare("the ball rises and the box falls too")[0] != PAD).sum()) == 6
    with pytest.raises(DataError, match="takes a text"):
        encoder.prepare(3)


def test_clips_with_fewer_texts_are_computed_with_fewer() -> None:
    encoder = words()
    few = torch.stack([encoder.prepare("the ball rises"), encoder.prepare(["it is a box", "look a cross"])])
    found = encoder(few)
    assert found.layers["words"].shape == (2, 2, 6)
    assert found.layers["words"].sum(2).tolist() == [[3, 0], [4, 3]]
    encoder.train()
    assert encoder(few).layers["words"].shape == (2, 3, 6)  # processes must bring equal shapes
    nothing = encoder.eval()(torch.zeros(2, 3, 6, dtype=torch.int64))
    assert not bool(nothing.layers["words"].any())
    assert bool((nothing.pooled_BD == 0).all())


def test_absolute_positions_and_word_vectors() -> None:
    plain, placed = words(), words(positions="absolute")
    x = plain.prepare("it is a box")[None]
    difference = (placed(x).tokens_BTD - plain(x).tokens_BTD)[0, :4]  # type: ignore[operator]
    assert torch.allclose(difference, placed.positions()[:4], atol=1e-6)  # type: ignore[misc]
    frozen = words(vectors=5, frozen=True)
    assert "table" not in dict(frozen.named_parameters())
    assert frozen.table.shape == (200, 5)
    assert frozen(x).tokens_BTD.shape == (1, 6, 8)  # type: ignore[union-attr]
