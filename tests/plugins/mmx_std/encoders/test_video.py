from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError, PortError
from mmx.types import Video
from mmx_std.encoders.frontends import Mel
from mmx_std.encoders.image import Conv2d, Timm
from mmx_std.encoders.video import Frames


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
