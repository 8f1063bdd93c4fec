"""Prompts name what is there, where it is; what is held out is never named before split novel."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.phrases import Phrases
from mmx_worlds.shapes import CLASSES, COLOURS, SPLITS, held_out_classes

WORLD = Phrases(clips=120, val_clips=20, test_clips=60, noise=0.0)


def named(prompt: str) -> list[str]:
    return [phrase.removeprefix("a ").strip() for phrase in prompt.rstrip(".").split(". ")]


def test_it_is_a_corpus_that_depends_on_nothing_but_its_parameters() -> None:
    assert isinstance(WORLD, Corpus)
    assert [len(WORLD.split(name)) for name in SPLITS[:4]] == [120, 20, 60, 60]
    again = pickle.loads(pickle.dumps(Phrases(clips=120, val_clips=20, test_clips=60, noise=0.0).split("test")))
    for one, two in zip(reversed(again), reversed(WORLD.split("test")), strict=True):
        assert one.fields["prompt"] == two.fields["prompt"] and one.id == two.id
        np.testing.assert_array_equal(one.targets["phrase_boxes"], two.targets["phrase_boxes"])
    changes: list[dict[str, int]] = [{}, {"absent": 1}, {"seed": 1}, {"side": 64}, {"held_out": 3}]
    assert len({Phrases(**change).digest for change in changes}) == len(changes)
    with pytest.raises(DataError, match="splits: train, val, test, novel"):
        WORLD.split("pairs")


def test_the_box_of_a_phrase_shows_its_colour_and_absent_ones_are_not_there() -> None:
    counts = set()
    for sample in WORLD.split("train"):
        phrases, of, boxes = (
            named(sample.fields["prompt"]),
            sample.targets["box_phrases"],
            sample.targets["phrase_boxes"],
        )
        assert set(phrases) <= set(CLASSES) and len(set(phrases)) == len(phrases)
        real = of >= 0
        assert len(set(of[real])) == real.sum() >= 1 and (of[~real] == -1).all() and not boxes[~real].any()
        shown = sample.fields["image"].reshape(-1, 3).astype(int)
        there = {name for name, rgb in COLOURS.items() if (abs(shown - np.array(rgb) * 255).max(1) < 2).any()}
        assert there == {phrases[place].split()[0] for place in of[real]}
        for place, box in zip(of[real], boxes[real], strict=True):
            left, top, right, bottom = (box * 48).round().astype(int)
            middle = sample.fields["image"][(top + bottom) // 2, (left + right) // 2]
            np.testing.assert_allclose(middle / 255, COLOURS[phrases[place].split()[0]], atol=0.01)
        counts.add((int(real.sum()), len(phrases) - int(real.sum())))
    assert counts == {(things, absent) for things in (1, 2, 3) for absent in (0, 1, 2)}


def test_half_of_the_prompts_have_articles() -> None:
    with_article = [sample.fields["prompt"].startswith("a ") for sample in WORLD.split("train")]
    assert 0.3 < np.mean(with_article) < 0.7


def test_held_out_combinations_are_named_in_split_novel_only() -> None:
    novel = {CLASSES[label] for label in held_out_classes(4)}
    for name in SPLITS[:4]:
        for sample in WORLD.split(name):
            phrases, of = named(sample.fields["prompt"]), sample.targets["box_phrases"]
            present = {phrases[place] for place in of if place >= 0}
            assert present <= novel if name == "novel" else not novel & set(phrases)
