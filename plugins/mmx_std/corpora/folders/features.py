"""Corpus `std/features`: items of any corpus with precomputed features from folders of .npz files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from operator import getitem
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, Corpus, DataError, LazyFields, LazySplit, Sample, Signal

_END: Final = 1024
KEYS: Final = ("features", "feature", "feat")
"""Names under which an .npz file may hold its array; a file with one array may call it anything."""


class FeatureFolders:
    """The samples of another corpus with one more field: features of their frames, extracted elsewhere.

    Every folder has one file `ID.npz` per sample, or `GROUP.npz` where several texts are about one image or video, an
    array (frames, columns). Arrays of several folders stand side by side, all cut to the shortest: ResNet-152 first and
    SlowFast second give the 4352 columns that HERO was released with. They are not normalised.

    With `boxes` the rows are regions of an image, as a detector found them: the first folder's files also have an array
    `boxes` (regions, 4) of left, top, right and bottom in pixels, and the image's size as `size` (width, height) or as
    `image_w` and `image_h`. Boxes in shares of the image come first among the columns, as `std/regions` reads them.

    Args:
        items: The corpus whose samples get features: `std/manifest` with subtitles, for instance.
        folders: Folders of .npz files, in the order of their columns.
        field: Name of the new field.
        period: Seconds per row.
        boxes: Rows are regions with boxes.
        scores: Array of the first folder's files with the class distribution of each region (regions, classes), such as
            `cls_prob` of detectors trained on Visual Genome; it is the target `region_scores`.
        referred: Text field of the items with the box that their text speaks of, left, top, right and bottom in pixels
            ("12,40,96,200"); in shares of the image it is the target `referred_box`. Needs `boxes`.

    Raises:
        DataError: A folder is missing or has no .npz files.
    """

    def __init__(
        self,
        items: Corpus,
        folders: Annotated[Sequence[str], Field(min_length=1)],
        field: str = "frames",
        period: Annotated[float, Field(gt=0)] = 1.5,
        boxes: bool = False,
        scores: str | None = None,
        referred: str | None = None,
    ) -> None:
        if referred is not None and not (boxes and items.fields.get(referred) == "text"):
            raise DataError(f"referred={referred}: needs boxes=true and a text field of the items that is called so")
        self.items, self.field, self.period, self.boxes, self.scores = items, field, period, boxes, scores
        self.referred = referred
        self.folders = [Path(folder).expanduser().absolute() for folder in folders]
        digest = hashlib.blake2b(items.digest.encode(), digest_size=16)
        for folder in self.folders:
            files = sorted(folder.glob("*.npz")) if folder.is_dir() else []
            if not files:
                raise DataError(f"{folder}: no .npz files there; give corpus.folders=[FOLDER, ...] with one per item")
            for file in files:
                digest.update(file.name.encode() + _directory(file))
        digest.update(b"boxes" if boxes else b"")
        digest.update(((scores or "") + (f" {referred}" if referred else "")).encode())
        self.fields: Mapping[str, str] = {**items.fields, field: "signal"}
        self.targets: Mapping[str, Sequence[str] | None] = {
            **items.targets,
            **({"region_scores": None} if scores else {}),
            **({"referred_box": None} if referred else {}),
        }
        self.digest = digest.hexdigest()
        self.card = Card(
            title=f"{items.card.title} with features",
            summary=f"{items.card.summary} Features of frames come from {len(self.folders)} folders.",
            licence=items.card.licence,
            synthetic=items.card.synthetic,
            caveats=items.card.caveats,
        )

    def split(self, name: str) -> Sequence[Sample]:
        """Return a split of the inner corpus; features are read on access.

        Raises:
            DataError: There is no such split.
        """
        samples = self.items.split(name)
        return LazySplit(len(samples), partial(self._sample, samples))

    def _sample(self, samples: Sequence[Sample], index: int) -> Sample:
        sample = samples[index]
        makers: dict[str, Any] = {name: partial(getitem, sample.fields, name) for name in sample.fields}
        names = [sample.id, *([str(group)] if (group := sample.targets.get("group")) is not None else [])]
        makers[self.field] = partial(self.read, *names)
        targets = dict(sample.targets)
        if self.scores is not None:
            targets["region_scores"] = read_features(_file(self.folders[0], names), self.scores)
        if self.referred is not None:
            written = str(sample.fields[self.referred])
            targets["referred_box"] = _referred(_file(self.folders[0], names), written)
        return Sample(sample.id, LazyFields(makers), targets)

    def read(self, *names: str) -> Signal:
        """Return the features of one item, from the file of the first of its names that has one.

        Raises:
            DataError: A file is missing or broken, or holds no array of numbers.
        """
        files = [_file(folder, names) for folder in self.folders]
        tables = [read_features(file) for file in files]
        tables = [read_boxes(files[0]), *tables] if self.boxes else tables
        shortest = min(map(len, tables))
        return Signal(np.concatenate([table[:shortest] for table in tables], axis=1), 1 / self.period)


def _file(folder: Path, names: Sequence[str]) -> Path:
    files = [folder / f"{Path(name).stem}.npz" for name in names]
    return next((file for file in files if file.is_file()), files[0])


def read_features(path: Path, key: str | None = None) -> np.ndarray:
    """Return an array of an .npz file as float32 (frames, columns).

    Args:
        path: The file.
        key: Its name; by default one of `KEYS`, or the only one.

    Raises:
        DataError: The file is missing or broken, or holds no array of finite numbers.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            name = key or next((each for each in KEYS if each in content), None) or next(iter(content), None)
            table = np.asarray(content[name]) if name in content else None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; every item needs its features") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is no .npz file of numbers: {error}") from error
    if table is None or table.ndim != 2 or not table.size or table.dtype.kind not in "fiu":
        raise DataError(f"{path}: holds no table {f'{key} ' if key else ''}(frames, columns)")
    found: np.ndarray = table.astype(np.float32)
    if not np.isfinite(found).all():
        raise DataError(f"{path}: some features are not finite")
    return found


def read_boxes(path: Path) -> np.ndarray:
    """Return the boxes of an .npz file as float32 (regions, 4), in shares of the image.

    Raises:
        DataError: The file has no boxes, no size of the image, or boxes outside of it.
    """
    boxes_N4, size_2 = _boxes_and_size(path)
    if boxes_N4.ndim != 2 or boxes_N4.shape[1] != 4 or not min(size_2) > 0:
        told = f"boxes {boxes_N4.shape} of an image of {size_2[0]:g} x {size_2[1]:g}"
        raise DataError(f"{path}: {told}; needed is (regions, 4)")
    shares_N4 = boxes_N4 / np.array([*size_2, *size_2], np.float32)
    if not (np.isfinite(shares_N4).all() and shares_N4.min() > -0.5 and shares_N4.max() < 1.5):
        raise DataError(f"{path}: boxes lie outside of an image of {size_2[0]:g} x {size_2[1]:g} pixels")
    return shares_N4.clip(0, 1)


def _boxes_and_size(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the boxes (regions, 4) as they are written, and width and height of the image."""
    try:
        with np.load(path, allow_pickle=False) as content:
            boxes_N4 = np.asarray(content["boxes"], np.float32)
            size = content["size"] if "size" in content else (content["image_w"], content["image_h"])
            width, height = (float(np.asarray(side)) for side in size)
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: needs arrays boxes (regions, 4) and size (width, height): {error}") from error
    return boxes_N4, (width, height)


def _referred(path: Path, written: str) -> np.ndarray:
    """Return a written box in shares of the image of a file, float32 (4,)."""
    _, (width, height) = _boxes_and_size(path)
    try:
        left, top, right, bottom = (float(edge) for edge in written.strip(" []()").replace(",", " ").split())
    except ValueError:
        raise DataError(f"{written!r:.60} is no box; needed is left,top,right,bottom in pixels") from None
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        told = f"{left:g},{top:g},{right:g},{bottom:g}"
        raise DataError(f"box {told} is none in an image of {width:g} x {height:g} pixels (left,top,right,bottom)")
    return np.array([left / width, top / height, right / width, bottom / height], np.float32)


def _directory(file: Path) -> bytes:
    """Return size and end of a file: there an .npz keeps the checksums of its arrays."""
    with file.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - _END))
        return str(size).encode() + handle.read()
