"""Who is where in a video, without being told: faces found in single pictures, linked over time.

A face is followed by its place alone. After a cut somebody else may sit where somebody sat before: such videos need
boxes from a file.

Shape legend: X faces; boxes are left, top, right, bottom as shares of width and height.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from mmx import AssetError, DataError, read_video, video_seconds
from mmx_looking_to_listen.predict.boxes import FORM, Track
from mmx_looking_to_listen.weights import DETECTOR, FETCH

LOOK: Final = 0.4
"""Seconds between the pictures that are looked at."""
CHUNK: Final = 10.0
"""Seconds of video that are read at once."""
HEIGHT: Final = 360
"""Pictures are scaled down to this many pixels on their shorter side."""
SAME: Final = 0.3
"""A face is the one whose last box shares at least this much with it (intersection over union)."""
RARE: Final = 0.1
"""Share of the looks of the longest-seen face below which a face is taken for a mistake of the detector."""
GONE: Final = 1.0
"""Seconds after which a face that is not found has left; shorter gaps are bridged."""

Detect = Callable[[np.ndarray], np.ndarray]


@dataclass
class Seen:
    """A face that is being followed: when and where it was found."""

    times: list[float] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """Where it usually is, from left to right."""
        return float(np.median([(box[0] + box[2]) / 2 for box in self.boxes]))


def detector() -> Detect:
    """Return the face detector.

    Raises:
        AssetError: Its weights are not here.
    """
    from mmx import locate_asset
    from mmx_looking_to_listen.predict.mtcnn import Detector
    from mmx_std import weight_files

    paths = [locate_asset(asset) for asset in DETECTOR]
    found = Detector()
    for asset, path in zip(DETECTOR, paths, strict=True):
        found.load(asset.name.rpartition("/")[2], weight_files.read_tensors(path), str(path))
    return found


def followed(path: Path, faces: int) -> tuple[Sequence[Track], Sequence[str]]:
    """Find and follow the faces of a video.

    Args:
        path: The video.
        faces: How many are wanted: those that are seen longest.

    Returns:
        Tracks from left to right, and notes about what was found.

    Raises:
        DataError: There is no detector, or no face is found; the message says what to give instead.
    """
    ask = f"give the boxes of {faces} faces: --faces FILE.json with {FORM}"
    try:
        detect = detector()
    except AssetError as error:
        raise DataError(f"{path}: whose voices? {ask}; or get the face detector: {FETCH}") from error
    seen = linked(pictures(path), detect)
    if not seen:
        raise DataError(f"{path}: no face was found in it; {ask}")
    longest = max(len(each.times) for each in seen)
    seen = [each for each in seen if len(each.times) >= RARE * longest]
    chosen = sorted(sorted(seen, key=lambda each: -len(each.times))[:faces], key=lambda each: each.middle)
    notes = [f"Faces were found by a detector, every {LOOK:g} seconds, and numbered from left to right."]
    if len(seen) > faces:
        notes.append(f"{len(seen)} faces were found, the model separates {faces}: those that are seen longest.")
    if len(seen) < faces:
        notes.append(f"{len(seen)} of {faces} faces were found: what the others say has nobody to go to.")
    return [track_of(each, f"face_{number}") for number, each in enumerate(chosen, 1)], notes


def pictures(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, picture) every `LOOK` seconds of a video, of which little is in memory at a time."""
    length, size = video_seconds(path), small(path)
    for start in np.arange(0.0, length, CHUNK):
        try:
            video = read_video(path, fps=1 / LOOK, size=size, start=start, seconds=min(CHUNK, length - start))
        except DataError:
            if start == 0.0:
                raise
            return  # the sound goes on after the last picture
        for number, picture_HWC in enumerate(video.frames_THWC):
            yield start + (number + 0.5) * LOOK, picture_HWC


def size_of(path: Path) -> tuple[int, int]:
    """Return the height and width of a video's pictures."""
    height, width = read_video(path, fps=1 / LOOK, seconds=LOOK).frames_THWC.shape[1:3]
    return height, width


def small(path: Path) -> tuple[int, int]:
    """Return the height and width to which pictures of a video are scaled before faces are cut out."""
    height, width = size_of(path)
    scale = min(1.0, HEIGHT / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def linked(looks: Iterator[tuple[float, np.ndarray]], detect: Detect) -> Sequence[Seen]:
    """Follow faces: each one found is the known face whose last box it overlaps most, else a new one."""
    known: list[Seen] = []
    for seconds, picture_HWC in looks:
        height, width = picture_HWC.shape[:2]
        found_X4 = detect(picture_HWC)[:, :4] / np.array([width, height, width, height])
        pairs = [
            (overlap(each.boxes[-1], box), number, place)
            for number, each in enumerate(known)
            for place, box in enumerate(found_X4)
        ]
        free, missing = set(range(len(known))), set(range(len(found_X4)))
        for common, number, place in sorted(pairs, reverse=True):
            if common >= SAME and number in free and place in missing:
                free.remove(number)
                missing.remove(place)
                known[number].times.append(seconds)
                known[number].boxes.append(found_X4[place])
        known += [Seen([seconds], [found_X4[place]]) for place in sorted(missing)]
    return known


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection of two boxes over their union."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    common = float(np.prod(np.clip(high - low, 0.0, None)))
    whole = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])) - common
    return common / max(whole, 1e-12)


def track_of(seen: Seen, name: str) -> Track:
    """Return the track of a face: it is there from half a look before it is found, and leaves after `GONE` seconds."""
    times: list[float] = []
    boxes: list[tuple[float, float, float, float] | None] = []
    for number, (seconds, box) in enumerate(zip(seen.times, seen.boxes, strict=True)):
        left, top, right, bottom = (float(value) for value in box)
        if number and seconds - seen.times[number - 1] > GONE:
            times.append(seen.times[number - 1] + LOOK / 2)
            boxes.append(None)
        if not number or boxes[-1] is None:
            times.append(max(0.0, seconds - LOOK / 2))
            boxes.append((left, top, right, bottom))
        times.append(seconds)
        boxes.append((left, top, right, bottom))
    return Track(name, [*times, seen.times[-1] + GONE], [*boxes, None], share=True)
