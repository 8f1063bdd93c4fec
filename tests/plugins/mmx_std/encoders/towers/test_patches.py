"""Towers over patches: sizes of the paper, preparation of raw values, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError, DataError, PortError
from mmx.types import Audio, Signal
from mmx_std.encoders.frontends import KaldiFbank
from mmx_std.encoders.towers.patches import PatchAudio, PatchImage, PatchSignal

TINY = {"width": 8, "depth": 2, "heads": 2, "out": 4}


def count(patches: int, inputs: int, width: int, depth: int, out: int = 1024) -> int:
    """Parameters from the paper's table and the layout of its blocks, written out."""
    stem = inputs * width + 2 * width  # without bias, then a normalisation
    embedding = width + (patches + 1) * width  # class token and positions
    attention = 3 * width * width + 3 * width + width * width + width + 2 * width  # one more key and value
    feed_forward = 4 * width * width + 4 * width + 4 * width * width + width
    block = attention + feed_forward + 4 * width  # two normalisations
    return stem + embedding + depth * block + 2 * width + width * out


@pytest.mark.parametrize(
    ("make", "options", "expected"),
    [
        (PatchAudio, {}, count(12 * 19, 16 * 16, 768, 12)),
        (PatchImage, {"tower": "depth"}, count(14 * 14, 16 * 16, 384, 12)),
        (PatchImage, {"tower": "thermal", "width": 768, "heads": 12}, count(14 * 14, 16 * 16, 768, 12)),
        (PatchSignal, {}, count(250, 48, 512, 6)),
    ],
)
def test_the_defaults_have_the_sizes_of_the_paper(make: type, options: dict[str, object], expected: int) -> None:
    with torch.device("meta"):
        encoder = make(**options)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == expected
    assert encoder.out_dim == 1024


def test_audio_of_any_length_has_as_many_patches() -> None:
    encoder = PatchAudio(KaldiFbank(bands=36, frames=None), bands=36, frames=46, **TINY).eval()  # type: ignore[arg-type]
    for seconds in (0.2, 2.0):
        x = encoder.prepare(Audio(np.zeros((1, int(16_000 * seconds)), np.float32), 16_000))
        features = encoder(x[None])
        assert features.tokens_BTD.shape == (1, 3 * 4, 8) and features.pooled_BD.shape == (1, 4)


def test_a_grey_image_is_the_mean_of_its_colours() -> None:
    encoder = PatchImage(image_size=32, **TINY).eval()  # type: ignore[arg-type]
    raw = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    x = encoder.prepare(raw)[None].float()
    grey = x.mean(dim=1, keepdim=True).expand_as(x)
    torch.testing.assert_close(encoder(x).pooled_BD, encoder(grey).pooled_BD, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(encoder(x).pooled_BD, encoder(x.flip(3)).pooled_BD, atol=1e-4)


def test_signals_are_resampled_cut_and_filled() -> None:
    encoder = PatchSignal(channels=2, rate=50, steps=20, patch=4, **TINY)  # type: ignore[arg-type]
    long = encoder.prepare(Signal(np.ones((100, 2), np.float32), 50.0))
    short = encoder.prepare(Signal(np.ones((5, 2), np.float32), 50.0))
    slow = encoder.prepare(Signal(np.ones((5, 2), np.float32), 25.0))
    assert long.shape == short.shape == slow.shape == (20, 2)
    assert [int((x != 0).all(dim=1).sum()) for x in (long, short)] == [20, 5]
    assert int((slow != 0).all(dim=1).sum()) in (9, 10)
    for wrong in (Signal(np.ones((5, 3), np.float32), 50.0), Signal(np.full((5, 2), np.nan, np.float32), 50.0), "x"):
        with pytest.raises(DataError):
            encoder.prepare(wrong)


def test_blocks_are_left_out_in_training_more_with_depth() -> None:
    encoder = PatchSignal(channels=2, steps=8, patch=4, drop_path=0.6, **{**TINY, "depth": 4})  # type: ignore[arg-type]
    assert [block.drop_path.drop_prob for block in encoder.blocks] == pytest.approx([0.0, 0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (PatchImage, {"image_size": 30}, "no multiple of patch"),
        (PatchSignal, {"steps": 21}, "no multiple of patch"),
        (PatchAudio, {"bands": 8}, "larger than 8 bands"),
        (PatchImage, {"heads": 3}, "does not divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make: type, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**{**TINY, **options})


def test_a_front_end_with_other_bands_is_named() -> None:
    encoder = PatchAudio(KaldiFbank(bands=40, frames=32), bands=64, frames=32, **TINY)  # type: ignore[arg-type]
    with pytest.raises(PortError, match="made for 64 bands; its front end gives 40"):
        encoder(torch.zeros(1, 32, 40))
