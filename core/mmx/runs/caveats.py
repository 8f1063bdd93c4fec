"""Caveats of an experiment: what it must not be used or trusted for, by the cards of the plugins that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from mmx.registry.registry import STANDARD

if TYPE_CHECKING:
    from mmx.config.experiment import Experiment
    from mmx.plugins.loader import Plugins
    from mmx.types import Card


BEHIND: Final = "Not better than a simple method"
"""How a caveat begins that compares a model with simple methods; it says nothing of one's own files."""


def caveats(plugins: Plugins, experiment: Experiment) -> list[str]:
    """Return the caveats that the cards name, of the plugins that bring task, model and losses, in this order.

    The standard library has none of its own; a corpus has its own card, which is in the report.
    """
    cards: Mapping[str, Card | None] = {record.name: record.card for record in plugins.records}
    found: list[str] = []
    for plugin in _plugins(experiment):
        card = cards.get(plugin)
        found += [] if card is None else card.caveats
    return list(dict.fromkeys(found))


def of_use(warned: Sequence[str]) -> str:
    """Return the first caveat that says what a model is good for: one that is no comparison with simple methods."""
    return next((caveat for caveat in warned if not caveat.startswith(BEHIND)), warned[0])


def _plugins(experiment: Experiment) -> Sequence[str]:
    losses = [update.objective for stage in experiment.stages for update in stage.updates]
    parts = [experiment.task, *experiment.encoders.values(), experiment.fuser, *experiment.heads.values(), *losses]
    names = [part.use.partition("/")[0] for part in parts if "/" in part.use]
    return [name for name in dict.fromkeys(names) if name != STANDARD]
