"""`looking_to_listen/folder`: a user's folder of talking heads as people who can be mixed."""

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
from mmx_looking_to_listen.predict.boxes import Track, as_shares, crops, read_boxes
from mmx_looking_to_listen.predict.tracks import followed, size_of, small

FPS: Final = 25.0
_ENDS: Final = 1 << 14
"""Bytes at both ends of a film that the digest reads."""
_PROBE: Final = 0.5
_PAIR: Final = 2
"""Speakers that every split has at least: a mixture needs two."""

Faces = Literal["found", "whole"]

CARD: Final = Card(
    title="A folder of talking heads",
    summary="Films of one person each, from a user's folder.",
    licence="The user's own films: whatever their terms are",
    caveats=(
        "One face per film is followed, by its place: no cuts, and nobody else who talks.",
        "Who speaks is told by the folder's or the file's name alone.",
    ),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A clip: part of a film, who is in it, and in which split."""

    path: Path
    name: str
    speaker: str
    start: float
    seconds: float


class Folder:
    """Films of talking heads, cut into clips of equal length: a folder per speaker, or else a film per speaker.

    Fields: `face` (the face at 25 pictures per second), `audio` (the voice). Targets: `speaker` (name of the folder, or
    of the film), `seconds`. Where the face is: in a file of boxes beside the film (`NAME.json`, see
    `mmx_looking_to_listen.predict.boxes`), else found by the detector, else the whole picture (`faces=whole`). Splits are by
    speaker. Films that cannot be used are left out and listed in `broken`.

    Attributes:
        used: Films that can be used.
        expected: Films that there are.
        broken: What was left out.

    Args:
        path: The folder.
        seconds: Length of a clip; what remains at the end of a film is left out.
        faces: Find the face in the picture, or take the whole picture for the face.
        val: Share of speakers in val.
        test: Share of speakers in test.
        max_unreadable: Stop if a larger share of films cannot be used.

    Raises:
        DataError: No such folder, no films, too many that cannot be used, or fewer than six speakers.
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
            raise DataError(f"{path}: no such folder of films; corpus.talkers.path names it")
        films = sorted(file for file in root.rglob("*") if file.suffix.lower() in MEDIA_SUFFIXES["video"])
        if not films:
            raise DataError(f"{path}: no films in it (looked for {', '.join(sorted(MEDIA_SUFFIXES['video']))})")
        self._faces, self.expected = faces, len(films)
        self.broken: list[str] = []
        stretches: list[Stretch] = []
        for film in films:
            try:
                stretches += _stretches(root, film, float(seconds))
            except DataError as error:
                self.broken.append(str(error))
        self.used = self.expected - len(self.broken)
        if not stretches or len(self.broken) > max_unreadable * self.expected:
            raise DataError(
                f"{path}: {len(self.broken)} of {self.expected} films cannot be used: {'; '.join(self.broken[:3])}"
            )
        place_of = _splits(path, {each.speaker for each in stretches}, val, test)
        self._splits: dict[str, list[Stretch]] = {"train": [], "val": [], "test": []}
        for each in stretches:
            self._splits[place_of[each.speaker]].append(each)
        files = {path: (_ends(path), _boxes_of(path)) for path in {each.path for each in stretches}}
        ends = [(each.name, each.start, files[each.path]) for each in stretches]
        self.digest = blake2b(repr((faces, seconds, val, test, ends)).encode(), digest_size=16).hexdigest()

    def split(self, name: str) -> Sequence[Sample]:
        """Return the clips of "train", "val" or "test", read when they are looked at.

        Raises:
            DataError: No such split.
        """
        if name not in self._splits:
            raise unknown_split("looking_to_listen/folder", name, list(self._splits))
        stretches = self._splits[name]
        return LazySplit(len(stretches), partial(_sample, stretches, self._faces))


def _splits(path: str, speakers: Collection[str], val: float, test: float) -> Mapping[str, str]:
    """Return the split of every speaker, by the hash of the name; at least two in each."""
    order = sorted(speakers, key=lambda name: blake2b(name.encode(), digest_size=8).digest())
    in_test, in_val = (max(_PAIR, round(share * len(order))) for share in (test, val))
    if len(order) - in_test - in_val < _PAIR:
        raise DataError(
            f"{path}: {len(order)} speakers, {in_val} for val and {in_test} for test; needed are at least {3 * _PAIR}, "
            "two for each split: a folder per speaker, or a film per speaker"
        )
    names = ["test"] * in_test + ["val"] * in_val
    return {name: names[number] if number < len(names) else "train" for number, name in enumerate(order)}


def _stretches(root: Path, film: Path, seconds: float) -> list[Stretch]:
    """Return the clips of one film.

    Raises:
        DataError: It cannot be read, has no sound, or is shorter than a clip.
    """
    read_audio(film, seconds=_PROBE)
    count = int((video_seconds(film) + 1e-3) / seconds)
    if not count:
        raise DataError(f"{film}: shorter than a clip of {seconds:g} s")
    name = film.relative_to(root).with_suffix("").as_posix()
    speaker = film.parent.relative_to(root).as_posix() if film.parent != root else film.stem
    return [Stretch(film, name, speaker, number * seconds, seconds) for number in range(count)]


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
    """Return where the face of a film is; None for the whole picture.

    Raises:
        DataError: There is no detector, or it finds no face.
    """
    boxes = path.with_suffix(".json")
    if boxes.is_file():
        tracks = read_boxes(boxes)
        if len(tracks) != 1:
            raise DataError(f"{boxes}: {len(tracks)} faces, a film of this corpus has one")
        return as_shares(tracks[0], *size_of(path))
    return followed(path, 1)[0][0] if faces == "found" else None


def _boxes_of(path: Path) -> bytes | None:
    """Return what stands in the file of boxes beside a film, None where there is none."""
    boxes = path.with_suffix(".json")
    return boxes.read_bytes() if boxes.is_file() else None


def _ends(path: Path) -> tuple[int, bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_ENDS)
        file.seek(max(0, size - _ENDS))
        return size, blake2b(first + file.read(_ENDS), digest_size=16).digest()
