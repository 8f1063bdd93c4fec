"""A driver's stress from ECG, vehicle and surroundings (Rastgoo et al. 2019): convolutions, then an LSTM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl
from mmx_driver_stress.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the judgement by handcrafted features, and the recordings of PhysioNet."""
    registry.task("driver_stress/handcrafted", "mmx_driver_stress.evaluation:Handcrafted")
    registry.corpus("driver_stress/drivedb", "mmx_driver_stress.data:DriveDb")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Name the file with the paper's experiments."""
    return [Path(__file__).with_name("experiments.yaml")]
