"""The narrator: sentences that name what is there, talk that does not, and times around the clip."""

from __future__ import annotations

import numpy as np

from mmx_worlds.collage.script import CLASSES
from mmx_worlds.scenes import narration
from mmx_worlds.scenes.narration import TALK, describe_real, describe_toy, mention_real, mention_toy, narrate
from mmx_worlds.scenes.things import FORMS, MATERIALS, MOTIONS


def test_a_sentence_names_shape_material_and_movement() -> None:
    rng = np.random.default_rng(0)
    said = set()
    for _ in range(400):
        facts = (int(rng.integers(4)), int(rng.integers(4)), int(rng.integers(4)))
        text = describe_toy(rng, *facts)
        said.add(text)
        assert any(word in text for word in narration._SHAPES[facts[0]])
        assert any(word in text for word in (*narration._ADJECTIVES[facts[1]], *narration._STUFFS[facts[1]]))
        assert any(word in text for word in narration._MOTIONS[facts[2]])
        others = [word for i, group in enumerate(narration._MOTIONS) if i != facts[2] for word in group]
        assert not any(f" {word}" in f" {text}" for word in others)
        assert len(text.split()) <= 16
    assert len(said) > 300


def test_mentions_name_one_thing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        text = mention_toy(rng, 0, 1, 2)
        named = [
            any(word in text for word in group)
            for group in (narration._SHAPES[0], narration._STUFFS[1], narration._MOTIONS[2])
        ]
        assert sum(named) == 1


def test_every_class_of_the_collage_has_names() -> None:
    rng = np.random.default_rng(0)
    assert set(narration._NAMES) == set(CLASSES)
    for name in CLASSES:
        for text in (describe_real(rng, name), mention_real(rng, name)):
            assert any(called in text for called in narration._NAMES[name])
    tables = (narration._SHAPES, narration._ADJECTIVES, narration._STUFFS, narration._MOTIONS)
    assert [len(table) for table in tables] == [len(FORMS), len(MATERIALS), len(MATERIALS), len(MOTIONS)]


def nearest(lines: tuple, seconds: float) -> str:
    return min(lines, key=lambda line: abs((line.start + line.end) / 2 - seconds / 2)).text


def test_the_own_sentence_is_the_nearest_unless_the_narrator_is_late() -> None:
    rng = np.random.default_rng(0)
    for late, share in ((0.0, 1.0), (1.0, 0.0), (0.3, 0.7)):
        hits = []
        for _ in range(200):
            lines = narrate(rng, "own", ["mention"] * 4, 1.0, 5, late)
            assert [line.text for line in lines].count("own") == 1
            assert all(line.text in ("own", "mention", *TALK) for line in lines)
            assert [line.start for line in lines] == sorted(line.start for line in lines)
            assert all(line.end > line.start for line in lines)
            hits.append(nearest(lines, 1.0) == "own")
        assert abs(np.mean(hits) - share) < 0.12


def test_neighbours_are_talk_or_mentions_half_and_half() -> None:
    rng = np.random.default_rng(1)
    texts = [line.text for _ in range(300) for line in narrate(rng, "own", ["mention"] * 4, 1.0, 5, 0.0)]
    assert 0.45 < texts.count("mention") / (len(texts) - texts.count("own")) < 0.55
    assert narrate(rng, "own", [], 1.0, 1, 1.0)[0].text == "own"
