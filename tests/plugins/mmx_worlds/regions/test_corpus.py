"""Regions hold what their boxes show, in another order than the caption names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_std.ops.grounding.boxes import iou
from mmx_worlds.regions.corpus import Regions, soft_class
from mmx_worlds.shapes import CLASSES, COLOURS, SPLITS, held_out_classes

WORLD = Regions(clips=80, val_clips=10, test_clips=20, noise=0.0)


def test_it_is_a_corpus() -> None:
    assert isinstance(WORLD, Corpus)
    assert [len(WORLD.split(name)) for name in SPLITS[:4]] == [80, 10, 20, 20]
    changes: list[dict[str, Any]] = [{}, {"patch": 8}, {"seed": 1}, {"side": 64}, {"text": "question"}]
    changes += [{"alike": True}, {"repeated": 0.5}, {"shifted": 0.1}]
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
    for name in SPLITS[:4]:
        shown = {int(label) for sample in WORLD.split(name) for label in sample.targets["region_classes"] if label >= 0}
        assert shown <= novel if name == "novel" else not shown & novel


def test_the_detector_is_sure_but_not_quite() -> None:
    for label in (0, 13):
        soft = soft_class(label)
        assert soft.sum() == pytest.approx(1) and soft.argmax() == label and soft[label] == pytest.approx(0.8)
        alike = [name for name in CLASSES if set(name.split()) & set(CLASSES[label].split())]
        assert [CLASSES[place] for place in np.flatnonzero(soft)] == alike
    sample = WORLD.split("train")[0]
    classes, scores = sample.targets["region_classes"], sample.targets["region_scores"]
    assert [row.argmax() if row.any() else -1 for row in scores] == classes.tolist()


def test_a_detector_may_repeat_and_shift_boxes() -> None:
    world = Regions(clips=60, noise=0.0, repeated=0.5, shifted=0.0)
    plain = Regions(clips=60, noise=0.0).split("train")
    twice = 0
    for own, other in zip(world.split("train"), plain, strict=True):
        rows, classes = own.fields["regions"].values_TC, own.targets["region_classes"]
        assert len(classes) == 6 and (classes >= 0).sum() == len(rows)
        labels = classes[: len(rows)].tolist()
        true = {int(label) for label in other.targets["region_classes"] if label >= 0}
        assert set(labels) == true and max(labels.count(label) for label in true) <= 2
        twice += len(labels) - len(true)
        overlap = iou(torch.tensor(rows[:, :4]), torch.tensor(rows[:, :4]))
        for one, other_label in ((a, b) for a in range(len(rows)) for b in range(a)):
            assert (overlap[one, other_label] > 0.2) == (labels[one] == labels[other_label])
    assert 40 < twice < 90
    moved = Regions(clips=1, shifted=0.1).split("train")[0].fields["regions"].values_TC
    assert not np.allclose(moved[:, :4], plain[0].fields["regions"].values_TC[:, :4])
