"""Drivers: no driver in two splits, heart rates as drawn, and links of the strength that is told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks

from mmx.errors import ConfigError, DataError
from mmx.interfaces import Corpus
from mmx_worlds.drivers import LINK, Drivers


def test_no_driver_is_in_two_splits() -> None:
    world = Drivers()
    assert isinstance(world, Corpus) and world.card.synthetic
    drivers = {name: {sample.targets["driver"] for sample in world.split(name)} for name in ("train", "val", "test")}
    assert [len(each) for each in drivers.values()] == [10, 2, 12]
    assert len(set.union(*drivers.values())) == 24
    familiar = list(world.split("familiar"))
    assert {sample.targets["driver"] for sample in familiar} == drivers["train"]
    assert not np.array_equal(familiar[0].fields["ecg"].values_TC, world.split("train")[0].fields["ecg"].values_TC)
    with pytest.raises(DataError, match="did you mean"):
        world.split("familliar")
    with pytest.raises(ConfigError, match="multiple of 12"):
        Drivers(drivers=13)


def test_signals_follow_their_level() -> None:
    world = Drivers(drivers=12, windows=60, spread=0.0)
    rates: dict[int, list[float]] = {0: [], 1: [], 2: []}
    reversals: dict[int, list[float]] = {0: [], 1: [], 2: []}
    linked = []
    for sample in world.split("test"):
        ecg, vehicle = sample.fields["ecg"], sample.fields["vehicle"]
        assert ecg.values_TC.shape == (500, 1) and vehicle.values_TC.shape == (50, 4)
        wave = ecg.values_TC[:, 0]
        beats = find_peaks(wave, height=0.6, distance=15)[0]
        rates[sample.targets["label"]].append(60 * 50 / np.diff(beats).mean())
        reversals[sample.targets["label"]].append((np.diff(np.sign(vehicle.values_TC[:, 0])) != 0).mean())
        shown = (1 - sample.fields["context"].values_TC[0, 3]) / 0.3
        linked.append(round(float(shown)) == sample.targets["label"])
    for level, expected in enumerate((75, 85, 95)):
        assert np.mean(rates[level]) == pytest.approx(expected, abs=2.5)
    means = [np.mean(reversals[level]) for level in range(3)]
    assert means == sorted(means) and means[2] > 1.5 * means[0]
    assert np.mean(linked) == pytest.approx(LINK, abs=0.08)
