"""`worlds/drivers`: a driver's ECG, the vehicle's signals and the surroundings at three levels of stress; simulated.

Heart: beats at intervals drawn around a mean and with a variability that depend on the level, and on the driver.
Vehicle: steering that is reversed more often under stress, brake events. Surroundings: traffic, rain, night, speed
limit, road, only weakly linked to the level. Windows of ten seconds, each drawn anew: none overlap.
Shapes: T time, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, ConfigError, LazyFields, LazySplit, Sample, Signal, unknown_split
from mmx_worlds.real import index

__all__ = ["Drivers"]

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
LEVELS: Final = ("low", "medium", "high")
SECONDS: Final = 10.0
ECG_RATE: Final = 50.0
VEHICLE_RATE: Final = 5.0
CONTEXT_RATE: Final = 1.0
VEHICLE: Final = ("steering", "throttle", "brake", "speed")
CONTEXT: Final = ("traffic", "rain", "night", "limit", "city")
RATES: Final = (75.0, 85.0, 95.0)
"""Level -> mean beats per minute of the average driver."""
VARIABILITY: Final = (0.060, 0.045, 0.030)
"""Level -> deviation of the intervals between beats, in seconds."""
REVERSALS: Final = (0.3, 0.5, 0.8)
"""Level -> steering reversals per second."""
BRAKES: Final = (0.05, 0.12, 0.25)
"""Level -> brake events per second."""
LINK: Final = 0.6
"""Share of windows whose surroundings are those of the level; the others' are those of another level."""
_WAVES: Final = (
    (-0.20, 0.025, 0.12),
    (-0.045, 0.015, -0.12),
    (0.0, 0.020, 1.0),  # as wide as a sample: no beat falls between two
    (0.045, 0.015, -0.2),
    (0.25, 0.05, 0.25),
)
"""P, Q, R, S and T of a beat: seconds from R, width, height."""

CARD: Final = Card(
    title="Drivers world",
    summary="Simulated ECG, vehicle and surroundings of 24 drivers at three levels of stress.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=(
        "Simulated: no person was measured, and the links of signals to stress are assumptions from textbooks.",
        "Not for any statement about a driver's health or fitness to drive.",
    ),
)


class Drivers:
    """Windows of ten seconds of simulated drivers, divided by driver.

    Fields: `ecg` (500 readings, one channel), `vehicle` (50 readings of steering, throttle, brake, speed), `context`
    (10 readings of traffic, rain, night, speed limit, city). Targets: `label` (level of stress), `driver` (the
    independent unit). Splits: `train`, `val` and `test` have different drivers; `familiar` has new windows of the
    drivers of train: how much easier that is, is the gap that a random division of windows would hide.

    Args:
        drivers: Number of drivers: 5 of 12 for training, 1 for val, 6 for test.
        windows: Windows per driver.
        spread: Deviation of the drivers' own heart rates, in beats per minute.
        seed: What the samples are drawn from.
    """

    fields: Mapping[str, str] = {"ecg": "signal", "vehicle": "signal", "context": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"label": LEVELS, "driver": None}
    card = CARD

    def __init__(
        self,
        drivers: Annotated[int, Field(ge=12)] = 24,
        windows: Annotated[int, Field(ge=3)] = 60,
        spread: Annotated[float, Field(ge=0)] = 8.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if drivers % 12:
            raise ConfigError(
                [f"drivers: must be a multiple of 12, not {drivers}: 5, 1 and 6 go to train, val and test"]
            )
        twelfth = drivers // 12
        train = range(5 * twelfth)
        self._splits = {
            "train": train,
            "val": range(5 * twelfth, 6 * twelfth),
            "test": range(6 * twelfth, drivers),
            "familiar": train,
        }
        self._windows, self._seed = windows, seed
        rng = np.random.default_rng((seed, 99))
        self._offset = spread * rng.standard_normal(drivers)
        self._swing = np.exp(0.2 * rng.standard_normal(drivers))
        self.digest = index.digest((), "drivers", VERSION, drivers, windows, float(spread), seed)

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val", "test" or "familiar", rendered on access."""
        if name not in self._splits:
            raise unknown_split("worlds/drivers", name, tuple(self._splits))
        return LazySplit(len(self._splits[name]) * self._windows, partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        driver = self._splits[split][position // self._windows]
        stream = (self._seed, int(split == "familiar"), driver, position % self._windows)
        level = position % len(LEVELS)
        makers: dict[str, Callable[[], Any]] = {
            "ecg": partial(self._ecg, level, driver, (*stream, 1)),
            "vehicle": partial(self._vehicle, level, driver, (*stream, 2)),
            "context": partial(_context, level, (*stream, 3)),
        }
        name = f"{split}-{self._seed}-d{driver:02d}-{position % self._windows:03d}"
        return Sample(name, LazyFields(makers), {"label": level, "driver": f"d{driver:02d}"})

    def _ecg(self, level: int, driver: int, seed: Sequence[int]) -> Signal:
        rng = np.random.default_rng(seed)
        mean = 60.0 / np.clip(RATES[level] + self._offset[driver], 45, 160)
        gaps = np.clip(mean + VARIABILITY[level] * rng.standard_normal(60), 0.3, 1.6)
        beats_N = np.cumsum(gaps) - rng.random() * gaps[0] - 0.5
        time_T = np.arange(round(SECONDS * ECG_RATE)) / ECG_RATE
        wave_T = 0.15 * np.sin(2 * np.pi * (0.25 * time_T + rng.random())) + 0.05 * rng.standard_normal(len(time_T))
        for after, width, height in _WAVES:
            wave_T += height * np.exp(-(((time_T[:, None] - beats_N - after) / width) ** 2) / 2).sum(axis=1)
        return Signal(wave_T[:, None].astype(np.float32), ECG_RATE)

    def _vehicle(self, level: int, driver: int, seed: Sequence[int]) -> Signal:
        rng = np.random.default_rng(seed)
        count = round(SECONDS * VEHICLE_RATE)
        turns = rng.random(count) < REVERSALS[level] / VEHICLE_RATE
        direction_T = np.where(np.cumsum(turns) % 2, 1.0, -1.0) * rng.choice((-1, 1))
        steering_T = _smooth(direction_T * self._swing[driver] * (0.6 + 0.4 * rng.random(count)))
        brake_T = _smooth((rng.random(count) < BRAKES[level] / VEHICLE_RATE).astype(float) * 3)
        throttle_T = np.clip(0.5 + _smooth(rng.standard_normal(count)) * 0.3 - brake_T, 0, 1)
        speed_T = np.cumsum(throttle_T - 0.5 - brake_T) * 0.1 + rng.normal(0, 0.5)
        values_TC = np.stack([steering_T, throttle_T, brake_T, speed_T], axis=1)
        return Signal((values_TC + 0.05 * rng.standard_normal(values_TC.shape)).astype(np.float32), VEHICLE_RATE)


def _context(level: int, seed: Sequence[int]) -> Signal:
    rng = np.random.default_rng(seed)
    shown = level if rng.random() < LINK else (level + int(rng.integers(1, 3))) % 3
    row_C = np.array(
        [0.5 * shown, rng.random() < 0.2 + 0.2 * shown, rng.random() < 0.4, 1 - 0.3 * shown, shown > 0], float
    )
    row_C[0] = np.clip(row_C[0] + 0.2 * rng.standard_normal(), 0, 1)
    return Signal(np.repeat(row_C[None], round(SECONDS * CONTEXT_RATE), axis=0).astype(np.float32), CONTEXT_RATE)


def _smooth(x_T: np.ndarray) -> np.ndarray:
    return np.convolve(x_T, (0.25, 0.5, 0.25), mode="same")
