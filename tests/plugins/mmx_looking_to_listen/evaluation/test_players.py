from __future__ import annotations

import numpy as np

from mmx.types import Audio, Video
from mmx_looking_to_listen.evaluation.task import Separation
from mmx_worlds.mixtures.corpus import Mixtures
from tests.plugins.mmx_looking_to_listen.conftest import RATE, Hummers, Run, tiny

SIZES = {"mixtures": 4, "val_mixtures": 2, "test_mixtures": 5, "seconds": 1.0, "rate": RATE}


def test_clips_show_the_speaker_and_darken_the_others(run: Run) -> None:
    report = Separation({}, shown=1).evaluate(tiny(), Mixtures(Hummers(), **SIZES), run)
    video, audio = report.clips[1].media
    assert isinstance(video, Video)
    assert isinstance(audio, Audio)
    left, right = np.split(video.frames_THWC.astype(int), 2, axis=2)
    assert left.mean() > 1.5 * right.mean()
