from __future__ import annotations

import numpy as np
import pytest

from mmx.model.model import Model
from mmx_speech2face.evaluation.encoding import encode_split
from mmx_speech2face.evaluation.groups import by_group
from mmx_speech2face.evaluation.retrieval import angles
from mmx_speech2face.evaluation.scores import Guesses
from tests.plugins.mmx_speech2face.conftest import NAMES, Run, Tones


def test_every_group_has_its_own_numbers(model: Model, tones: Tones, run: Run) -> None:
    encoded = encode_split(model, tones.split("test"), run, NAMES)
    guesses = Guesses(encoded.voice_ND, encoded.untrained_ND, {}, {})
    labels = {
        "voice": {
            name: np.where(encoded.targets["sex"] == 0, predicted, 1 - predicted)
            for name, predicted in encoded.labels.items()
        }
    }
    groups = by_group(guesses, encoded, labels, {"sex": ("low", "high"), "build": ("small", "large")}, 100, "cos")
    assert [(group.name, group.count) for group in groups] == [
        ("low small", 2),
        ("low large", 2),
        ("high small", 2),
        ("high large", 2),
    ]
    assert [group.numbers["sex agrees"] for group in groups] == [1, 1, 0, 0]
    chosen = (encoded.targets["sex"] == 0) & (encoded.targets["build"] == 1)
    expected = angles(encoded.voice_ND, encoded.face_ND)[chosen].mean()
    assert groups[1].numbers["angle (degrees)"] == pytest.approx(expected)
