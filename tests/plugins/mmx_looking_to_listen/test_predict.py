from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.media.audio_image import write_video
from mmx.types import Audio, Batch, Outputs, Video
from mmx_looking_to_listen import predict
from mmx_looking_to_listen.evaluation.metrics import si_sdr
from mmx_looking_to_listen.evaluation.separation import Ports
from mmx_looking_to_listen.evaluation.task import Separation
from mmx_looking_to_listen.predict import inputs, separate, starts
from tests.plugins.mmx_looking_to_listen.conftest import RATE, tiny

PORTS = Ports("audio", "faces", "voices", "masks")


@pytest.mark.parametrize(("length", "window"), [(10.0, 3.0), (3.1, 3.0), (7.7, 1.5)])
def test_windows_overlap_by_half_and_reach_the_end(length: float, window: float) -> None:
    found = starts(length, window)
    assert found[0] == 0
    assert found[-1] + window == pytest.approx(length)
    assert all(0 < after - before <= window / 2 + 1e-9 for before, after in itertools.pairwise(found))
    assert starts(2.0, 3.0) == [0.0]


def half(model: torch.nn.Module) -> None:
    """Let the first voice be the mixture and the second half of it."""

    def predicted(batch: Batch, needs: object = None) -> Outputs:
        front = model.encoders["audio"].front
        mixture = front.compressed(batch.inputs["audio"])
        second = front.squash(0.5 * front.expand(mixture))
        return Outputs({}, {}, {"masks": {"spectra": torch.stack([mixture, second], 1)}})

    model.forward = predicted  # type: ignore[method-assign]


def sound(seconds: float, rate: int = RATE) -> Audio:
    rng = np.random.default_rng(0)
    return Audio((0.02 * rng.normal(size=(1, round(seconds * rate)))).astype(np.float32), rate)


def faces(seconds: float, count: int = 2) -> list[Video]:
    return [Video(np.full((int(seconds * 25), 16, 16, 3), 50 + n, np.uint8), 25.0) for n in range(count)]


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.7])
def test_windows_are_joined_without_seams_at_the_videos_own_level(seconds: float) -> None:
    model = tiny()
    half(model)
    audio = sound(seconds)
    found = separate(model, PORTS, 1.0, {"audio": audio, "faces": faces(seconds)})
    first, second = (clip.media.samples_CT[0] for clip in found.clips)
    assert first.shape == audio.samples_CT[0].shape
    middle = slice(200, len(first) - 300)
    assert si_sdr(first[middle], audio.samples_CT[0, middle]) > 25
    np.testing.assert_allclose(first[middle], audio.samples_CT[0, middle], atol=0.01)
    np.testing.assert_allclose(second, 0.5 * first, atol=1e-4)
    assert found.rows[1]["share_of_mixture"] == pytest.approx(0.25, abs=0.02)


def talking(tmp_path: Path, *, seconds: float = 2.6, rate: int = 16_000, fps: float = 30.0, mute: bool = False) -> Path:
    frames = np.zeros((int(seconds * fps), 48, 96, 3), np.uint8)
    frames[:, 8:40, 8:40] = 200
    frames[:, 8:40, 56:88] = 120
    return write_video(tmp_path / "talk.mp4", Video(frames, fps), None if mute else sound(seconds, rate))


def boxes(tmp_path: Path, count: int = 2) -> Path:
    path = tmp_path / "faces.json"
    every = [[8, 8, 40, 40], [56, 8, 88, 40], [0, 0, 20, 20]]
    path.write_text(json.dumps({"faces": [{"name": f"p{n}", "box": every[n]} for n in range(count)]}))
    return path


def test_a_video_of_another_rate_is_separated(tmp_path: Path) -> None:
    task = Separation({}, window=1.0)
    model = tiny()
    raw = task.read(model, talking(tmp_path), {"faces": boxes(tmp_path)})
    found = task.predict(model, raw)
    assert [row["voice"] for row in found.rows] == ["p0", "p1"]
    for clip in found.clips:
        assert clip.media.rate == RATE
        assert abs(clip.media.seconds - 2.6) < 0.1
        assert np.isfinite(clip.media.samples_CT).all()


def test_memory_is_bounded_by_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    read = predict.read_video

    def spying(path: Path, **options: Any) -> Video:
        seen.append(options["seconds"])
        return read(path, **options)

    monkeypatch.setattr(predict, "read_video", spying)
    model = tiny()
    separate(model, PORTS, 1.0, inputs(talking(tmp_path, seconds=4.2), boxes(tmp_path), 2))
    assert len(seen) >= 7
    assert max(seen) <= 1.0


def test_one_clear_line_without_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"give the boxes of 2 faces: --faces FILE.json with \{.faces.") as error:
        Separation({}).read(tiny(), talking(tmp_path), {})
    assert "\n" not in str(error.value)


def test_more_faces_than_the_model_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 faces, but the model separates 2"):
        inputs(talking(tmp_path), boxes(tmp_path, 3), 2)
    with pytest.raises(DataError, match="shows 3 faces, the model has 2"):
        separate(tiny(), PORTS, 1.0, {"audio": sound(1.0), "faces": faces(1.0, 3)})


def test_fewer_faces_leave_an_output_for_the_rest(tmp_path: Path) -> None:
    found = separate(tiny(), PORTS, 1.0, inputs(talking(tmp_path), boxes(tmp_path, 1), 2))
    assert [row["voice"] for row in found.rows] == ["p0", "voice_2"]


def test_no_audio_track(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"talk.mp4: no audio in it"):
        separate(tiny(), PORTS, 1.0, inputs(talking(tmp_path, mute=True), boxes(tmp_path), 2))


def test_a_model_without_faces_needs_no_boxes(tmp_path: Path) -> None:
    blind = Separation({}, faces=None, window=1.0)
    model = tiny(visual="none")
    found = blind.predict(model, blind.read(model, talking(tmp_path), {}))
    assert [row["voice"] for row in found.rows] == ["voice_1", "voice_2"]


def test_silence_stays_finite() -> None:
    quiet = Audio(np.zeros((1, RATE), np.float32), RATE)
    found = separate(tiny(), PORTS, 1.0, {"audio": quiet, "faces": faces(1.0)})
    assert all(np.isfinite(clip.media.samples_CT).all() for clip in found.clips)
    assert "audio is silent" in found.notes[0]


def test_a_face_that_leaves_the_image_is_told(tmp_path: Path) -> None:
    path = tmp_path / "faces.json"
    tracks = [{"name": "here", "box": [8, 8, 40, 40]}, {"name": "gone", "track": [[0.0, [56, 8, 88, 40]], [1.0, None]]}]
    path.write_text(json.dumps({"faces": tracks}))
    found = separate(tiny(), PORTS, 1.0, inputs(talking(tmp_path), path, 2))
    assert [note for note in found.notes if "is not visible" in note] == [
        "gone is not visible for 1.6 of 2.6 s: the voices of that time may go to any output."
    ]


@pytest.mark.parametrize(("images", "sounding"), [(0.8, 2.6), (2.6, 0.8), (1.7, 2.1)])
def test_images_and_sound_need_not_end_together(tmp_path: Path, images: float, sounding: float) -> None:
    """Faces keep their pace where one of both goes on alone: the last frame is held, and what is missing is silent."""
    frames = np.full((round(images * 25), 48, 96, 3), 200, np.uint8)
    path = write_video(tmp_path / "uneven.mp4", Video(frames, 25.0), sound(sounding, 16_000))
    given = inputs(path, boxes(tmp_path), 2)
    length = predict.video_seconds(path)
    pieces = list(predict.video_pieces(path, given["tracks"], length, 1.0))
    assert len(pieces) == len(starts(length, 1.0))
    for start, audio, shown in pieces:
        assert audio.seconds == pytest.approx(1.0, abs=1e-3)
        audible = np.abs(audio.samples_CT[0]).reshape(10, -1).max(1) > 1e-3
        for face in shown:
            assert len(face.frames_THWC) == 25
            visible = face.frames_THWC.reshape(25, -1).any(1)
            assert abs(visible.sum() / 25 - np.clip(length - start, 0, 1)) < 0.09
        assert abs(audible.sum() / 10 - np.clip(sounding - start, 0, 1)) < 0.16
    assert len(separate(tiny(), PORTS, 1.0, given).clips) == 2


def test_faces_in_memory_that_end_early_are_black() -> None:
    pieces = list(predict.raw_pieces(sound(3.0), faces(1.2), 1.0))
    assert [len(face.frames_THWC) for _, _, shown in pieces for face in shown] == [25] * 10
    assert [int(shown[0].frames_THWC.reshape(25, -1).any(1).sum()) for _, _, shown in pieces] == [25, 18, 5, 0, 0]
    assert len(separate(tiny(), PORTS, 1.0, {"audio": sound(3.0), "faces": faces(1.2)}).clips) == 2
