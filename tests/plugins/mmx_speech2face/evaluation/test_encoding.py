from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.model.model import Model
from mmx.types import Audio, Sample
from mmx_speech2face.evaluation.encoding import draw, encode_split, enlarged, faces_of, judged, mean_feature
from tests.plugins.mmx_speech2face.conftest import DIM, NAMES, SIDE, Run, Tones, tiny


def test_everybody_is_seen_and_heard_in_order(model: Model, tones: Tones, run: Run) -> None:
    samples = tones.split("test")
    encoded = encode_split(model, samples, run, NAMES)
    assert list(encoded.ids) == [sample.id for sample in samples]
    batch = model.prepare([samples[3]], ["voice", "face"])
    alone = model(batch, ["fused.voice", "fused.face"])
    np.testing.assert_allclose(encoded.voice_ND[3], alone.fused["voice"].pooled_BD[0].detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(encoded.face_ND[3], alone.fused["face"].pooled_BD[0].detach().numpy(), atol=1e-5)
    assert encoded.targets["sex"].tolist() == [sample.targets["sex"] for sample in samples]
    assert encoded.expected == 8


def test_untrained_is_an_untrained_voice_encoder(model: Model, tones: Tones, run: Run) -> None:
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    other = tiny(seed=1)
    batch = other.prepare([tones.split("test")[0]], ["voice"])
    np.testing.assert_allclose(
        encoded.untrained_ND[0], other(batch, ["fused.voice"]).fused["voice"].pooled_BD[0].detach().numpy(), atol=1e-5
    )
    assert not np.allclose(encoded.untrained_ND, encoded.voice_ND)


def test_what_cannot_be_read_is_left_out_and_counted(model: Model, tones: Tones, run: Run) -> None:
    samples: list[Any] = list(tones.split("test"))
    broken = Audio(np.full((1, 800), np.nan, np.float32), 8000)
    samples[2] = Sample("broken", {**samples[2].fields, "voice": broken}, samples[2].targets)
    encoded = encode_split(model, samples, run, NAMES)
    assert (len(encoded.ids), encoded.expected) == (7, 8)
    assert "broken" not in encoded.ids
    assert [sample.id for sample in encoded.samples] == list(encoded.ids)
    with pytest.raises(DataError, match="fewer than two"):
        encode_split(model, samples[2:3] + samples[:1], run, NAMES)


def test_faces_are_drawn_in_pixels(model: Model) -> None:
    features = np.random.default_rng(0).normal(size=(40, DIM))
    drawn = draw(model, NAMES, features)
    assert drawn.images_NSSC.shape == (40, SIDE, SIDE, 3)
    assert drawn.images_NSSC.dtype == np.uint8
    decoder: Any = model.heads["decoder"]
    with torch.no_grad():
        one = decoder.draw(torch.from_numpy(features[35:36]).float())["image"][0]
    np.testing.assert_allclose(drawn.images_NSSC[35], (one * 255).round().permute(1, 2, 0).numpy(), atol=1)


def test_the_judge_says_the_same_of_a_image_as_of_a_sample(model: Model, tones: Tones, run: Run) -> None:
    samples = tones.split("test")
    encoded = encode_split(model, samples, run, NAMES)
    predicted = judged(model, NAMES, np.stack([sample.fields["portrait"] for sample in samples]))
    for name in ("sex", "build"):
        assert predicted[name].tolist() == encoded.labels[name].tolist()


def test_faces_of_a_split(model: Model, tones: Tones, run: Run) -> None:
    samples, known, targets = faces_of(model, tones.split("train"), run, NAMES)
    assert [sample.id for sample in samples] == [sample.id for sample in tones.split("train")]
    assert known.shape == (8, DIM)
    assert targets["sex"].tolist() == [0, 1] * 4
    assert mean_feature(model, NAMES).shape == (DIM,)


def test_small_images_are_enlarged_and_large_ones_left() -> None:
    small = np.zeros((48, 48, 3), np.uint8)
    small[:, 24:] = 200
    large = enlarged(small)
    assert large.shape == (240, 240, 3)
    assert large[100, 20].tolist() == [0, 0, 0]
    assert large[100, 220].tolist() == [200, 200, 200]
    assert enlarged(large) is large
