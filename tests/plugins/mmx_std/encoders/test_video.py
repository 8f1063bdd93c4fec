from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmx.errors import DataError, PortError
from mmx.testing.parts.encoders import check_encoder
from mmx.types import Features, Signal, Video
from mmx_std.encoders.frontends import Mel
from mmx_std.encoders.image import Conv2d, Timm
from mmx_std.encoders.video import Clips, Frames, Precomputed, moments


def clip(frames: int) -> Video:
    """Frame t is uniformly of brightness t."""
    return Video(np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8), 25.0)


@pytest.mark.parametrize(("count", "frames"), [(4, 8), (3, 10), (5, 5), (6, 2), (1, 7)])
def test_frames_are_the_middles_of_equal_parts(count: int, frames: int) -> None:
    encoder = Frames(Conv2d(image_size=8), count)
    x = encoder.prepare(clip(frames))
    expected = [int((part + 0.5) * frames / count) for part in range(count)]
    assert x[:, 0, 0, 0].tolist() == expected
    assert x.shape == (count, 3, 8, 8)


def test_each_frame_is_encoded_as_an_image() -> None:
    image = Conv2d([4], image_size=8).eval()
    encoder = Frames(image, 3).eval()
    x = torch.stack([encoder.prepare(clip(9)), encoder.prepare(clip(30))])
    features = encoder(x)
    assert features.tokens_BTD.shape == (2, 3, encoder.out_dim) == (2, 3, 4)
    for row in range(2):
        for frame in range(3):
            torch.testing.assert_close(features.tokens_BTD[row, frame], image(x[row, frame][None]).pooled_BD[0])
    torch.testing.assert_close(features.pooled_BD, features.tokens_BTD.mean(1))


def test_padding_is_never_computed_nor_pooled() -> None:
    encoder = Frames(Conv2d([4], image_size=8), 4).train()  # in training batch statistics would tell
    x = torch.randint(0, 256, (2, 4, 3, 8, 8), dtype=torch.uint8)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    first = encoder(x, mask)
    x[~mask] = 255
    second = encoder(x, mask)
    assert torch.equal(first.pooled_BD, second.pooled_BD)
    torch.testing.assert_close(first.pooled_BD[1], first.tokens_BTD[1, 0])
    assert first.tokens_BTD[~mask].count_nonzero() == 0


def test_a_missing_video_is_zeros() -> None:
    encoder = Frames(Conv2d([4], image_size=8), 2).eval()
    x = torch.zeros(2, 2, 3, 8, 8, dtype=torch.uint8)
    features = encoder(x, torch.tensor([[True, True], [False, False]]))
    assert features.pooled_BD[1].tolist() == [0, 0, 0, 0]


def test_around_a_classifier_tokens_are_logits_over_time() -> None:
    encoder = Frames(Timm("test_resnet", classifier=True, image_size=32), 2).eval()
    features = encoder(encoder.prepare(clip(6))[None])
    assert features.tokens_BTD.shape == (1, 2, 1000)


def test_what_is_no_video_is_refused() -> None:
    encoder = Frames(Conv2d(image_size=8))
    with pytest.raises(DataError, match="zero frames"):
        encoder.prepare(Video(np.zeros((0, 8, 8, 3), np.uint8), 25.0))
    with pytest.raises(DataError, match="takes a Video"):
        encoder.prepare("video.mp4")
    with pytest.raises(PortError, match="image encoder"):
        Frames(Mel())


class Grey(nn.Module):
    """Says how light a picture is."""

    modality, out_dim = "image", 2

    def prepare(self, raw: Any) -> Tensor:
        return torch.tensor([float(raw.mean()), 1.0])

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        return Features(x)


def video(seconds: float, fps: float) -> Video:
    count = max(1, round(seconds * fps))
    levels = (np.arange(count) / fps * 10).astype(np.uint8)  # ten times the second
    return Video(np.broadcast_to(levels[:, None, None, None], (count, 4, 4, 3)).copy(), fps)


def test_the_middle_of_every_period() -> None:
    assert moments(6.0, 1.5, 100).tolist() == [0.75, 2.25, 3.75, 5.25]
    assert moments(4.0, 1.5, 100).tolist() == [0.75, 2.25, 3.5]
    assert moments(0.2, 1.5, 100).tolist() == [0.1]
    assert len(moments(1000.0, 1.5, 12)) == 12


@pytest.mark.parametrize("fps", [25.0, 4.0, 2 / 3])
def test_a_video_of_any_rate_is_seen_at_the_same_moments(fps: float) -> None:
    part = Clips(Grey(), period=1.5, frames=8)
    seen = part.prepare(video(9.0, fps))[:, 0]
    assert len(seen) == 6
    assert (seen - torch.tensor([7.5, 22.5, 37.5, 52.5, 67.5, 82.5])).abs().max() <= 10 / fps / 1.9 + 1


def test_the_table_has_always_the_same_width() -> None:
    part = Clips(Grey(), frames=8, chunk=3)
    x = torch.arange(10.0).reshape(1, 5, 2)
    found = part(x.expand(2, 5, 2), torch.arange(5) < torch.tensor([[5], [2]]))
    assert found.tokens_BTD is not None
    assert found.mask_BT is not None
    assert found.tokens_BTD.shape == (2, 8, 2)
    assert found.mask_BT.sum(1).tolist() == [5, 2]
    assert torch.equal(found.tokens_BTD[0, :5], x[0])
    assert not found.tokens_BTD[1, 2:].any()
    assert torch.equal(found.pooled_BD[1], x[0, :2].mean(0))


def test_what_is_no_video() -> None:
    part = Clips(Grey())
    with pytest.raises(DataError, match="takes a Video"):
        part.prepare("film")
    with pytest.raises(DataError, match="zero frames"):
        part.prepare(Video(np.zeros((0, 4, 4, 3), np.uint8), 1.0))
    with pytest.raises(PortError, match="wraps an image encoder"):
        Clips(Precomputed())  # type: ignore[arg-type]


def test_contracts() -> None:
    assert [f for f in check_encoder(lambda seed: Clips(Grey(), period=0.3, frames=6)) if not f.ok] == []


def test_released_features_are_cut_into_their_two_halves() -> None:
    signal = Signal(np.arange(3 * 10, dtype=np.float32).reshape(3, 10), 1 / 1.5)
    both, flat, deep = (Precomputed(10, use, 4, frames=5) for use in ("both", "2d", "3d"))  # type: ignore[arg-type]
    assert (both.out_dim, flat.out_dim, deep.out_dim) == (10, 4, 6)
    assert torch.equal(torch.cat([flat.prepare(signal), deep.prepare(signal)], 1), both.prepare(signal))
    assert Precomputed().out_dim == 4352
    assert (Precomputed(features="2d").out_dim, Precomputed(features="3d").out_dim) == (2048, 2304)
    found = both(both.prepare(signal)[None])
    assert found.mask_BT is not None
    assert found.mask_BT.tolist() == [[True] * 3 + [False] * 2]
    with pytest.raises(DataError, match=r"\(frames, 10\), not \(3, 9\)"):
        both.prepare(Signal(signal.values_TC[:, :9], 1.0))
    with pytest.raises(DataError, match="are a Signal"):
        both.prepare(signal.values_TC)
    with pytest.raises(PortError, match="leaves no column"):
        Precomputed(10, "3d", 10)


def test_contract() -> None:
    assert [f for f in check_encoder(lambda seed: Precomputed(4, flat=2, frames=70)) if not f.ok] == []


@pytest.mark.parametrize("kind", [Frames, Clips])
def test_an_exported_encoder_computes_padding_too_and_finds_the_same(
    kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = kind(Conv2d([4], image_size=8), frames=4).eval()
    x = torch.randint(0, 256, (2, 4, 3, 8, 8), dtype=torch.uint8)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    usual = encoder(x, mask)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    found = encoder(x, mask)
    torch.testing.assert_close(found.tokens_BTD, usual.tokens_BTD)
    torch.testing.assert_close(found.pooled_BD, usual.pooled_BD)
