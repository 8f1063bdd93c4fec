from __future__ import annotations

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_worlds.real import index
from mmx_worlds.real.images import KINDS, Images, split_of
from mmx_worlds.real.links import materials

IMAGES = Images()


def test_it_is_a_corpus_of_497_captioned_images() -> None:
    assert isinstance(IMAGES, Corpus)
    assert len(IMAGES.split("all")) == 497
    for sample in IMAGES.split("all"):
        media = index.lookup(sample.id)
        assert sample.fields["caption"] == media.caption != ""
        assert sample.fields["image"].dtype == np.uint8 and sample.fields["image"].shape[2] == 3
        assert (IMAGES.targets["label"] or ())[sample.targets["label"]] == media.label
        assert KINDS[sample.targets["kind"]] == media.kind


def test_splits_are_disjoint_and_complete() -> None:
    parts = {name: {sample.id for sample in IMAGES.split(name)} for name in ("train", "val", "test")}
    assert sum(len(part) for part in parts.values()) == 497
    assert set().union(*parts.values()) == {sample.id for sample in IMAGES.split("all")}
    assert 0.75 < len(parts["train"]) / 497 < 0.85
    assert min(len(parts["val"]), len(parts["test"])) > 40


def test_the_split_of_an_image_depends_on_its_name_alone() -> None:
    names = [f"photos/{number}.webp" for number in range(4000)]
    shares = [sum(split_of(name) == split for name in names) / 4000 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_images_may_be_changed_by_their_user() -> None:
    IMAGES.split("test")[0].fields["image"][:] = 0
    assert IMAGES.split("test")[0].fields["image"].any()


def test_an_unknown_split_is_one_line() -> None:
    with pytest.raises(DataError, match="did you mean 'test'"):
        IMAGES.split("tests")


def test_unseen_images_are_in_no_training_clip() -> None:
    unseen = {sample.id for sample in Images(unseen=True).split("all")}
    assert unseen == {media.file for media in index.of_kind("photo", "clipart")} - materials()["train"].files
    assert len(unseen) > 300
    assert Images(unseen=True).digest != IMAGES.digest
