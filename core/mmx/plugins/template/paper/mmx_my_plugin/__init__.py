"""my_plugin: sounds and pictures of the same thing, learned from their pairing alone.

Imports nothing heavy: mmx imports this module to list what there is. Components are strings, resolved when a run
needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmx import Card, hookimpl
from mmx import Claim

if TYPE_CHECKING:
    from mmx import Registrar

MMX_API = 1

CARD = Card(
    title="Representation Learning with Contrastive Predictive Coding",
    summary="PLUGIN_SUMMARY",
    authors="Aaron van den Oord, Yazhe Li, Oriol Vinyals",
    year=2018,
    url="https://arxiv.org/abs/1807.03748",
    licence="LICENCE_ID",
    citation="van den Oord, Li, Vinyals: Representation Learning with Contrastive Predictive Coding. 2018.",
    deviations=("Only the loss of section 2.3 is used, between a sound and a picture instead of past and future.",),
    caveats=("Trained on synthetic shapes: it shows that the method works, not how well.",),
    claims=(
        Claim(
            metric="recall at 1 among 16 pictures, worlds/shapes",
            paper="not reported",
            ours="not measured",
            scale="synthetic shapes, a minute of training",
            command="mmx run my_plugin",
            seeds="none yet",
            commit="none yet",
        ),
    ),
)


@hookimpl
def mmx_register(registry: Registrar) -> None:
    """Name the parts; YAML files and other plugins use them by these names."""
    registry.encoder("my_plugin/tower", "mmx_my_plugin.model:Tower")
    registry.fuser("my_plugin/common", "mmx_my_plugin.model:Common")
    registry.objective("my_plugin/infonce", "mmx_my_plugin.objective:InfoNce")
    registry.task("my_plugin/matching", "mmx_my_plugin.task:Matching")


@hookimpl
def mmx_experiments() -> Iterable[Path]:
    """Return the file with the experiments of this package."""
    return [Path(__file__).with_name("experiments.yaml")]
