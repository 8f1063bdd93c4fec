"""Questions: answers recomputed from what is drawn and asked, ten annotators' mistakes, dialogues."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx_std.tasks.answers.scoring import normalised
from mmx_worlds.questions import ANSWERS, TYPES, Questions
from mmx_worlds.shapes import COLOURS, SHAPES, Shape


@pytest.fixture(scope="module")
def world() -> Questions:
    return Questions(clips=600, noise=0.0)


def seen(world: Questions, picture: int) -> list[Shape]:
    return world._things(np.random.default_rng((0, 0, picture, 0)))


def right(question: str, things: list[Shape]) -> str:
    """Answer a question by its words."""
    named = re.findall("|".join((*COLOURS, *SHAPES)), question)
    facts = [(tuple(COLOURS)[thing.colour], SHAPES[thing.shape]) for thing in things]
    if question.startswith("how many"):
        return str(len(things))
    holders = [fact for fact in facts if set(named) <= set(fact)]
    if question.startswith(("is there", "do you see")):
        return "yes" if holders else "no"
    (colour, shape) = holders[0]
    return colour if "colour" in question else shape


def test_answers_are_right_and_most_annotators_give_them(world: Questions) -> None:
    assert isinstance(world, Corpus)
    for position, sample in enumerate(world.split("train")):
        truth = ANSWERS[sample.targets["truth"]]
        assert truth == right(sample.fields["question"], seen(world, position)), sample.fields["question"]
        given = Counter(normalised(each) for each in sample.targets["answers"])
        assert sum(given.values()) == 10
        assert given[ANSWERS[sample.targets["label"]]] == max(given.values())
    wrong = [
        normalised(each) != ANSWERS[sample.targets["truth"]]
        for sample in world.split("train")
        for each in sample.targets["answers"]
    ]
    assert np.mean(wrong) == pytest.approx(0.1, abs=0.02)


def test_no_answer_is_told_by_the_question(world: Questions) -> None:
    kinds = Counter(sample.targets["type"] for sample in world.split("train"))
    assert min(kinds.values()) > 100
    yes = [ANSWERS[sample.targets["truth"]] == "yes" for sample in world.split("train") if sample.targets["type"] == 3]
    assert np.mean(yes) == pytest.approx(0.5, abs=0.1)


def test_things_are_where_they_should_be(world: Questions) -> None:
    things = seen(world, 0)
    pixels = world.split("train")[0].fields["image"] / 255
    assert len({thing.shape for thing in things}) == len({thing.colour for thing in things}) == len(things)
    for thing in things:
        colour = np.array(tuple(COLOURS.values())[thing.colour])
        where = np.argwhere(np.abs(pixels - colour).max(2) < 0.02) // 12
        assert {(int(row), int(column)) for row, column in where} >= {divmod(thing.cell, 3)}


def test_dialogues_speak_of_it_and_of_the_other_one() -> None:
    world = Questions(clips=90, rounds=3)
    samples = world.split("train")
    assert world.fields["history"] == "text"
    for first in range(0, 90, 3):
        one, two, three = (samples[first + turn] for turn in range(3))
        assert {one.targets["image_id"]} == {two.targets["image_id"], three.targets["image_id"]}
        np.testing.assert_array_equal(one.fields["image"], three.fields["image"])
        assert one.fields["history"] == ""
        told = ANSWERS[one.targets["truth"]]
        assert two.fields["history"] == f"{one.fields['question']} {told}"
        assert " it " in two.fields["question"] and two.fields["question"].endswith("the other one?")
        a, b = world._things(np.random.default_rng((0, 0, first // 3, 0)))
        named = re.search("|".join((*COLOURS, *SHAPES)), one.fields["question"])
        assert named is not None
        it = a if named[0] in (tuple(COLOURS)[a.colour], SHAPES[a.shape]) else b
        other = b if it is a else a
        along = (it.cell % 3, other.cell % 3) if "left" in two.fields["question"] else (it.cell // 3, other.cell // 3)
        assert ANSWERS[two.targets["truth"]] == ("yes" if along[0] < along[1] else "no")
        asks_colour = "colour" in three.fields["question"]
        expected = tuple(COLOURS)[other.colour] if asks_colour else SHAPES[other.shape]
        assert ANSWERS[three.targets["truth"]] == expected
        assert [TYPES[each.targets["type"]] for each in (two,)] == ["presence"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_objects"):
        Questions(rounds=2, max_objects=1)
    with pytest.raises(DataError, match="trian"):
        Questions().split("trian")


def test_only_history_tells_which_of_three_things_is_meant() -> None:
    world = Questions(clips=90, noise=0.0, rounds=3, things=3)
    assert world.digest != Questions(clips=90, noise=0.0, rounds=3).digest
    asked = set()
    for position, sample in enumerate(world.split("train")):
        things = world._things(np.random.default_rng((0, 0, position // 3, 0)))
        assert len(things) == 3
        opening = world.split("train")[position - position % 3].fields["question"]
        (thing,) = [
            each
            for each in things
            if {tuple(COLOURS)[each.colour], SHAPES[each.shape]} & set(re.findall(r"\w+", opening))
        ]
        question, truth = sample.fields["question"], ANSWERS[sample.targets["truth"]]
        if position % 3 == 0:
            assert sample.fields["history"] == "" and truth == "yes"
            continue
        asked.add(question)
        said = {"is it large?": {"large": "yes", "small": "no"}[thing.size], "what shape is it?": SHAPES[thing.shape]}
        said["what colour is it?"] = tuple(COLOURS)[thing.colour]
        assert truth == said[question]
        assert sample.fields["history"].startswith(f"{opening} yes")
    assert asked == {"is it large?", "what colour is it?", "what shape is it?"}


def test_captions_name_all_things_row_by_row(world: Questions) -> None:
    for position, sample in enumerate(world.split("train")[:40]):
        things = sorted(seen(world, position), key=lambda thing: thing.cell)
        expected = [each.words(with_size=False, with_place=False) for each in things]
        assert sample.fields["caption"] == " and ".join(expected)
