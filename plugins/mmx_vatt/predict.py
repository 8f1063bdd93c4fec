"""Prediction: comparison of a user's video or audio with texts, and ranking of a folder's videos for a text.

A long video is encoded in several windows, as in evaluation; each is decoded separately, at the model's rate and size.

Shapes: N videos, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import (
    MEDIA_SUFFIXES,
    Audio,
    DataError,
    Model,
    Prediction,
    UserError,
    Video,
    did_you_mean,
    file_kind,
    has_audio,
    read_audio,
    read_image,
    read_video,
    read_video_audio,
    video_seconds,
)
from mmx_std import file_library, judging, ports, windows
from mmx_vatt.evaluation.matching import PAIRS


@dataclass(frozen=True)
class Reader:
    """Reading of long videos and recordings in windows.

    Attributes:
        seconds: Length of a window.
        windows: Windows per video or recording, evenly spread; their vectors are averaged.
    """

    seconds: float
    windows: int

    def read(self, model: Model, path: Path, extras: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `compare` takes for a file, or `query` and `folder` for a folder; see `Judge.read`."""
        own = model.fields.get("text", "texts")
        known = ("texts", "query", own)
        unknown = [name for name in extras if name not in known]
        if unknown:
            raise DataError(f"nothing to do with {unknown[0]!r}{did_you_mean(unknown[0], known)}")
        if path.is_dir():
            query = extras.get("query", extras.get(own))
            if query is None:
                raise DataError(f'{path} is a folder; give a query for it: --query "TEXT" --in {path}')
            return {"query": str(query), "folder": path}
        raw = {model.fields[name]: value for name, value in self._media(model, path).items() if name in model.fields}
        if not raw:
            raise DataError(f"{path}: give a video, a recording or an image, and texts to rank")
        texts = extras.get("texts", extras.get(own))
        return raw if texts is None else {**raw, own: [text.strip() for text in str(texts).split(";")]}

    def _media(self, model: Model, path: Path) -> dict[str, Any]:
        kind = file_kind(path)
        if kind == "image":
            return {"video": read_image(path)}
        found: dict[str, Any] = {}
        if kind == "video" and "video" in model.encoders:
            found["video"] = self.video(model, path)
        if kind == "audio" or (kind == "video" and has_audio(path)):
            read = read_audio if kind == "audio" else read_video_audio
            found["audio"] = self._read(path, lambda start, seconds: read(path, start=start, seconds=seconds))
        return found

    def video(self, model: Model, path: Path) -> tuple[Video, ...]:
        """Return the windows of a video, at the rate and size of the encoder."""
        encoder: Any = model.encoders["video"]
        size = {"fps": encoder.fps, "shortest": encoder.grid.side}
        return self._read(path, lambda start, seconds: read_video(path, start=start, seconds=seconds, **size))

    def _read(self, path: Path, window: Callable[[float, float], Any]) -> tuple[Any, ...]:
        try:
            length = video_seconds(path)
        except DataError:  # containers without a length: their beginning
            length = self.seconds
        return tuple(window(start, self.seconds) for start in windows.starts(length, self.seconds, self.windows))

    def parts(self, value: Any) -> Sequence[Any]:
        """Return the windows of one video or recording; other values as they are."""
        if isinstance(value, Video | Audio):
            count = self.windows if value.seconds > self.seconds * 1.001 else 1
            return windows.cut(value, self.seconds, count)
        cut_before = isinstance(value, tuple) and all(isinstance(each, Video | Audio) for each in value)
        return list(value) if cut_before and value else [value]


COMPARED: Final = ("video", "audio", "text")
NOTE: Final = "Cosines of one pair of modalities compare with each other, not with others."


def compare(model: Model, raw: Mapping[str, Any], reader: Reader) -> Prediction:
    """Compare the given video, audio and text with one another; one of them may be a list to rank.

    Raises:
        UserError: Fewer than two of them, or two lists.
    """
    given = {name: raw[field] for name, field in model.fields.items() if name in COMPARED and field in raw}
    lists = [name for name, value in given.items() if isinstance(value, list)]
    if len(given) < 2 or len(lists) > 1:
        fields = ", ".join(model.fields[name] for name in COMPARED if name in model.fields)
        raise UserError(
            f"this model compares {fields}: give two of them, one perhaps as a list to choose from, "
            'e.g. mmx predict RUN video.mp4 --texts "a text" "another"'
        )
    values = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    rows: list[dict[str, Any]] = []
    for first, second, space in PAIRS:
        if first in given and second in given:
            one, other = (_units(model, f"{name}_{space}", values[name], reader) for name in (first, second))
            for i, j in np.ndindex(len(one), len(other)):
                listed = values[second][j] if len(other) > 1 else values[first][i]
                named = listed if isinstance(listed, str) else f"item {max(i, j) + 1}"
                rows.append({"compared": f"{first}, {second}", "item": named, "cosine": float(one[i] @ other[j])})
    rows.sort(key=lambda row: -row["cosine"])
    return Prediction(rows, notes=(NOTE,))


def search(model: Model, query: str, folder: Path, reader: Reader) -> Prediction:
    """Rank the videos below a folder for a text. Their vectors are cached by content.

    Raises:
        UserError: The model has no space of video and text.
        DataError: No such folder, or no video in it that can be read.
    """
    if not {"video", "text"} <= set(model.encoders):
        raise UserError("this model has no space of video and text to search in")

    def make(path: Path) -> Mapping[str, NDArray[np.float64]]:
        return {"vector": _units(model, "video_vt", [reader.video(model, path)], reader)[0]}

    place = file_library.place_of("vatt", model, reader)
    found = file_library.open_library(folder, place, make, suffixes=MEDIA_SUFFIXES["video"], content="videos")
    videos_ND = np.stack([entry["vector"] for entry in found.entries])
    scores_N = videos_ND @ _units(model, "text_vt", [query], reader)[0]
    rows = [
        {"rank": place + 1, "file": str(found.files[i].relative_to(folder)), "cosine": float(scores_N[i])}
        for place, i in enumerate(np.argsort(-scores_N, kind="stable"))
    ]
    notes = [f"{len(found.files)} videos ranked, {found.cached} of them from the index."]
    notes += [f"skipped: {line}" for line in found.skipped]
    return Prediction(rows, notes=notes, searched=found.searched, unread=found.unread)


def _units(model: Model, vector: str, values: Sequence[Any], reader: Reader) -> NDArray[np.float64]:
    """Return unit vectors (N, D) of values of one modality, averaged over windows."""
    port, field = f"fused.{vector}", model.fields[vector.partition("_")[0]]

    def one(value: Any) -> NDArray[np.float64]:
        found = [ports.read(judging.one_input(model, (port,), {field: part}), port)[0] for part in reader.parts(value)]
        mean_D: NDArray[np.float64] = np.stack([x_D.double().cpu().numpy() for x_D in found]).mean(0)
        return mean_D

    x_ND = np.stack([one(value) for value in values])
    return np.asarray(x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12))
