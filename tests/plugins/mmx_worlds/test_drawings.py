"""Laid-out drawings: what is named is there, where it is told, and names cannot be taken for each other."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx_worlds.drawings import SPLITS, Drawings, named_drawings

WORLD = Drawings(clips=30, val_clips=4, test_clips=20, max_objects=3, names=12, side=48)


def test_it_is_a_corpus_whose_samples_depend_on_seed_split_and_place_alone() -> None:
    assert isinstance(WORLD, Corpus) and [len(WORLD.split(name)) for name in SPLITS] == [30, 4, 20]
    again = Drawings(clips=30, val_clips=4, test_clips=20, max_objects=3, names=12, side=48)
    for number in (7, 0):
        one, two = WORLD.split("test")[number], again.split("test")[number]
        assert (
            np.array_equal(one.fields["image"], two.fields["image"]) and one.fields["caption"] == two.fields["caption"]
        )
    assert WORLD.digest == again.digest != Drawings(seed=1, names=12).digest
    with pytest.raises(DataError, match="novel"):
        WORLD.split("novel")
    with pytest.raises(ConfigError, match="900 drawings, of which there are"):
        Drawings(names=900)


def test_drawings_are_where_the_truth_says() -> None:
    """What differs from the ground has its middle in the cells that are told, and nowhere else."""
    for sample in WORLD.split("test"):
        image, cells = sample.fields["image"].astype(int), sample.targets["cells"]
        ground = np.median(image.reshape(-1, 3), axis=0)
        drawn = np.abs(image - ground).max(-1) > 12
        share = {cell: drawn[cell // 3 * 16 :, cell % 3 * 16 :][:16, :16].mean() for cell in range(9)}
        assert all(share[cell] > 0.04 for cell in cells if cell >= 0)
        assert sum(share.values()) == pytest.approx(sum(share[cell] for cell in cells if cell >= 0), abs=0.15)


def test_captions_name_what_is_shown_row_by_row() -> None:
    names = WORLD.targets["name"]
    assert names is not None and len(set(names)) == 12
    for sample in WORLD.split("test"):
        things = [names[number] for number in sample.targets["things"] if number >= 0]
        assert sample.fields["caption"] == " and ".join(things) and names[sample.targets["name"]] == things[0]
        cells = [cell for cell in sample.targets["cells"] if cell >= 0]
        assert cells == sorted(cells) and len(cells) == len(things)


def test_no_name_is_part_of_another() -> None:
    names = list(named_drawings())
    assert len(names) > 200
    assert not [(a, b) for a in names for b in names if a != b and a in b]
