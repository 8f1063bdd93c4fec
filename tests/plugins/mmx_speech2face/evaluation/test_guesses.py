from __future__ import annotations

import numpy as np

from mmx.model.model import Model
from mmx_speech2face.evaluation.encoding import encode_split
from mmx_speech2face.evaluation.guesses import certain, from_attributes, others, perfect_listener, true_scores
from tests.plugins.mmx_speech2face.conftest import DIM, NAMES, SIDE, Run, Tones


def test_attributes_tell_the_mean_of_those_who_share_them() -> None:
    rng = np.random.default_rng(0)
    sex, build = rng.integers(0, 2, 400), rng.integers(0, 3, 400)
    effects = rng.normal(size=(2, 4)), rng.normal(size=(3, 4))
    faces = effects[0][sex] + effects[1][build] + rng.normal(0, 0.1, (400, 4))
    asked = {"sex": certain(np.array([0, 1]), 2), "build": certain(np.array([2, 0]), 3)}
    found = from_attributes(faces, {"sex": sex, "build": build}, asked, ["sex", "build"])
    expected = [effects[0][0] + effects[1][2], effects[0][1] + effects[1][0]]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_in_doubt_the_guess_lies_between() -> None:
    faces = np.array([[0.0], [0.0], [2.0], [2.0]])
    known = {"sex": np.array([0, 0, 1, 1])}
    unsure = {"sex": np.array([[0.25, 0.75]])}
    np.testing.assert_allclose(from_attributes(faces, known, unsure, ["sex"]), [[1.5]])


def test_others_are_never_oneself() -> None:
    features = np.arange(10.0)[:, None]
    assert (others(features, 3) != features).all()
    assert sorted(others(features, 3).ravel()) == sorted(features.ravel())


def test_the_perfect_listener_is_the_mean_face_feature_of_the_voices_people(
    model: Model, tones: Tones, run: Run
) -> None:
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    found = perfect_listener(model, tones, encoded, NAMES, 3, run)
    face = model.encoders["face"]
    for number in (0, 1):
        value = int(70 + 110 * encoded.targets["voice_traits"][number][0])
        image = face.prepare(np.full((SIDE, SIDE, 3), value, np.uint8))
        np.testing.assert_allclose(found[number], face(image[None]).pooled_BD[0].detach().numpy(), atol=1e-5)
    assert found.shape == (8, DIM)
    assert perfect_listener(model, tones, encoded, NAMES, 0, run) is None
    assert perfect_listener(model, object(), encoded, NAMES, 3, run) is None


def test_true_scores_come_from_the_corpus(model: Model, tones: Tones, run: Run) -> None:
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    found = true_scores(tones, encoded)
    assert set(found) == {"best_ranking", "shared_causes"}
    assert found["best_ranking"].shape == (8, 8)
    assert true_scores(object(), encoded) == {}
