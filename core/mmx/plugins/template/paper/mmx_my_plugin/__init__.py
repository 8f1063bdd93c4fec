"""my_plugin: signals and images of the same thing, matched from their pairing alone.

Imports nothing heavy: mmx imports this module to list what there is. Components are strings, resolved when a run
needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import hookimpl

from mmx_my_plugin.card import CARD

if TYPE_CHECKING:
    from mmx import Registrar

__all__ = ["CARD"]

MMX_API = 1


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the parts; YAML files and other plugins use them by these names."""
    registry.encoder("my_plugin/tower", "mmx_my_plugin.model:Tower")
    registry.objective("my_plugin/infonce", "mmx_my_plugin.objective:InfoNce")
    registry.task("my_plugin/matching", "mmx_my_plugin.evaluation:Matching")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Return the file with the experiments of this package."""
    return [Path(__file__).with_name("experiments.yaml")]
