"""What a corpus holds, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmx.data.describe import about, describe_value, of_sample, splits_of
from mmx.errors import DataError
from mmx.types import Audio, Card, Cue, Sample, Signal, Video


class Tiny:
    fields: Mapping[str, str] = {"text": "text"}
    targets: Mapping[str, Sequence[str] | None] = {"label": tuple("abcdefgh"), "box": None}
    card = Card(title="tiny", summary="Two texts.", licence="CC0-1.0", synthetic=True)
    digest = "tiny-1"

    def split(self, name: str) -> Sequence[Sample]:
        if name not in ("train", "test"):
            raise DataError("no such split")
        return [Sample("one", {"text": "a word"}, {"label": 2, "box": np.zeros((2, 4), np.float32)})]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Audio(np.zeros((1, 4000), np.float32), 8000), "Audio: 0.5 s at 8000 Hz, 1 channel"),
        (Audio(np.zeros((2, 4000), np.float32), 8000), "Audio: 0.5 s at 8000 Hz, 2 channels"),
        (Video(np.zeros((5, 4, 6, 3), np.uint8), 12.5), "Video: 5 frames of 4 x 6 at 12.5 per second"),
        (Signal(np.zeros((64, 40), np.float32), 64.0), "Signal: 64 frames at 64 Hz, 40 channels"),
        (np.zeros((36, 36, 3), np.uint8), "uint8 (36, 36, 3)"),
        (np.array([1.5, 2.0], np.float32), "float32 (2,): [1.5, 2.0]"),
        ("a\x1b[31mword", r"'a\x1b[31mword'"),
        (None, "None"),
        ((Cue(0.2, 0.9, "Anna"), Cue(1.0, 2.0, "It")), "2 cues, the first: 0.2 to 0.9 s 'Anna'"),
        ((), "()"),
        (list(range(1000)), "…"),
    ],
)
def test_values(value: Any, told: str) -> None:
    found = describe_value(value)
    assert found == told or (told == "…" and found.endswith("…") and len(found) == 160)


def test_a_corpus_and_a_sample() -> None:
    corpus = Tiny()
    assert splits_of(corpus) == {"train": 1, "test": 1}
    assert list(about(corpus)) == [
        ("what", "tiny: Two texts."),
        ("licence", "CC0-1.0; made by a program"),
        ("fields", "text (text)"),
        ("target", "label: 8 classes: a, b, c, d, e, f, ..."),
        ("target", "box: no classes"),
        ("splits", "train 1, test 1"),
    ]
    assert list(of_sample(corpus.split("train")[0], corpus.targets)) == [
        ("text", "'a word'"),
        ("label", "2 = c"),
        ("box", "float32 (2, 4)"),
    ]
