"""Texts of another corpus: pairs with a mask, samples without an image, blind regions."""

from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import ConfigError
from mmx.interfaces import Corpus
from mmx_vlbert.data.texts import Texts
from mmx_worlds.regions.corpus import Regions


def test_a_question_ends_with_a_mask() -> None:
    source = Regions(clips=30, val_clips=2, test_clips=2, text="question")
    corpus = Texts(source, answered=True)
    assert isinstance(corpus, Corpus) and corpus.digest != Texts(source).digest
    for sample, own in zip(source.split("train"), corpus.split("train"), strict=True):
        assert own.fields["text"] == (sample.fields["text"], "[MASK]")
        assert own.fields["question"] == sample.fields["text"] and own.targets["label"] == sample.targets["label"]
        assert (own.fields["regions"].values_TC == sample.fields["regions"].values_TC).all()
    with pytest.raises(ConfigError, match="no field 'txt'"):
        Texts(source, field="txt")


def test_some_training_samples_are_texts_alone() -> None:
    source = Regions(clips=200, val_clips=2, test_clips=40)
    corpus = Texts(source, field="caption", alone=0.3)
    alone = [sample.fields.get("regions") is None for sample in corpus.split("train")]
    assert 0.2 < np.mean(alone) < 0.4
    for sample, without in zip(corpus.split("train"), alone, strict=True):
        assert bool(sample.targets["region_scores"].any()) != without
        assert isinstance(sample.fields["text"], str)
    assert all(sample.fields.get("regions") is not None for sample in corpus.split("test"))


def test_blind_regions_have_boxes_alone() -> None:
    source = Regions(clips=3, val_clips=1, test_clips=5)
    for sample, own in zip(source.split("test"), Texts(source, blind=True).split("test"), strict=True):
        shown, left = sample.fields["regions"].values_TC, own.fields["regions"].values_TC
        assert (left[:, :4] == shown[:, :4]).all() and not left[:, 4:].any() and shown[:, 4:].any()
