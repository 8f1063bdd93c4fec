"""my_plugin: a corpus for other people's experiments.

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
    synthetic=True,
)


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the corpus; YAML files and other plugins use it by this name."""
    registry.corpus("my_plugin/beats", "mmx_my_plugin.corpus:Beats")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Return the file with the experiments of this package."""
    return [Path(__file__).with_name("experiments.yaml")]
