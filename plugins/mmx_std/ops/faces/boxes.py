"""Face boxes over time, read from a JSON file.

    {"unit": "pixels",                                  or "share": 0..1 of width and height
     "faces": [{"name": "left", "box": [40, 30, 200, 220]},
               {"name": "right", "track": [[0.0, [300, 40, 450, 210]], [2.5, null], [4.0, [310, 40, 460, 210]]]}]}

Boxes are left, top, right, bottom, as face detectors give them: from the brow to the chin. A track has (seconds, box)
in order of time: boxes move evenly in between, `null` means that the face is absent until the next entry.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mmx import DataError, Video

__all__ = ["FORM", "Track", "as_shares", "check_inside", "crops", "read_boxes"]

FORM: Final = '{"faces": [{"name": "left", "box": [left, top, right, bottom]}, ...]}'
SIDE: Final = 96
"""Pixels of the crops that are cut out."""
_LEAST: Final = 2.0
"""Pixels of the narrowest box that a face can have."""
MARGIN: Final = 1.4
"""Crops are this much larger than the box: a detector's box then gives the framing of `worlds/talkers`, whole heads."""


@dataclass(frozen=True, slots=True)
class Track:
    """One face: its name, and its box over time (four numbers, or None where it is absent)."""

    name: str
    times: Sequence[float]
    boxes: Sequence[tuple[float, float, float, float] | None]
    share: bool

    def at(self, seconds: float) -> np.ndarray | None:
        """Return the box (4,) at a time, None where the face is absent."""
        place = int(np.searchsorted(self.times, seconds, side="right")) - 1
        here = self.boxes[place] if place >= 0 else None
        if here is None:
            return None
        following = self.boxes[place + 1] if place + 1 < len(self.boxes) else None
        if following is None:
            return np.asarray(here)
        part = (seconds - self.times[place]) / (self.times[place + 1] - self.times[place])
        return (1 - part) * np.asarray(here) + part * np.asarray(following)


def read_boxes(path: Path) -> Sequence[Track]:
    """Read the tracks of a JSON file.

    Raises:
        DataError: It is not of the form above; the message names the place.
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; needed is {FORM}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from error
    faces = content.get("faces") if isinstance(content, Mapping) else None
    if not isinstance(faces, list) or not faces:
        raise DataError(f"{path}: no faces in it; needed is {FORM}")
    unit = content.get("unit", "pixels")
    if unit not in ("pixels", "share"):
        raise DataError(f'{path}: unit {unit!r}; boxes are in "pixels" or in "share", 0 to 1 of width and height')
    return [_track(path, number, face, unit == "share") for number, face in enumerate(faces, 1)]


def check_inside(path: Path, tracks: Sequence[Track], height: int, width: int) -> None:
    """Refuse boxes that cannot be meant for frames of this size, as of another unit or of a video of another size.

    Detectors give boxes that stand out a little; a face that has left the frame has no box (null).

    Raises:
        DataError: A box lies outside, stands out by more than the frame's half, or is less than two pixels wide.
    """
    for track in tracks:
        scale = np.array([width, height, width, height]) if track.share else np.ones(4)
        for box in track.boxes:
            if box is None:
                continue
            left, top, right, bottom = box * scale
            outside = right <= 0 or bottom <= 0 or left >= width or top >= height
            beyond = max(-left, right - width) > width / 2 or max(-top, bottom - height) > height / 2
            if outside or beyond or min(right - left, bottom - top) < _LEAST:
                unit = "share" if track.share else "pixels"
                raise DataError(
                    f"{path}: {track.name}: box {list(box)} in {unit} does not fit frames of {width} x {height} "
                    'pixels; a unit is "pixels" or "share", an absent face is null'
                )


def as_shares(track: Track, height: int, width: int) -> Track:
    """Return a track in shares of the frame, so that it fits videos of any size."""
    if track.share:
        return track
    boxes = [
        None if box is None else (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        for box in track.boxes
    ]
    return replace(track, boxes=boxes, share=True)


def crops(video: Video, track: Track, start: float) -> Video:
    """Cut one face out of a video that begins at `start` seconds; black where the face is absent."""
    frames = [
        _crop(frame, track.at(start + (number + 0.5) / video.fps), share=track.share)
        for number, frame in enumerate(video.frames_THWC)
    ]
    return Video(np.stack(frames), video.fps)


def _crop(frame_HWC: np.ndarray, box: np.ndarray | None, *, share: bool) -> np.ndarray:
    from PIL import Image

    blank = np.zeros((SIDE, SIDE, 3), np.uint8)
    if box is None:
        return blank
    height, width = frame_HWC.shape[:2]
    left, top, right, bottom = box * np.array([width, height, width, height]) if share else box
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return blank
    half = MARGIN * max(right - left, bottom - top) / 2
    middle, centre = (left + right) / 2, (top + bottom) / 2
    region = (middle - half, centre - half, middle + half, centre + half)
    image = Image.fromarray(frame_HWC).transform(
        (SIDE, SIDE), Image.Transform.EXTENT, region, Image.Resampling.BILINEAR
    )
    return np.asarray(image)


def _track(path: Path, number: int, face: Any, share: bool) -> Track:
    if not isinstance(face, Mapping) or ("box" in face) == ("track" in face):
        raise DataError(f"{path}: face {number} needs either a box or a track; needed is {FORM}")
    rows = [[0.0, face["box"]]] if "box" in face else face["track"]
    try:
        times = [float(row[0]) for row in rows]
        boxes = [None if row[1] is None else _numbers(row[1]) for row in rows]
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise DataError(f"{path}: face {number}: {error}; a box is [left, top, right, bottom]") from error
    if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
        raise DataError(f"{path}: face {number}: the times of a track must rise, and there must be one")
    return Track(str(face.get("name", f"face_{number}")), times, boxes, share)


def _numbers(box: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in box)
    if not np.isfinite([left, top, right, bottom]).all() or right <= left or bottom <= top:
        raise ValueError(f"box {list(box)} has no area")
    return left, top, right, bottom
