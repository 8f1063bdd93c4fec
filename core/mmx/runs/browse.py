"""Page that shows items of a corpus: their media, what encoders make of them, and what a loss is shown in training."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from mmx.data.describe import about, describe_value, of_sample
from mmx.errors import DataError
from mmx.media.audio_image import write_audio, write_image, write_video
from mmx.report.html import document
from mmx.report.inline_media import Embedder
from mmx.report.items import Shown, grid
from mmx.support.seeding import derive
from mmx.types import Audio, Batch, Sample, Video

if TYPE_CHECKING:
    from mmx.interfaces import Corpus
    from mmx.model.built import Built

_FRAMES: Final = 6
"""Frames of a video input that are shown, side by side."""
_HEIGHT: Final = 96
_WIDTH: Final = 480
"""Size of a drawn waveform, and the least of a heat map, in pixels."""
_IDS: Final = 24
"""Numbers of an input of ids that are written out."""


def browse(corpus: Corpus, split: str, count: int, at: Path, built: Built | None = None) -> Path:
    """Write a page over the first items of a split and return it; media beside it, in a folder of its name.

    Args:
        corpus: The data.
        split: Which split.
        count: How many items.
        at: The page.
        built: An experiment's parts: its encoders' inputs, and the views of its losses, are shown too.

    Raises:
        DataError: There is no such split.
    """
    samples = corpus.split(split)
    chosen = [samples[index] for index in range(min(count, len(samples)))]
    folder = at.with_name(f"{at.stem}_media")
    folder.mkdir(parents=True, exist_ok=True)
    embedder = Embedder()
    facts = "".join(
        f"<tr><th scope=row>{escape(word)}</th><td>{escape(text)}</td></tr>" for word, text in about(corpus)
    )
    title = f"{corpus.card.title}: {split}"
    told = f"<p class=hint>{len(chosen)} of {len(samples):,} items</p>"
    parts = [f"<header><p class=kind>mmx data show</p><h1>{escape(title)}</h1>{told}<table>{facts}</table></header>\n"]
    for number, sample in enumerate(chosen):
        base = folder / f"{split}-{number}"
        shown: list[Shown | str] = list(_raw(base, sample))
        if built is not None:
            shown += [*_prepared(base, built, sample), *_viewed(base, built, sample)]
        lines = "".join(
            f"<tr><th scope=row>{escape(name)}</th><td>{escape(text)}</td></tr>"
            for name, text in of_sample(sample, corpus.targets)
        )
        table = f"<details><summary>{len(sample.fields)} fields, {len(sample.targets)} targets</summary><table>{lines}"
        words = "".join(f"<p class=hint>{escape(each)}</p>" for each in shown if isinstance(each, str))
        media = grid([each for each in shown if isinstance(each, Shown)], embedder, link=folder.name)
        body = f"{media}{words}{table}</table></details>"
        parts.append(f"<section><h2>{escape(sample.id)}</h2>{body}</section>\n")
    at.write_text(document(title, "".join(parts)), encoding="utf-8")
    return at


def as_image(values: np.ndarray) -> np.ndarray | None:
    """Return an input as pixels (height, width, 3): images, frames side by side, a heat map over time, a waveform.

    Numbers are stretched from the least to the largest. None for ids, single numbers, and what has more axes.
    """
    if (values.dtype.kind != "f" and values.dtype != np.uint8) or values.size < 2:
        return None
    if values.ndim == 4 and values.shape[0] in (1, 3) and values.shape[1] not in (1, 3):
        values = values.transpose(1, 0, 2, 3)
    if values.ndim == 4 and values.shape[1] in (1, 3):
        picked = np.linspace(0, len(values) - 1, min(_FRAMES, len(values))).round().astype(int)
        values = np.concatenate(list(values[picked]), axis=-1)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0] if values.shape[1] == values.shape[2] else values[0].T[::-1]
    elif values.ndim == 2:
        values = values.T[::-1] if values.shape[0] > 1 else values[0]
    if values.ndim == 1:
        return _wave(values)
    grey = _stretched(values)
    if grey.ndim == 2:
        scale = max(1, _HEIGHT // grey.shape[0])
        return np.repeat(np.repeat(np.repeat(grey[..., None], 3, 2), scale, 0), scale, 1)
    return grey.transpose(1, 2, 0) if grey.ndim == 3 and grey.shape[0] == 3 else None


def _raw(base: Path, sample: Sample) -> Iterator[Shown]:
    """Yield the media of a sample's fields; texts and missing ones are told below."""
    for name, value in sample.fields.items():
        several = value if isinstance(value, tuple) and all(isinstance(each, Video) for each in value) else (value,)
        for number, each in enumerate(several):
            path = base.with_name(f"{base.name}-{name}{number or ''}")
            told = f"{name}: {describe_value(each)}"
            if isinstance(each, Audio):
                yield Shown("audio", write_audio(path.with_suffix(".wav"), each), name, told, each.seconds)
            elif isinstance(each, Video):
                yield Shown("video", write_video(path.with_suffix(".mp4"), each), name, told, each.seconds)
            elif isinstance(each, np.ndarray) and each.dtype == np.uint8 and each.ndim in (2, 3):
                yield Shown("image", write_image(path.with_suffix(".png"), each), name, told)


def _prepared(base: Path, built: Built, sample: Sample) -> Iterator[Shown | str]:
    """Yield the input of each encoder whose field the sample has."""
    for name, field in built.model.fields.items():
        if sample.fields.get(field) is not None:
            batch = built.model.prepare([sample], [name])
            yield from _input(base, f"{name}-prepared", batch.inputs[name][0], f"{field} as encoder {name} gets it")


def _viewed(base: Path, built: Built, sample: Sample) -> Iterator[Shown | str]:
    """Yield each input that the loss of a stage is shown otherwise: masked, shuffled, augmented."""
    for stage in built.stages:
        names = built.model.plan(stage.needs()).encoders
        there = [name for name in names if sample.fields.get(built.model.fields[name]) is not None]
        for place, update in enumerate(stage.updates):
            view = getattr(update.objective, "view", None)
            if view is None or len(there) < len(names):
                continue
            batch = built.model.prepare([sample], there)
            for name, changed in _changes(batch, view, derive(0, "browse", stage.spec.name, place)):
                told = f"{name} as stage {stage.spec.name} is shown it, in one draw"
                yield from _input(base, f"{name}-{stage.spec.name}-{place}", changed, told)


def _changes(batch: Batch, view: Any, seed: int) -> Iterator[tuple[str, torch.Tensor]]:
    try:
        shown: Batch = view(batch, torch.Generator().manual_seed(seed))
    except (DataError, ValueError, IndexError):
        return  # a view over several items cannot be drawn of one
    for name, tensor in shown.inputs.items():
        if name in batch.inputs and not torch.equal(tensor, batch.inputs[name]) and len(tensor):
            yield name, tensor[0]


def _input(base: Path, name: str, tensor: torch.Tensor, told: str) -> Iterator[Shown | str]:
    """Yield an input as an image, or in words where it is none."""
    values = tensor.detach().cpu().numpy()
    kind = f"{values.dtype} {tuple(values.shape)}"
    pixels = as_image(values)
    if pixels is None:
        listed = ", ".join(f"{each:.4g}" for each in values.reshape(-1)[:_IDS].tolist())
        more = f", and {values.size - _IDS} more" if values.size > _IDS else ""
        yield f"{told}: {kind}: {listed}{more}"
        return
    kind = f"{kind}, {values.min():.3g} to {values.max():.3g}"
    path = write_image(base.with_name(f"{base.name}-{name}.png"), np.ascontiguousarray(pixels))
    yield Shown("image", path, name, f"{told}: {kind}")


def _stretched(values: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(values.astype(np.float32))
    low, high = float(finite.min()), float(finite.max())
    return ((finite - low) * (255 / ((high - low) or 1.0))).astype(np.uint8)


def _wave(values: np.ndarray) -> np.ndarray:
    """Return the envelope of a waveform: its least and largest value in each column of pixels."""
    pixels = np.full((_HEIGHT, min(_WIDTH, len(values)), 3), 255, np.uint8)
    loud = float(np.abs(values).max()) or 1.0
    for column, part in enumerate(np.array_split(values, pixels.shape[1])):
        top, bottom = ((1 - value / loud) / 2 * (_HEIGHT - 1) for value in (part.max(), part.min()))
        pixels[int(top) : int(bottom) + 1, column] = (31, 95, 191)
    return pixels
