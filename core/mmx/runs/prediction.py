"""Prediction with a run: its model read from the folder, raw values from a user's file, and files from the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmx.errors import DataError
from mmx.media.audio_image import read_audio, read_cues, read_image, read_video
from mmx.media.file_kinds import file_kind
from mmx.media.signals import read_signal
from mmx.media.subtitles import subtitles_beside
from mmx.model import meaning
from mmx.model.build import build, build_to_predict
from mmx.model.built import Built
from mmx.report.write import write_clips
from mmx.support import run_files
from mmx.support.files import replacing, write_text
from mmx.support.memory import lack_named
from mmx.training import checkpoint

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.types import Prediction

_GIVES: Final[Mapping[str, tuple[str, ...]]] = {
    "audio": ("audio",),
    "image": ("image",),
    "video": ("video", "audio"),
    "text": ("text",),
    "cues": ("cues",),
    "signal": ("signal",),
}
"""Kind of file -> modalities that it can fill."""
_TOLD: Final = 10
"""Words that a note names."""
_TEXT_LIMIT: Final = 1_000_000


def open_run(catalog: Catalog, folder: Path) -> Built:
    """Build what a run trained and load its weights, in evaluation mode, on the CPU.

    What the outputs mean is read from the run folder; the data that it was trained on need not be there.

    Args:
        catalog: Whose plugins hold the parts.
        folder: The run folder.

    Raises:
        ConfigError: The folder's configuration does not fit the plugins any more.
        DataError: There are no weights, or they do not fit.
    """
    means = meaning.read(folder)
    unused = () if means is None else ("corpus", "stages")
    resolved = catalog.restore(folder / run_files.CONFIG, unused=unused)
    registry = catalog.plugins.registry
    if means is None:  # written by a version that left names and vocabularies to the data
        built = build(resolved.experiment, registry)
    else:
        built = build_to_predict(resolved.experiment, registry, means)
    checkpoint.load_weights(checkpoint.folder_of(folder), built.model)
    built.model.eval()
    return built


def predict(built: Built, path: Path | None, extras: Mapping[str, str]) -> Prediction:
    """Say something about a user's file.

    Args:
        built: From `open_run`.
        path: The file, where there is one.
        extras: Further inputs: field name -> file or text.

    Raises:
        DataError: The file cannot be read, is nothing that the model takes, or needs more memory than there is.
    """
    read = getattr(built.task, "read", None)
    what = "while predicting" if path is None else f"while predicting from {path}"
    with lack_named(what, "give a shorter or smaller one, or fewer at once", DataError):
        if read is not None and path is not None:
            raw = read(built.model, path, {name: Path(value) for name, value in extras.items()})
        else:
            raw = inputs(built, path, extras)
        found = built.task.predict(built.model, raw)
    unknown = unknown_words(built.model, raw)
    return replace(found, notes=(*found.notes, *unknown)) if unknown else found


def unknown_words(model: Any, raw: Mapping[str, Any]) -> list[str]:
    """Return a note on the words of texts to predict from that no text encoder of the model has in its vocabulary."""
    modules = getattr(model, "modules", None)
    readers = [each for each in modules() if hasattr(each, "unknown_words")] if modules is not None else []
    texts = [text for value in raw.values() for text in ([value] if isinstance(value, str) else _texts(value))]
    if not readers:
        return []
    words = dict.fromkeys(
        word
        for text in texts
        for word in readers[0].unknown_words(text)
        if all(word in each.unknown_words(text) for each in readers[1:])
    )
    told = ", ".join([*words][:_TOLD]) + (f" and {len(words) - _TOLD} more" if len(words) > _TOLD else "")
    return [f"not among the words that the model learned, so they mean nothing to it: {told}"] if words else []


def _texts(value: Any) -> list[str]:
    """Return the texts among several values: of a list, or of an object that lists them as `texts`."""
    value = getattr(value, "texts", value)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


def inputs(built: Built, path: Path | None, extras: Mapping[str, str]) -> Mapping[str, Any]:
    """Return raw values by field for a file, by the modalities of the fields that the model reads.

    Audio fills fields of audio, an image those of images, a video those of video and of audio, and the file of
    subtitles beside it (`video.srt`) those of cues. A path that is no file fills fields of text.

    Raises:
        DataError: The file fills no field; or an extra names a field that the model does not read.
    """
    wanted = {field: built.corpus.fields[field] for field in built.model.fields.values()}
    raw: dict[str, Any] = {}
    for name, value in extras.items():
        if name not in wanted:
            raise DataError(f"the model reads no field {name!r}; it reads {described(wanted)}")
        own = next((reader for field, reader in _readers(built) if field == name), None)
        raw[name] = read_as(wanted[name], Path(value), value) if own is None else own(Path(value))
    if path is None:
        return raw
    if path.is_dir() and "text" not in wanted.values():
        raise DataError(f"{path} is a folder; give files of it, one after the other: mmx predict RUN FILE ...")
    kind = file_kind(path)
    filled = [field for field, modality in wanted.items() if modality in _GIVES[kind] and field not in raw]
    if not filled:
        raise DataError(f"{path}: {_article(kind)}, but the model reads {described(wanted)}")
    raw |= {field: read_as(wanted[field], path, str(path)) for field in filled}
    if kind == "video" and (subtitles := subtitles_beside(path)) is not None:
        timed = [field for field, modality in wanted.items() if modality == "cues" and field not in raw]
        raw |= {field: read_as("cues", subtitles, "") for field in timed}
    return raw


def _readers(built: Built) -> Iterator[tuple[str, Callable[[Path], Any]]]:
    """Yield the fields that encoders read from files themselves, with what reads them."""
    for name, field in built.model.fields.items():
        if (reader := getattr(built.model.encoders[name], "read_file", None)) is not None:
            yield field, reader


def read_as(modality: str, path: Path, text: str) -> Any:
    """Read one raw value.

    Args:
        modality: "audio", "image", "video", "cues", "signal" or "text".
        path: The file.
        text: What was typed; it is the text itself where there is no such file.

    Raises:
        DataError: The file cannot be read, or there is no reader for the modality.
    """
    if modality == "audio":
        return read_audio(path)
    if modality == "image":
        return read_image(path)
    if modality == "video":
        return read_video(path)
    if modality == "cues":
        return read_cues(path)
    if modality == "signal":
        return read_signal(path)
    if modality == "text":
        return _text(path, text)
    raise DataError(f"{path}: files are not read as {modality!r} (only audio, image, video, cues, signal and text are)")


def write(prediction: Prediction, folder: Path) -> Sequence[Path]:
    """Write the clips, arrays and pages of a prediction into a folder and return their paths.

    Raises:
        DataError: One cannot be written.
    """
    written = [*write_clips(folder, prediction.clips)]
    try:
        for name, values in prediction.arrays.items():
            written.append(folder / f"{Path(name).name}.npy")
            with replacing(written[-1]) as temporary, temporary.open("wb") as file:
                np.save(file, values, allow_pickle=False)
        for name, html in prediction.pages.items():
            written.append(folder / Path(name).name)
            write_text(written[-1], html)
    except (OSError, ValueError) as error:
        raise DataError(f"{written[-1]}: cannot be written: {error}") from error
    return written


def described(wanted: Mapping[str, str]) -> str:
    """Return fields with their modalities as text."""
    return ", ".join(f"{name} ({modality})" for name, modality in sorted(wanted.items()))


def _text(path: Path, text: str) -> str:
    try:
        if not path.is_file():
            return text
        if path.stat().st_size > _TEXT_LIMIT:
            raise DataError(f"{path}: more than {_TEXT_LIMIT:,} bytes of text")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error


def _article(kind: str) -> str:
    named = {"image": "an image", "video": "a video", "text": "a text", "cues": "subtitles", "signal": "a signal"}
    return named.get(kind, kind)
