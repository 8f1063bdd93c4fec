"""Candidates of dialogues: one is right, annotators say how relevant each is."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import PortError
from mmx.interfaces import Corpus
from mmx.testing.parts.corpora import check_corpus
from mmx_blip.data.dialogues import Dialogues
from mmx_std.tasks.answers.scoring import normalised
from mmx_worlds.questions import ANSWERS, Questions
from mmx_worlds.shapes import COLOURS, Shapes


def world() -> Dialogues:
    return Dialogues(Questions(clips=300, test_clips=6, rounds=3, things=3))


def test_one_of_ten_is_right_and_relevance_is_the_annotators() -> None:
    corpus = world()
    assert isinstance(corpus, Corpus) and corpus.fields["candidates"] == "text"
    places = []
    for number, sample in enumerate(corpus.split("train")):
        candidates = sample.fields["candidates"].split("\n")
        assert len(set(candidates)) == 10 and set(candidates) <= set(ANSWERS)
        places.append(sample.targets["choice"])
        assert candidates[places[-1]] == ANSWERS[sample.targets["truth"]]
        given = [normalised(each) for each in sample.targets["answers"]]
        expected = [given.count(normalised(each)) / 10 for each in candidates]
        np.testing.assert_allclose(sample.targets["relevance"], expected, rtol=1e-6)
        assert sample.targets["turn"] == number % 3
        if sample.targets["type"] == 0:
            assert set(candidates) >= set(COLOURS)  # what is plausible is always among them
    assert len(set(places)) > 5
    assert [finding for finding in check_corpus(lambda seed: world()) if not finding.ok] == []


def test_questions_before_the_first_are_history_alone() -> None:
    later = Dialogues(Questions(clips=60, test_clips=6, rounds=3, things=3), first=1)
    turns = [sample.targets["turn"] for sample in later.split("train")]
    assert turns == [1, 2] * 20 and later.digest != world().digest
    assert all(sample.fields["history"] for sample in later.split("train"))


def test_questions_without_answers_have_no_candidates() -> None:
    with pytest.raises(PortError, match="worlds/questions has them"):
        Dialogues(Shapes(clips=4))
