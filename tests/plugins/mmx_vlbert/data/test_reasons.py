"""Four answers and four reasons: the right ones by the regions, nothing in the candidates alone, pairs of one image."""

from __future__ import annotations

from collections import Counter

import pytest

from mmx.errors import ConfigError
from mmx.interfaces import Corpus
from mmx.types import Card
from mmx_vlbert.data.reasons import NAMES, TAGS, Reasons
from mmx_worlds.regions.corpus import Regions
from mmx_worlds.shapes import CLASSES

SOURCE = Regions(clips=240, val_clips=4, test_clips=20)
WORLD = Reasons(SOURCE)


def test_the_right_candidate_is_what_the_tagged_region_is() -> None:
    assert isinstance(WORLD, Corpus) and NAMES == CLASSES
    items = WORLD.split("train")
    many = sum(int((sample.targets["region_classes"] >= 0).sum() >= 2) for sample in SOURCE.split("train"))
    assert len(items) == 2 * many > 200
    for answer, reason in zip(items[::2], items[1::2], strict=True):
        assert answer.targets["image_id"] == reason.targets["image_id"]
        assert (answer.targets["kind"], reason.targets["kind"]) == (0, 1)
        one, other = (TAGS.index(word) for word in answer.fields["text"].rstrip("?").split() if word in TAGS)
        classes = [CLASSES[label] for label in answer.targets["region_classes"] if label >= 0]
        texts = answer.fields["candidates"].split("\n")
        assert texts[answer.targets["choice"]] == f"{TAGS[one]} is a {classes[one]}"
        assert reason.fields["text"] == f"{answer.fields['text']} {TAGS[one]} is a {classes[one]}"
        reasons = reason.fields["candidates"].split("\n")
        assert reasons[reason.targets["choice"]] == f"because {TAGS[other]} is a {classes[other]}"
        assert len(set(texts)) == len(set(reasons)) == 4


def test_candidates_alone_tell_nothing() -> None:
    """Two colours times two shapes, in every place as often: each word of the right one is that of another one too."""
    places: Counter[int] = Counter()
    for sample in WORLD.split("train"):
        words = [text.split()[-2:] for text in sample.fields["candidates"].split("\n")]
        for side in range(2):
            assert sorted(Counter(each[side] for each in words).values()) == [2, 2]
        places[sample.targets["choice"]] += 1
    assert min(places.values()) > 0.15 * sum(places.values())


def test_a_wrong_word_of_a_reason_is_as_often_the_answers_as_a_right_one() -> None:
    """An answer tells what the one thing is: that must not tell which reason is right."""
    reasons = [sample for sample in WORLD.split("train") if sample.targets["kind"] == 1]
    same: Counter[bool] = Counter()
    for sample in reasons:
        shape = sample.fields["text"].split()[-1]
        texts = [text.split()[-1] for text in sample.fields["candidates"].split("\n")]
        if shape in texts:
            same[texts[sample.targets["choice"]] == shape] += 1
    assert 0.25 < same[True] / sum(same.values()) < 0.75


def test_what_it_needs() -> None:
    class Captions:
        fields, targets, card, digest = {"text": "text"}, {}, Card("x", "y", "CC0-1.0"), "x"

        def split(self, name: str) -> list[object]:
            return []

    with pytest.raises(ConfigError, match="worlds/regions"):
        Reasons(Captions())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="red circle"):
        Reasons(SOURCE, names=["red"])
