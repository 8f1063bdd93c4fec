import numpy as np
import pytest
from mmx import DataError

from mmx_my_plugin.corpus import PERIODS, Beats


def test_beats_are_where_the_truth_says() -> None:
    for sample in Beats(clips=24, noise=0).split("train"):
        beats = np.flatnonzero(sample.fields["signal"].values_TC[:, 0] > 0.5)
        assert set(np.diff(beats)) == {tuple(PERIODS.values())[sample.targets["tempo"]]}


def test_splits_share_no_sample_and_every_class_occurs() -> None:
    corpus = Beats(clips=64)
    names = {name: {sample.id for sample in corpus.split(name)} for name in ("train", "val", "test")}
    assert not names["train"] & names["test"]
    assert {sample.targets["tempo"] for sample in corpus.split("train")} == {0, 1, 2}


def test_the_digest_follows_the_content() -> None:
    assert Beats(noise=0.1).digest != Beats(noise=0.2).digest
    assert Beats().digest == Beats().digest


def test_unknown_split() -> None:
    with pytest.raises(DataError, match="did you mean 'train'"):
        Beats().split("trian")
