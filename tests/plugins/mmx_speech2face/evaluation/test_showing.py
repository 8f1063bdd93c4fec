from __future__ import annotations

import numpy as np
import pytest

from mmx.model.model import Model
from mmx_speech2face.evaluation import showing
from mmx_speech2face.evaluation.encoding import draw, encode_split, judged
from mmx_speech2face.evaluation.groups import Group
from mmx_speech2face.evaluation.scores import Guesses
from mmx_speech2face.evaluation.showing import Scene, spread, title_of
from tests.plugins.mmx_speech2face.conftest import NAMES, Run, Tones


@pytest.fixture
def scene(model: Model, tones: Tones, run: Run) -> Scene:
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    mean = np.tile(encoded.face_ND.mean(0), (8, 1))
    guesses = Guesses(encoded.voice_ND, encoded.untrained_ND, {"mean_face": mean}, {})
    drawn = {"voice": draw(model, NAMES, encoded.voice_ND), "face": draw(model, NAMES, encoded.face_ND)}
    portraits = np.stack([sample.fields["portrait"] for sample in encoded.samples])
    return Scene(model, NAMES, encoded, guesses, drawn, portraits, {"best_ranking": np.eye(8)}, tones.targets)


def test_the_people_shown_are_spread_over_the_split_whatever_the_result(scene: Scene) -> None:
    assert spread(scene, 3) == [0, 3, 7]
    assert spread(scene, 99) == list(range(8))
    assert title_of(scene, 1) == "high small"


def test_true_face_face_and_voice_are_in_one_grid(scene: Scene) -> None:
    grid, landmarks, away = showing.face_figures(scene, 4, 2.0)
    images = [axes.get_images()[0].get_array() for axes in grid.image.axes]
    assert len(images) == 16
    assert np.array_equal(images[4], scene.portraits[0])
    assert np.array_equal(images[8], scene.drawn["face"].images_NSSC[0])
    assert np.array_equal(images[15], scene.drawn["voice"].images_NSSC[7])
    assert landmarks.key == "landmarks"
    rows = [axes.get_ylabel() for axes in away.image.axes if axes.get_ylabel()]
    assert rows == ["0 x", "0.5 x", "1 x", "2 x"]


def test_features_recalls_groups_and_labels(scene: Scene) -> None:
    features, recall = showing.feature_figures(scene, 100, "cos")
    assert {line.get_label() for line in recall.image.axes[0].get_lines()} == {
        "voice",
        "mean face",
        "best ranking",
        "chance",
    }
    assert features.image.axes[0].get_title() == "face features, by sex"
    labels = {kind: judged(scene.model, NAMES, faces.images_NSSC) for kind, faces in scene.drawn.items()}
    keys = [figure.key for figure in showing.label_figures(scene, labels)]
    assert keys == ["sex_by_voice", "sex_by_face", "build_by_voice", "build_by_face"]
    (groups,) = showing.group_figure([Group("low", 4, {"recall at 10": 0.5})], 8)
    assert groups.key == "groups"
    assert showing.group_figure([], 8) == showing.measure_figure({}) == []


def test_voices_can_be_heard_beside_their_faces(scene: Scene) -> None:
    clips = showing.players(scene, 2)
    assert [clip.key for clip in clips] == ["voice_0", "face_0", "voice_7", "face_7"]
    assert clips[1].media.shape[1] == 2 * clips[1].media.shape[0]
