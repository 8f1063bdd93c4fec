"""What is read of a user's file: film, sound, picture, in windows at the model's own rate and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import write_image, write_video
from mmx_vatt.predict.reading import Reader
from tests.plugins.mmx_vatt.conftest import WORLD, model
from tests.plugins.mmx_vatt.predict.test_asking import judge, long_film


def test_a_film_is_read_with_its_sound_and_texts(tmp_path: Path) -> None:
    sample = WORLD.split("test")[0]
    film = write_video(tmp_path / "film.mp4", sample.fields["video"], sample.fields["audio"])
    dumb = write_video(tmp_path / "dumb.mp4", sample.fields["video"])
    made = model()
    raw = judge().read(made, film, {"texts": "the ball rises; a box"})
    assert set(raw) == {"video", "audio", "narration"}
    assert raw["narration"] == ["the ball rises", "a box"]
    assert len(judge().predict(made, raw).rows) == 1 + 2 + 2
    assert set(judge().read(made, dumb, {"narration": "a box"})) == {"video", "narration"}
    picture = write_image(tmp_path / "still.png", sample.fields["video"].frames_THWC[0])
    assert judge().predict(made, judge().read(made, picture, {"texts": "a; b"})).rows
    with pytest.raises(DataError, match="did you mean 'texts'"):
        judge().read(made, film, {"text": "x"})
    with pytest.raises(DataError, match="give a film"):
        judge().read(made, Path("only words"), {})


def test_a_long_film_is_read_in_windows_at_the_models_rate_and_size(tmp_path: Path) -> None:
    made = model()
    film = write_video(tmp_path / "long.mp4", *long_film())
    raw = Reader(1.024, 3).read(made, film, {"texts": "a"})
    assert [each.frames_THWC.mean() for each in raw["video"]] == pytest.approx([10, 120, 240], abs=6)
    assert {each.fps for each in raw["video"]} == {7.8125}
    assert {min(each.frames_THWC.shape[1:3]) for each in raw["video"]} == {32}
    assert all(each.seconds == pytest.approx(1.024, abs=0.1) for each in (*raw["video"], *raw["audio"]))
    loud = [float(np.abs(each.samples_CT).mean()) for each in raw["audio"]]
    assert loud[0] < 0.02 < min(loud[1:])
