from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import AssetError, DataError, PortError
from mmx_speech2face.model.faces import Album, FaceNet, VggFaceNet
from mmx_speech2face.model.voice_encoder import VoiceCnn
from mmx_std.encoders.vgg_face import MEANS


def image(seed: int = 0, side: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_features_are_before_or_after_the_relu() -> None:
    torch.manual_seed(0)
    before = FaceNet(dim=32, widths=(4, 4), side=16).eval()
    torch.manual_seed(0)
    after = FaceNet(dim=32, widths=(4, 4), side=16, feature="fc7_relu").eval()
    x = torch.stack([before.prepare(image(seed)) for seed in range(4)])
    assert (before(x).pooled_BD < 0).any()
    torch.testing.assert_close(after(x).pooled_BD, before(x).pooled_BD.relu())


def test_pixels_have_vgg_faces_mean_taken_off() -> None:
    net = FaceNet(dim=4, widths=(4,), side=16)
    grey = torch.tensor(MEANS).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert float(net.standardise(grey).abs().max()) < 1e-5


def test_the_side_must_be_halved_evenly() -> None:
    with pytest.raises(PortError, match="halved"):
        FaceNet(side=20, widths=(4, 4, 4))


def test_vgg_face_is_never_random() -> None:
    for weights in (None, ""):
        with pytest.raises(AssetError, match=r"encoders\.face\.weights=FILE"):
            VggFaceNet(weights)
    with pytest.raises(AssetError, match="no such file"):
        VggFaceNet("nowhere.safetensors")


def test_an_album_is_the_mean_of_its_images() -> None:
    torch.manual_seed(0)
    album = Album(FaceNet(dim=4, widths=(4, 4), side=16)).eval()
    one, other = image(1), image(2)
    both = album(album.prepare([one, other])[None])
    alone = [album.image(album.image.prepare(each)[None]).pooled_BD for each in (one, other)]
    torch.testing.assert_close(both.pooled_BD, (alone[0] + alone[1]) / 2)
    padded = torch.cat([album.prepare([one]), torch.zeros(1, 3, 16, 16, dtype=torch.uint8)])[None]
    masked = album(padded, torch.tensor([[True, False]]))
    torch.testing.assert_close(masked.pooled_BD, alone[0])


def test_an_album_needs_images() -> None:
    with pytest.raises(DataError, match="at least one image"):
        Album(FaceNet(dim=4, widths=(4,), side=16)).prepare([])
    with pytest.raises(PortError, match="images"):
        Album(VoiceCnn(dim=4, channels=[1] * 9, hidden=2, seconds=3, rate=8000, window=128, hop=80, fft=128))
