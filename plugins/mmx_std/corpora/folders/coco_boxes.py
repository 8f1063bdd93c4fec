"""Corpus `std/coco-boxes`: photos with boxes in COCO's JSON, and prompts of the names of what is in them.

Shape legend: N boxes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, DataError, LazyFields, LazySplit, Sample, read_image, unknown_split
from mmx_std.ops.grounding.phrases import joined, split

FORM: Final = (
    '{"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}], '
    '"categories": [{"id": 1, "name": "dog"}], '
    '"annotations": [{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height]}]}'
)
SPLITS: Final = ("train", "val", "test")


class CocoBoxes:
    """Photos whose boxes are listed in COCO's JSON ("instances"), for grounding.

    Fields: `image`, `prompt` ("a dog. a ball.": the names of the categories that the image has, and up to `absent` that
    it has not, in a random order that is always the same; GLIP, section 3.1). Targets: `phrase_boxes` (float32 (boxes,
    4): left, top, right, bottom in shares of the square that the image is padded to on the right or below) and
    `box_phrases` (int64 (boxes,): the phrase of each box from 0; -1 where there is none). Crowds, boxes without area,
    and images without a box are left out. Images are in train, val and test by a hash of their file name.

    Args:
        path: The JSON file.
        images: Folder of the photos; default: that of the file.
        boxes: Most boxes of an image, the largest ones.
        absent: Most names of what is not there.
        val: Share of the images in split val.
        test: Share in split test.

    Attributes:
        used: Images that can be used.
        expected: Images that there are.

    Raises:
        DataError: The file cannot be read, or is of another form, or a category's name has a full stop in it.
    """

    fields: Mapping[str, str] = {"image": "image", "prompt": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"phrase_boxes": None, "box_phrases": None}

    def __init__(
        self,
        path: str,
        images: str | None = None,
        *,
        boxes: Annotated[int, Field(ge=1)] = 20,
        absent: Annotated[int, Field(ge=0)] = 5,
        val: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        test: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        file = Path(path).expanduser()
        content = _read(file)
        self.folder = file.parent if images is None else Path(images).expanduser()
        self.boxes, self.absent = boxes, absent
        try:
            self.names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            self._photos = _photos(content)
            self.expected = len(content["images"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file}: not of COCO's form ({error!r}); needed is {FORM}") from error
        bad = [name for name in self.names.values() if len(split(name)) != 1]
        if bad:
            raise DataError(f"{file}: a full stop or semicolon separates phrases, and is in the category {bad[0]!r}")
        self.used = len(self._photos)
        if not self.used:
            raise DataError(f"{file}: no image has a box")
        self._splits: dict[str, list[int]] = {name: [] for name in SPLITS}
        for place, (name, _, _) in enumerate(self._photos):
            drawn = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") / 2**32
            self._splits["test" if drawn < test else "val" if drawn < test + val else "train"].append(place)
        facts = repr((boxes, absent, val, test)).encode()
        self.digest = hashlib.blake2b(file.read_bytes() + facts, digest_size=16).hexdigest()
        self.card = Card(
            title=f"Boxes of {file.name}",
            summary=f"{self.used} photos with boxes of {len(self.names)} categories.",
            licence="that of your photos",
        )

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"; photos are read on access."""
        if name not in self._splits:
            raise unknown_split("std/coco-boxes", name, SPLITS)
        places = self._splits[name]
        return LazySplit(len(places), partial(self._sample, places))

    def _sample(self, places: Sequence[int], position: int) -> Sample:
        name, side, listed = self._photos[places[position]]
        rng = np.random.default_rng((places[position], 8))
        chosen = sorted(listed, key=lambda each: -each[1][2] * each[1][3])[: self.boxes]
        there = list(dict.fromkeys(kind for kind, _ in chosen))
        kinds = {kind for kind, _ in listed}
        others = [kind for kind in self.names if kind not in kinds]
        count = min(len(others), int(rng.integers(self.absent + 1)))
        asked = [*there, *(others[place] for place in rng.permutation(len(others))[:count])]
        asked = [asked[place] for place in rng.permutation(len(asked))]
        boxes_N4, of_N = np.zeros((self.boxes, 4), np.float32), np.full(self.boxes, -1, np.int64)
        for row, (kind, (left, top, width, height)) in enumerate(chosen):
            boxes_N4[row] = np.array([left, top, left + width, top + height]) / side
            of_N[row] = asked.index(kind)
        prompt = joined([self.names[kind] for kind in asked])
        fields = LazyFields({"image": partial(read_image, self.folder / name), "prompt": partial(str, prompt)})
        return Sample(name, fields, {"phrase_boxes": boxes_N4.clip(0, 1), "box_phrases": of_N})


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file; give corpus.path=instances.json") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read as JSON: {error}") from error


def _photos(content: Any) -> list[tuple[str, float, list[tuple[Any, list[float]]]]]:
    """Return file name, longer side, and categories with boxes, of each image that has a box."""
    listed: dict[Any, list[tuple[Any, list[float]]]] = {entry["id"]: [] for entry in content["images"]}
    names = Counter(str(entry["file_name"]) for entry in content["images"])
    if repeated := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"{repeated[0]} is listed twice")
    known = {entry["id"] for entry in content["categories"]}
    for entry in content["annotations"]:
        box = [float(edge) for edge in entry["bbox"]]
        if entry["category_id"] not in known or len(box) != 4:
            raise ValueError(f"annotation {entry.get('id', '')} has no known category, or no box of four numbers")
        if not entry.get("iscrowd") and box[2] > 0 and box[3] > 0:
            listed[entry["image_id"]].append((entry["category_id"], box))
    return [
        (str(entry["file_name"]), float(max(entry["width"], entry["height"])), listed[entry["id"]])
        for entry in content["images"]
        if listed[entry["id"]]
    ]
