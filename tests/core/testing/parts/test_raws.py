"""Tiny raw values: the same every time."""

from __future__ import annotations

import pytest

from mmx.testing.parts.raws import raw_values, shortened


@pytest.mark.parametrize("modality", ["image", "audio", "video", "signal", "text"])
def test_raw_values_are_the_same_every_time(modality: str) -> None:
    once, twice = raw_values(modality), raw_values(modality)
    assert repr(once) == repr(twice)
    if modality != "image":
        assert repr(shortened(once[0])) != repr(once[0])
