"""From a user's file, of any length, to the windows of film and sound that a model compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmx import (
    Audio,
    DataError,
    Model,
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
from mmx_vatt.evaluation.windows import cut, places


@dataclass(frozen=True)
class Reader:
    """How long films and sounds are read.

    Attributes:
        seconds: Length of a window.
        windows: Windows per film or sound, evenly spread; their vectors are averaged.
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
                raise DataError(f'{path} is a folder; say what to look for in it: --query "TEXT" --in {path}')
            return {"query": str(query), "folder": path}
        raw = {model.fields[name]: value for name, value in self._media(model, path).items() if name in model.fields}
        if not raw:
            raise DataError(f"{path}: give a film, a sound or a picture, and texts to rank")
        said = extras.get("texts", extras.get(own))
        return raw if said is None else {**raw, own: [text.strip() for text in str(said).split(";")]}

    def _media(self, model: Model, path: Path) -> dict[str, Any]:
        kind = file_kind(path)
        if kind == "image":
            return {"video": read_image(path)}
        found: dict[str, Any] = {}
        if kind == "video" and "video" in model.encoders:
            found["video"] = self.film(model, path)
        if kind == "audio" or (kind == "video" and has_audio(path)):
            read_sound = read_audio if kind == "audio" else read_video_audio
            found["audio"] = self._read(path, lambda start, seconds: read_sound(path, start=start, seconds=seconds))
        return found

    def film(self, model: Model, path: Path) -> tuple[Video, ...]:
        """Return the windows of a film, at the rate and size that the model looks at."""
        encoder: Any = model.encoders["video"]
        size = {"fps": encoder.fps, "shortest": encoder.grid.side}
        return self._read(path, lambda start, seconds: read_video(path, start=start, seconds=seconds, **size))

    def _read(self, path: Path, window: Callable[[float, float], Any]) -> tuple[Any, ...]:
        try:
            length = video_seconds(path)
        except DataError:  # containers that do not tell: their beginning
            length = self.seconds
        return tuple(window(start, self.seconds) for start in places(length, self.seconds, self.windows))

    def parts(self, value: Any) -> Sequence[Any]:
        """Return the windows of one film or sound; other values as they are."""
        if isinstance(value, Video | Audio):
            count = self.windows if value.seconds > self.seconds * 1.001 else 1
            return [cut(value, self.seconds, window, count) for window in range(count)]
        windows = isinstance(value, tuple) and all(isinstance(each, Video | Audio) for each in value)
        return list(value) if windows and value else [value]
