"""Recipes: what the texts tell is what is drawn, and neither text tells the dish."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from mmx.errors import DataError
from mmx_worlds.recipes import CLASSES, COLOURS, COOKED, CUTS, HERBS, SERVED, Recipes, Told

WORLD = Recipes(clips=600, val_clips=5, test_clips=5, noise=0.0)


def test_both_texts_tell_all_facts_of_the_dish() -> None:
    for sample in WORLD.split("train"):
        listed, steps = sample.fields["ingredients"].split(", "), sample.fields["instructions"]
        visible = [name for name in listed if name in COLOURS]
        cooked = next(name for name, said in COOKED.items() if any(each in steps for each in said))
        cut = next(name for name, said in CUTS.items() if any(each in steps for each in said))
        served = next(name for name, (_, said) in SERVED.items() if any(each in steps for each in said))
        herbs, cooking = (max(steps.find(each) for each in said) for said in (HERBS, COOKED[cooked]))
        green = "green" if herbs > cooking else "dark"
        assert listed[0] == visible[0] and len(visible) == 2 and 3 <= len(listed) <= 4
        told = f"{cooked} {visible[0]} with {visible[1]}, {cut}, {green} herbs, {served}"
        assert sample.targets["dish"] == told
        title = f"{cooked} {visible[0]}"
        assert CLASSES[sample.targets["class"]] == (title if title in CLASSES else "background")


def test_neither_text_tells_the_dish_or_its_class() -> None:
    dishes: dict[str, set[str]] = defaultdict(set)
    classes: dict[str, set[int]] = defaultdict(set)
    for sample in WORLD.split("train"):
        ingredients = " ".join(sorted(sample.fields["ingredients"].split(", ")))
        for half in (ingredients, sample.fields["instructions"]):
            dishes[half].add(sample.targets["dish"])
            classes[half].add(sample.targets["class"])
        assert not any(name in sample.fields["instructions"] for name in COLOURS)
    often = [half for half, found in dishes.items() if len(found) >= 3]
    assert len(often) > 20
    assert sum(len(classes[half]) > 1 for half in often) > 0.5 * len(often)
    background = np.mean([sample.targets["class"] == 0 for sample in WORLD.split("train")])
    expected = sum(1 / rank for rank in range(5, 9)) / sum(1 / rank for rank in range(1, 9))
    assert background == pytest.approx(expected, abs=0.06)


def test_the_image_shows_main_ingredient_cut_plate_and_herbs() -> None:
    train = WORLD.split("train")
    for sample in (train[place] for place in range(200)):
        image_HWC = sample.fields["image"].astype(int)
        near = (abs(image_HWC - np.array([89, 242, 76])).max(-1) <= 1).sum()
        assert (near > 0) == ("green herbs" in sample.targets["dish"])
        corner = image_HWC[5, 5]
        wood = abs(corner - np.round(255 * np.array(SERVED["board"][0]))).max() <= 1
        assert wood == sample.targets["dish"].endswith("board")
        if "fried" in sample.targets["dish"]:
            main = abs(image_HWC - np.round(255 * np.array(COLOURS[sample.targets["dish"].split()[1]]))).max(-1) <= 1
            assert main.any()


@pytest.mark.parametrize(("told", "gone"), [("ingredients", "instructions"), ("instructions", "ingredients")])
def test_a_control_leaves_one_text_empty_and_draws_the_same(told: Told, gone: str) -> None:
    part = Recipes(clips=20, val_clips=5, test_clips=5, noise=0.0, told=told)
    assert part.digest != Recipes(clips=20, val_clips=5, test_clips=5, noise=0.0).digest
    for whole, half in zip(WORLD.split("train"), part.split("train"), strict=False):
        assert half.fields[gone] == "" and half.fields[told] == whole.fields[told]
        assert np.array_equal(half.fields["image"], whole.fields["image"]) and half.targets == whole.targets


def test_splits_and_seeds_differ() -> None:
    firsts = [WORLD.split(name)[0] for name in ("train", "val", "test")]
    firsts.append(Recipes(seed=1).split("train")[0])
    assert len({sample.id for sample in firsts}) == 4
    assert len({sample.fields["image"].tobytes() for sample in firsts}) == 4
    with pytest.raises(DataError, match="splits: train, val, test"):
        WORLD.split("novel")
