from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mmx.types import Cue
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues
from mmx_std.corpora.items import Item
from mmx_std.corpora.packed_items import packed

ITEMS = [
    Item(
        "a é 😀",
        1,
        {"audio": Media("audio", FileSource(Path("/x/a.wav")), 0.1, None)},
        {"text": 'a "word"\n'},
        {},
        "g",
        "t",
    ),
    Item("b", 3, {}, {"text": "\ud800"}, {"label": "7", "labels": ("x", "y")}, "b", "u"),
    Item(
        "c",
        9,
        {
            "video": Media("video", FileSource(Path("/x/c.mp4")), None, None, 5.0, 64),
            "cues": Media("cues", WrittenCues((Cue(0.1, 1 / 3, "so"),), ("late",)), 2.0, 3.0, around=1.5),
            "audio": Media("audio", FileSource(Path("/x/a.wav"))),
        },
        split="t",
        group="c",
    ),
]


def test_items_come_back_as_they_were() -> None:
    items = packed(ITEMS)
    assert list(items) == ITEMS
    assert list(items[1:]) == ITEMS[1:] and items[-1] == ITEMS[-1]
    assert list(items.of_split("t")) == [ITEMS[0], ITEMS[2]]
    assert list(items[1:].of_split("t")) == [ITEMS[2]] and not len(items.of_split("none"))
    assert list(pickle.loads(pickle.dumps(items))) == ITEMS
    assert list(packed([])) == []
    with pytest.raises(IndexError):
        items[3]
