from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.types import Video
from mmx_std.ops.faces.boxes import SIDE, check_inside, crops, read_boxes


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_boxes_and_tracks(tmp_path: Path) -> None:
    first, second = read_boxes(
        written(
            tmp_path,
            {
                "faces": [
                    {"name": "left", "box": [10, 20, 30, 40]},
                    {"track": [[1.0, [0, 0, 10, 10]], [2.0, [10, 0, 20, 10]], [3.0, None], [4.0, [0, 0, 4, 4]]]},
                ]
            },
        )
    )
    assert (first.name, second.name) == ("left", "face_2")
    assert first.at(0.0).tolist() == first.at(99.0).tolist() == [10, 20, 30, 40]
    assert second.at(0.5) is None
    assert second.at(1.25).tolist() == [2.5, 0, 12.5, 10]
    assert second.at(2.5).tolist() == [10, 0, 20, 10]
    assert second.at(3.5) is None
    assert second.at(5.0).tolist() == [0, 0, 4, 4]


def test_a_track_of_one_box_begins_when_it_says(tmp_path: Path) -> None:
    (late,) = read_boxes(written(tmp_path, {"faces": [{"track": [[2.0, [0, 0, 4, 4]]]}]}))
    assert late.at(1.9) is None
    assert late.at(2.0).tolist() == [0, 0, 4, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ({}, "no faces in it; needed is"),
        ({"faces": []}, "no faces"),
        ({"faces": [{"name": "x"}]}, "face 1 needs either a box or a track"),
        ({"faces": [{"box": [1, 2, 3, 4], "track": []}]}, "either a box or a track"),
        ({"faces": [{"box": [1, 2, 3]}]}, "face 1.*left, top, right, bottom"),
        ({"faces": [{"box": [9, 2, 3, 4]}]}, "has no area"),
        ({"faces": [{"box": [0, 0, float("nan"), 4]}]}, "has no area"),
        ({"faces": [{"track": [[2, [0, 0, 1, 1]], [1, None]]}]}, "times of a track must rise"),
        ({"faces": [{"track": []}]}, "must rise, and there must be one"),
        ({"unit": "percent", "faces": [{"box": [0, 0, 50, 50]}]}, "unit 'percent'; boxes are in"),
    ],
)
def test_what_is_no_boxes(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_boxes(written(tmp_path, content))


def test_a_file_of_boxes_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: no such file; needed is"):
        read_boxes(tmp_path / "none.json")


def video() -> Video:
    frames = np.zeros((10, 60, 80, 3), np.uint8)
    frames[:, 20:40, 10:30] = (250, 10, 10)
    frames[:, 20:40, 50:70] = (10, 10, 250)
    return Video(frames, 25.0)


@pytest.mark.parametrize("share", [False, True])
def test_crops_show_the_face(tmp_path: Path, share: bool) -> None:
    box = [50 / 80, 20 / 60, 70 / 80, 40 / 60] if share else [50, 20, 70, 40]
    track = read_boxes(written(tmp_path, {"unit": "share" if share else "pixels", "faces": [{"box": box}]}))[0]
    found = crops(video(), track, 0.0)
    assert found.frames_THWC.shape == (10, SIDE, SIDE, 3)
    assert found.frames_THWC[:, SIDE // 2, SIDE // 2].tolist() == [[10, 10, 250]] * 10


def test_a_face_that_leaves_the_image_is_black(tmp_path: Path) -> None:
    rows = [[0.0, [10, 20, 30, 40]], [0.2, None]]
    track = read_boxes(written(tmp_path, {"faces": [{"track": rows}]}))[0]
    found = crops(video(), track, 0.0).frames_THWC.reshape(10, -1).max(1)
    assert (found[:5] > 0).all()
    assert not found[5:].any()
    outside = read_boxes(written(tmp_path, {"faces": [{"box": [90, 0, 120, 30]}]}))[0]
    assert not crops(video(), outside, 0.0).frames_THWC.any()


def test_time_counts_from_the_beginning_of_the_video(tmp_path: Path) -> None:
    rows = [[0.0, [10, 20, 30, 40]], [5.0, None]]
    track = read_boxes(written(tmp_path, {"faces": [{"track": rows}]}))[0]
    assert not crops(video(), track, 5.0).frames_THWC.any()


@pytest.mark.parametrize(
    ("unit", "box"),
    [
        ("pixels", [0.1, 0.1, 0.5, 0.5]),
        ("pixels", [0, 0, 900, 900]),
        ("pixels", [300, 10, 400, 90]),
        ("share", [10, 20, 30, 40]),
        ("share", [0, 0, 0.001, 0.5]),
    ],
)
def test_boxes_that_do_not_fit_the_frames_are_refused(tmp_path: Path, unit: str, box: list[float]) -> None:
    path = written(tmp_path, {"unit": unit, "faces": [{"name": "Anna", "box": box}]})
    with pytest.raises(DataError, match=r"Anna: box .* does not fit frames of 256 x 128 pixels"):
        check_inside(path, read_boxes(path), 128, 256)


def test_boxes_may_stand_out_a_little(tmp_path: Path) -> None:
    rows = [[0.0, [-10, 20, 80, 140]], [1.0, None]]
    path = written(tmp_path, {"faces": [{"track": rows}]})
    check_inside(path, read_boxes(path), 128, 256)
