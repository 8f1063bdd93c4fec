"""Face tracks of a video: faces detected in single frames, linked over time.

A face is followed by its place alone. After a cut another person may be at the same place: such videos need boxes
from a file.

Shape legend: X faces; boxes are left, top, right, bottom as shares of width and height.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from mmx import AssetError, DataError, read_video, video_seconds
from mmx_std.ops.faces.boxes import FORM, Track
from mmx_std.weights.mtcnn import DETECTOR, FETCH

__all__ = ["followed", "size_of", "small"]

STEP: Final = 0.4
"""Seconds between the frames that are searched."""
CHUNK: Final = 10.0
"""Seconds of video that are read at once."""
HEIGHT: Final = 360
"""Images are scaled down to this many pixels on their shorter side."""
SAME: Final = 0.3
"""A face is the one whose last box shares at least this much with it (intersection over union)."""
RARE: Final = 0.1
"""Share of the detections of the longest track below which a face is taken for a false detection."""
GONE: Final = 1.0
"""Seconds after which a face that is not found has left; shorter gaps are bridged."""

Detect = Callable[[np.ndarray], np.ndarray]


@dataclass
class Detections:
    """A face being tracked: times and boxes of its detections."""

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
    from mmx_std.ops.faces.mtcnn import Detector
    from mmx_std.weights.weight_files import read_tensors

    paths = [locate_asset(asset) for asset in DETECTOR]
    found = Detector()
    for asset, path in zip(DETECTOR, paths, strict=True):
        found.load(asset.name.rpartition("/")[2], read_tensors(path), str(path))
    return found


def followed(path: Path, faces: int) -> tuple[Sequence[Track], Sequence[str]]:
    """Find and follow the faces of a video.

    Args:
        path: The video.
        faces: How many are wanted: those with the longest tracks.

    Returns:
        Tracks from left to right, and notes about what was found.

    Raises:
        DataError: There is no detector, or no face is found; the message names what to give instead.
    """
    ask = f"give the boxes of {faces} faces: --faces FILE.json with {FORM}"
    try:
        detect = detector()
    except AssetError as error:
        raise DataError(f"{path}: the faces are not known: {ask}; or get the face detector: {FETCH}") from error
    detected = linked(frames(path), detect)
    if not detected:
        raise DataError(f"{path}: no face was found in it; {ask}")
    longest = max(len(each.times) for each in detected)
    detected = [each for each in detected if len(each.times) >= RARE * longest]
    chosen = sorted(sorted(detected, key=lambda each: -len(each.times))[:faces], key=lambda each: each.middle)
    notes = [f"Faces were found by a detector, every {STEP:g} seconds, and numbered from left to right."]
    if len(detected) > faces:
        notes.append(f"{len(detected)} faces were found, the model separates {faces}: those visible longest.")
    if len(detected) < faces:
        notes.append(
            f"{len(detected)} of {faces} faces were found: the voices of the others have no output of their own."
        )
    return [track_of(each, f"face_{number}") for number, each in enumerate(chosen, 1)], notes


def frames(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, frame) every `STEP` seconds of a video, of which little is in memory at a time."""
    length, size = video_seconds(path), small(path)
    for start in np.arange(0.0, length, CHUNK):
        try:
            video = read_video(path, fps=1 / STEP, size=size, start=start, seconds=min(CHUNK, length - start))
        except DataError:
            if start == 0.0:
                raise
            return  # the audio goes on after the last frame
        for number, image_HWC in enumerate(video.frames_THWC):
            yield start + (number + 0.5) * STEP, image_HWC


def size_of(path: Path) -> tuple[int, int]:
    """Return the height and width of a video's frames."""
    height, width = read_video(path, fps=1 / STEP, seconds=STEP).frames_THWC.shape[1:3]
    return height, width


def small(path: Path) -> tuple[int, int]:
    """Return the height and width to which frames of a video are scaled before faces are cut out."""
    height, width = size_of(path)
    scale = min(1.0, HEIGHT / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def linked(timed_frames: Iterator[tuple[float, np.ndarray]], detect: Detect) -> Sequence[Detections]:
    """Follow faces: each one found is the known face whose last box it overlaps most, else a new one."""
    known: list[Detections] = []
    for seconds, image_HWC in timed_frames:
        height, width = image_HWC.shape[:2]
        found_X4 = detect(image_HWC)[:, :4] / np.array([width, height, width, height])
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
        known += [Detections([seconds], [found_X4[place]]) for place in sorted(missing)]
    return known


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection of two boxes over their union."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    common = float(np.prod(np.clip(high - low, 0.0, None)))
    whole = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])) - common
    return common / max(whole, 1e-12)


def track_of(detected: Detections, name: str) -> Track:
    """Return the track of a face: from half a step before the first detection to `GONE` seconds after the last."""
    times: list[float] = []
    boxes: list[tuple[float, float, float, float] | None] = []
    for number, (seconds, box) in enumerate(zip(detected.times, detected.boxes, strict=True)):
        left, top, right, bottom = (float(value) for value in box)
        if number and seconds - detected.times[number - 1] > GONE:
            times.append(detected.times[number - 1] + STEP / 2)
            boxes.append(None)
        if not number or boxes[-1] is None:
            times.append(max(0.0, seconds - STEP / 2))
            boxes.append((left, top, right, bottom))
        times.append(seconds)
        boxes.append((left, top, right, bottom))
    return Track(name, [*times, detected.times[-1] + GONE], [*boxes, None], share=True)
