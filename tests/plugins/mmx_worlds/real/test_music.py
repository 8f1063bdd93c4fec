"""`worlds/music`: seven real recordings, each with its photo and its words."""

from __future__ import annotations

import pytest

from mmx.errors import DataError
from mmx_worlds.real.music import Music


def test_there_are_seven_with_audio_photo_and_caption() -> None:
    corpus = Music(seconds=2.0)
    samples = corpus.split("all")
    assert len(samples) == 7
    for sample in samples:
        assert sample.fields["audio"].seconds == pytest.approx(2.0, abs=0.01)
        assert sample.fields["image"].ndim == 3
        assert len(sample.fields["caption"].split()) > 2
    assert len({corpus.targets["label"][sample.targets["label"]] for sample in samples}) > 3  # type: ignore[index]


def test_length_is_in_the_digest_and_unknown_splits_are_refused() -> None:
    assert Music(seconds=2.0).digest != Music().digest
    with pytest.raises(DataError, match="all"):
        Music().split("train")
