"""Regions hold what their boxes show, in another order than the caption names it."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.regions import SPLITS, Regions
from mmx_worlds.shapes import CLASSES, COLOURS, held_out_classes

WORLD = Regions(clips=80, val_clips=10, test_clips=20, noise=0.0)


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert [len(WORLD.split(name)) for name in SPLITS] == [80, 10, 20, 20]
    changes: list[dict[str, int]] = [{}, {"patch": 8}, {"seed": 1}, {"side": 64}]
    assert len({Regions(**change).digest for change in changes}) == len(changes)
    with pytest.raises(DataError, match="splits: train, val, test, novel"):
        WORLD.split("pairs")


def test_a_region_shows_its_thing_where_the_caption_says() -> None:
    turned = 0
    for sample in WORLD.split("train"):
        rows, classes = sample.fields["regions"].values_TC, sample.targets["region_classes"]
        labels = [int(label) for label in classes if label >= 0]
        assert rows.shape == (len(labels), 4 + 6 * 6 * 3) and rows.min() >= 0 and rows.max() <= 1
        assert sample.targets["sentence"] == sample.fields["caption"]
        said = sample.fields["caption"].split(" and ")
        told = []
        for row, label in zip(rows, labels, strict=True):
            left, top, right, bottom = row[:4]
            row_name = ("top", "middle", "bottom")[int((top + bottom) / 2 * 3)]
            column_name = ("left", "centre", "right")[int((left + right) / 2 * 3)]
            told.append(f"a {CLASSES[label]} at the {row_name} {column_name}")
            assert told[-1] in said
            middle = row[4:].reshape(6, 6, 3)[2:4, 2:4].mean((0, 1))
            nearest = min(COLOURS, key=lambda name: float(np.abs(middle - np.array(COLOURS[name])).sum()))
            assert nearest == CLASSES[label].split()[0]
        turned += told != said
    assert turned > 10


def test_held_out_combinations_are_in_split_novel_only() -> None:
    novel = set(held_out_classes(4))
    for name in SPLITS:
        shown = {int(label) for sample in WORLD.split(name) for label in sample.targets["region_classes"] if label >= 0}
        assert shown <= novel if name == "novel" else not shown & novel
