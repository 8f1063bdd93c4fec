from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_speech2face.model.decoder import FaceDecoder, mean_landmarks
from tests.plugins.mmx_speech2face.conftest import DIM, LANDMARKS, SIDE, Tones

SIZES = {"first": 5, "hidden": 6, "landmarks": len(LANDMARKS), "shape": [6], "channels": [4, 4, 4], "side": SIDE}


def made(**changes: object) -> FaceDecoder:
    torch.manual_seed(0)
    return FaceDecoder({"face": DIM, "voice": DIM}, Tones(), **{**SIZES, **changes}).eval()


def test_it_answers_for_what_is_there() -> None:
    decoder, feature = made(), Features(torch.randn(2, DIM))
    assert set(decoder({"face": feature}, Batch(["a", "b"]))) == {"face"}
    both = decoder({"face": feature, "voice": feature, "other": feature}, Batch(["a", "b"]))
    assert set(both) == {"face", "voice"}
    torch.testing.assert_close(both["face"]["image"], both["voice"]["image"])


def test_shapes_and_ranges() -> None:
    drawn = made().draw(torch.randn(3, DIM))
    assert drawn["first"].shape == (3, 5)
    assert drawn["landmarks"].shape == (3, len(LANDMARKS), 2)
    assert drawn["texture"].shape == drawn["image"].shape == (3, 3, SIDE, SIDE)
    assert 0 <= float(drawn["image"].detach().min()) <= float(drawn["image"].detach().max()) <= 1


def test_the_image_is_the_texture_where_landmarks_are_the_mean() -> None:
    decoder = made()
    torch.nn.init.zeros_(decoder.shape[-1].weight)
    torch.nn.init.zeros_(decoder.shape[-1].bias)
    drawn = decoder.draw(torch.randn(2, DIM))
    torch.testing.assert_close(drawn["landmarks"], decoder.mean_L2.expand(2, -1, -1))
    torch.testing.assert_close(drawn["image"], drawn["texture"], atol=1e-3, rtol=0)


def test_gradients_of_the_image_reach_both_branches_and_the_feature() -> None:
    decoder, feature = made(), torch.randn(2, DIM, requires_grad=True)
    decoder.draw(feature)["image"].square().mean().backward()
    assert float(feature.grad.abs().sum()) > 0
    assert float(decoder.shape[-1].weight.grad.abs().sum()) > 0
    assert float(decoder.paint[-2].weight.grad.abs().sum()) > 0


def test_it_keeps_the_mean_feature_of_what_it_learned_from() -> None:
    decoder = made()
    batches = [torch.randn(4, DIM) + 2, torch.randn(2, DIM) - 1]
    decoder.draw(batches[0], learn=True)
    assert not decoder.mean_D.any(), "not in evaluation"
    decoder.train()
    for batch in batches:
        decoder({"face": Features(batch), "voice": Features(batch * 9)}, Batch(list("abcd")))
    torch.testing.assert_close(decoder.mean_D, torch.cat(batches).mean(0))


def test_mean_landmarks_are_those_of_the_train_split() -> None:
    expected = torch.stack([torch.from_numpy(s.targets["landmarks"]) for s in Tones().split("train")]).mean(0)
    torch.testing.assert_close(mean_landmarks(Tones(), len(LANDMARKS)), expected)


def test_without_landmarks_the_texture_is_the_image() -> None:
    decoder = made(landmarks=0)
    drawn = decoder.draw(torch.randn(2, DIM))
    torch.testing.assert_close(drawn["image"], drawn["texture"])
    assert drawn["landmarks"].shape[-2:] == (0, 2)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(PortError, match="one width"):
        FaceDecoder({"face": 4, "voice": 6}, Tones(), **SIZES)
    with pytest.raises(PortError, match="landmarks per face"):
        made(landmarks=5)
    with pytest.raises(PortError, match="halved"):
        made(side=18)

    class Faceless(Tones):
        targets: Mapping[str, Sequence[str] | None] = {"person": None}

    with pytest.raises(PortError, match="lacks"):
        FaceDecoder({"face": 4, "voice": 4}, Faceless(), **SIZES)


def test_the_full_decoder_draws_224_pixels() -> None:
    with torch.device("meta"):
        decoder = FaceDecoder({"face": 4096, "voice": 4096}, Tones(), landmarks=0)
        assert decoder.first.weight.shape == (1000, 4096)
        assert decoder.draw(torch.zeros(2, 4096))["image"].shape == (2, 3, 224, 224)
