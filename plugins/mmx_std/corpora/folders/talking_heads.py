"""Corpus `std/talking-heads`: a user's folder of talking heads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from mmx import (
    MEDIA_SUFFIXES,
    Audio,
    Card,
    DataError,
    LazyFields,
    LazySplit,
    Sample,
    Video,
    read_audio,
    read_video,
    unknown_split,
    video_seconds,
)
from mmx_std.ops.faces.boxes import Track, as_shares, check_inside, crops, read_boxes
from mmx_std.ops.faces.tracks import followed, size_of, small

FPS: Final = 25.0
_ENDS: Final = 1 << 14
"""Bytes at both ends of a video that the digest reads."""
_PROBE: Final = 0.5
_PAIR: Final = 2
"""Speakers that every split has at least: a mixture needs two."""

Faces = Literal["found", "whole"]

CARD: Final = Card(
    title="A folder of talking heads",
    summary="Videos of one person each, from a user's folder.",
    licence="The user's own videos: whatever their terms are",
    caveats=(
        "One face per video is followed, by its place: no cuts, and no other speaker.",
        "The speaker is known by the folder's or the file's name alone.",
    ),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A clip: part of a video, and its speaker."""

    path: Path
    name: str
    speaker: str
    start: float
    seconds: float


class TalkingHeads:
    """Videos of talking heads, cut into clips of equal length: a folder per speaker, or else a video per speaker.

    Fields: `face` (the face at 25 frames per second), `audio` (the voice). Targets: `speaker` (name of the folder, or
    of the video), `seconds`. Where the face is: in a file of boxes beside the video (`NAME.json`, see
    `mmx_std.face_boxes`), else found by the detector, else the whole frame (`faces=whole`). Splits are
    by speaker. Videos that cannot be used are left out and listed in `broken`.

    Args:
        path: The folder.
        seconds: Length of a clip; what remains at the end of a video is left out.
        faces: "found" detects the face in the frame, "whole" takes the whole frame as the face; a file of boxes beside
            a video is used in both.
        val: Share of speakers in val.
        test: Share of speakers in test.
        max_unreadable: Stop if a larger share of videos cannot be used.

    Attributes:
        used: Videos that can be used.
        expected: Videos that there are.
        broken: What was left out.

    Raises:
        DataError: No such folder, no videos, too many that cannot be used, or fewer than six speakers.
    """

    fields: Mapping[str, str] = {"face": "video", "audio": "audio"}
    targets: Mapping[str, Sequence[str] | None] = {"speaker": None, "seconds": None}
    card = CARD

    def __init__(
        self,
        path: str,
        seconds: Annotated[float, Field(ge=0.4, le=60)] = 4.0,
        faces: Faces = "found",
        val: Annotated[float, Field(gt=0, lt=1)] = 0.15,
        test: Annotated[float, Field(gt=0, lt=1)] = 0.15,
        max_unreadable: Annotated[float, Field(ge=0, le=1)] = 0.1,
    ) -> None:
        root = Path(path).expanduser()
        if not root.is_dir():
            raise DataError(f"{path}: no such folder of videos; corpus.talkers.path names it")
        videos = sorted(file for file in root.rglob("*") if file.suffix.lower() in MEDIA_SUFFIXES["video"])
        if not videos:
            raise DataError(f"{path}: no videos in it (looked for {', '.join(sorted(MEDIA_SUFFIXES['video']))})")
        self._faces, self.expected = faces, len(videos)
        self.broken: list[str] = []
        stretches: list[Stretch] = []
        for video in videos:
            try:
                stretches += _stretches(root, video, float(seconds))
            except DataError as error:
                self.broken.append(str(error))
        self.used = self.expected - len(self.broken)
        if not stretches or len(self.broken) > max_unreadable * self.expected:
            raise DataError(
                f"{path}: {len(self.broken)} of {self.expected} videos cannot be used: {'; '.join(self.broken[:3])}"
            )
        place_of = _splits(path, {each.speaker for each in stretches}, val, test)
        self._splits: dict[str, list[Stretch]] = {"train": [], "val": [], "test": []}
        for each in stretches:
            self._splits[place_of[each.speaker]].append(each)
        files = {path: (_ends(path), _boxes_of(path)) for path in {each.path for each in stretches}}
        ends = [(each.name, each.start, files[each.path]) for each in stretches]
        self.digest = blake2b(repr((faces, seconds, val, test, ends)).encode(), digest_size=16).hexdigest()

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", read when they are accessed.

        Raises:
            DataError: No such split.
        """
        if name not in self._splits:
            raise unknown_split("std/talking-heads", name, list(self._splits))
        stretches = self._splits[name]
        return LazySplit(len(stretches), partial(_sample, stretches, self._faces))


def _splits(path: str, speakers: Collection[str], val: float, test: float) -> Mapping[str, str]:
    """Return the split of every speaker, by the hash of the name; at least two in each."""
    order = sorted(speakers, key=lambda name: blake2b(name.encode(), digest_size=8).digest())
    in_test, in_val = (max(_PAIR, round(share * len(order))) for share in (test, val))
    if len(order) - in_test - in_val < _PAIR:
        raise DataError(
            f"{path}: {len(order)} speakers, {in_val} for val and {in_test} for test; needed are at least {3 * _PAIR}, "
            "two for each split: a folder per speaker, or a video per speaker"
        )
    names = ["test"] * in_test + ["val"] * in_val
    return {name: names[number] if number < len(names) else "train" for number, name in enumerate(order)}


def _stretches(root: Path, video: Path, seconds: float) -> list[Stretch]:
    """Return the clips of one video.

    Raises:
        DataError: It cannot be read, has no audio, or is shorter than a clip.
    """
    read_audio(video, seconds=_PROBE)
    count = int((video_seconds(video) + 1e-3) / seconds)
    if not count:
        raise DataError(f"{video}: shorter than a clip of {seconds:g} s")
    name = video.relative_to(root).with_suffix("").as_posix()
    speaker = video.parent.relative_to(root).as_posix() if video.parent != root else video.stem
    return [Stretch(video, name, speaker, number * seconds, seconds) for number in range(count)]


def _sample(stretches: Sequence[Stretch], faces: Faces, place: int) -> Sample:
    stretch = stretches[place]
    fields = LazyFields({"face": partial(_face, stretch, faces), "audio": partial(_voice, stretch)})
    truth = {"speaker": stretch.speaker, "seconds": stretch.seconds}
    return Sample(f"{stretch.name}-{stretch.start:g}", fields, truth)


def _face(stretch: Stretch, faces: Faces) -> Video:
    video = read_video(stretch.path, fps=FPS, size=small(stretch.path), start=stretch.start, seconds=stretch.seconds)
    track = _track(stretch.path, faces)
    return video if track is None else crops(video, track, stretch.start)


def _voice(stretch: Stretch) -> Audio:
    return read_audio(stretch.path, start=stretch.start, seconds=stretch.seconds)


@lru_cache(maxsize=4096)
def _track(path: Path, faces: Faces) -> Track | None:
    """Return where the face of a video is; None for the whole frame.

    Raises:
        DataError: There is no detector, or it finds no face.
    """
    boxes = path.with_suffix(".json")
    if boxes.is_file():
        tracks = read_boxes(boxes)
        if len(tracks) != 1:
            raise DataError(f"{boxes}: {len(tracks)} faces, a video of this corpus has one")
        height, width = size_of(path)
        check_inside(boxes, tracks, height, width)
        return as_shares(tracks[0], height, width)
    return followed(path, 1)[0][0] if faces == "found" else None


def _boxes_of(path: Path) -> bytes | None:
    """Return the content of the file of boxes beside a video, None where there is none."""
    boxes = path.with_suffix(".json")
    return boxes.read_bytes() if boxes.is_file() else None


def _ends(path: Path) -> tuple[int, bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_ENDS)
        file.seek(max(0, size - _ENDS))
        return size, blake2b(first + file.read(_ENDS), digest_size=16).digest()
