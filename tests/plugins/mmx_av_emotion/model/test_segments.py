"""Segments: cut at the same seconds, encoded one by one, and never mixed with padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchaudio.functional import compute_deltas

from mmx.errors import AssetError, ConfigError, DataError
from mmx.interfaces import Encoder
from mmx.types import Audio, Features, Video
from mmx_av_emotion.model.segments import FaceSegments, MelSegments, begins
from mmx_std.encoders.frontends import Mel


def audio(seconds: float, rate: int = 8000) -> Audio:
    return Audio(np.random.default_rng(0).standard_normal((1, round(seconds * rate))).astype(np.float32) / 9, rate)


def video(frames: int, fps: float = 12.5) -> Video:
    ramp = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    return Video(np.broadcast_to(ramp, (frames, 20, 20, 3)).copy(), fps)


def ears(**options: object) -> MelSegments:
    torch.manual_seed(0)
    return MelSegments(Mel(8000, bands=16), widths=(4, 6), **options).eval()  # type: ignore[arg-type]


def face(**options: object) -> FaceSegments:
    torch.manual_seed(0)
    return FaceSegments(image_size=16, widths=(4, 6), **options).eval()  # type: ignore[arg-type]


def test_where_segments_begin() -> None:
    assert begins(1.92, 0.64, 0.64) == pytest.approx([0, 0.64, 1.28])
    assert begins(1.91, 0.64, 0.64) == pytest.approx([0, 0.64])
    assert begins(0.3, 0.64, 0.64) == [0]
    assert begins(1.0, 0.5, 0.25) == pytest.approx([0, 0.25, 0.5])


def test_both_cut_at_the_same_seconds() -> None:
    heard, shown = ears(hop=0.32).prepare(audio(1.6)), face(hop=0.32, frames=4).prepare(video(20))
    assert heard.shape == (4, 5120) and shown.shape == (4, 4, 3, 16, 16)
    whole = audio(1.6).samples_CT[0]
    np.testing.assert_array_equal(heard[1].numpy(), whole[2560 : 2560 + 5120])
    # The middles of four quarters of 0.64 s at 12.5 frames a second: 0.08, 0.24, ... s are frames 1, 3, 5, 7.
    assert shown[0, :, 0, 0, 0].tolist() == [1, 3, 5, 7] and shown[1, :, 0, 0, 0].tolist() == [5, 7, 9, 11]


def test_frames_are_repeated_and_dropped() -> None:
    assert face(frames=4).prepare(video(2, 3.0))[0, :, 0, 0, 0].tolist() == [0, 0, 1, 1]
    assert face(frames=2).prepare(video(64, 100.0))[0, :, 0, 0, 0].tolist() == [16, 48]


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_segments_are_encoded_one_by_one(kind: str) -> None:
    encoder = ears() if kind == "audio" else face()
    assert isinstance(encoder, Encoder)
    long, short = (
        encoder.prepare(audio(1.92) if kind == "audio" else video(24)),
        encoder.prepare(audio(0.64) if kind == "audio" else video(8)),
    )
    x = torch.zeros(2, *long.shape, dtype=long.dtype)
    x[0], x[1, :1] = long, short
    mask = torch.tensor([[True] * 3, [True, False, False]])
    found, alone = encoder(x, mask), encoder(short[None])
    assert found.tokens_BTD is not None and alone.tokens_BTD is not None
    torch.testing.assert_close(found.tokens_BTD[1, :1], alone.tokens_BTD[0])
    assert (found.tokens_BTD[1, 1:] == 0).all()
    torch.testing.assert_close(found.pooled_BD[0], found.tokens_BTD[0].mean(0))
    torch.testing.assert_close(found.pooled_BD[1], alone.pooled_BD[0])


def test_slopes_are_channels() -> None:
    """The deltas of a ramp are its slope, and theirs are zero."""
    encoder = ears()
    seen: list[torch.Tensor] = []
    encoder.tower = torch.nn.Module()
    encoder.tower.forward = lambda maps: seen.append(maps) or maps.mean((2, 3))  # type: ignore[assignment, func-returns-value]
    ramp = torch.arange(20.0)[None, :, None].expand(1, 20, 16)
    encoder.frontend = torch.nn.Module()
    encoder.frontend.forward = lambda x: Features(x[:, 0], ramp)  # type: ignore[assignment]
    encoder(torch.zeros(1, 1, 5120))
    static, first, second = seen[0][0, :, 8, 0]
    assert (float(static), float(first), float(second)) == pytest.approx((8.0, 1.0, 0.0), abs=1e-5)
    torch.testing.assert_close(seen[0][0, 1], compute_deltas(ramp[0].T, 5).T)


def test_weights_by_path(tmp_path: Path) -> None:
    trained = face()
    save_file({**trained.tower.state_dict(), "head.weight": torch.zeros(2)}, tmp_path / "tower.safetensors")
    torch.manual_seed(5)
    loaded = FaceSegments(image_size=16, widths=(4, 6), weights=str(tmp_path / "tower.safetensors")).eval()
    torch.testing.assert_close(loaded.tower.state_dict(), trained.tower.state_dict())
    with pytest.raises(AssetError):
        FaceSegments(widths=(4, 7), weights=str(tmp_path / "tower.safetensors"))


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="16 frames of 112"):
        FaceSegments(tower="c3d")
    with pytest.raises(DataError, match="takes a Video"):
        face().prepare(audio(1))
    with pytest.raises(DataError, match="takes an Audio"):
        ears().prepare(video(3))
