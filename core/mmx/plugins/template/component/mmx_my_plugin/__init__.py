"""my_plugin: a component for other people's experiments.

Imports nothing heavy: mmx imports this module to list what there is. Components are strings, resolved when a run
needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import Card, hookimpl

if TYPE_CHECKING:
    from mmx import Registrar

MMX_API = 1

CARD = Card(
    title="my_plugin",
    summary="PLUGIN_SUMMARY",
    authors="AUTHOR_NAME",
    licence="LICENCE_ID",
)


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the component; YAML files and other plugins use it by this name."""
    registry.encoder("my_plugin/tower", "mmx_my_plugin.model:Tower")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Return the file with the experiments of this package."""
    return [Path(__file__).with_name("experiments.yaml")]
