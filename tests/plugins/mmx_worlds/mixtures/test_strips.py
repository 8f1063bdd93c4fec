from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.mixtures.strips import Strips
from tests.plugins.mmx_looking_to_listen.conftest import Hummers, Noises


def test_strips_show_what_the_truth_says() -> None:
    world = Strips(Hummers(), faces=2, frames=6)
    assert isinstance(world, Corpus)
    split = world.split("train")
    assert len(split) == 12
    for sample in split:
        assert set(sample.targets) == set(world.targets)
        frames = np.concatenate([video.frames_THWC for video in sample.fields["faces"]])
        assert frames.shape[0] == 12
        bright = frames[:, -1, 0, 0] > 100
        np.testing.assert_array_equal(sample.targets["visemes"] > 0, bright)
        np.testing.assert_array_equal(sample.targets["lips"][:, 0] > 0.5, bright)
        assert sample.targets["identity"].shape == (12,)
        assert len(set(sample.targets["identity"][:6])) == 1


def test_identities_are_numbered_within_the_split() -> None:
    found = {int(i) for sample in Strips(Hummers()).split("test") for i in sample.targets["identity"]}
    assert found == {0, 1, 2, 3}


def test_talkers_without_lips() -> None:
    with pytest.raises(DataError, match=r"no target lips, speaker, visemes.*encoders.faces.weights"):
        Strips(Noises())
