"""Experiments of a plugin, and the parameters with which experiments use a component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mmx.config.experiment import Part
from mmx.config.merging import NO_PRESET
from mmx.config.sources import SHIPPED
from mmx.errors import MmxError
from mmx.registry.registry import STANDARD

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog, Resolved
    from mmx.config.experiment import Experiment

SMOKE = "smoke"


def parts(value: Any) -> Iterator[Part]:
    """Yield every component inside an experiment, nested ones too."""
    if isinstance(value, Part):
        yield value
        yield from parts(value.params)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from parts(item)


def of_experiment(experiment: Experiment) -> Iterator[Part]:
    """Yield every component of an experiment."""
    yield from parts([experiment.corpus, experiment.encoders, experiment.fuser, experiment.heads, experiment.task])
    for stage in experiment.stages:
        yield from parts(
            [stage.corpus, [(each.objective, each.optimizer, each.schedule, each.balance) for each in stage.updates]]
        )


def experiments_of(catalog: Catalog, plugin: str) -> Sequence[str]:
    """Return the names of a plugin's experiments: those it brings, and shipped ones made of its parts.

    A shipped experiment belongs to the plugin whose model, loss or judgement it uses; data and the standard library
    are everybody's.
    """
    return [
        info.name
        for info in catalog.experiments()
        if info.plugin == plugin
        or (info.plugin == SHIPPED and plugin != STANDARD and _uses(catalog, info.name, plugin))
    ]


def _uses(catalog: Catalog, name: str, plugin: str) -> bool:
    try:
        experiment = catalog.resolve(name).experiment
    except MmxError:
        return name == plugin
    losses = [update.objective for stage in experiment.stages for update in stage.updates]
    own = parts([experiment.encoders, experiment.fuser, experiment.heads, experiment.task, losses])
    return any(part.use.partition("/")[0] == plugin and not _is_corpus(catalog, part.use) for part in own)


def _is_corpus(catalog: Catalog, use: str) -> bool:
    return any(entry.name == use for entry in catalog.plugins.registry.entries("corpus"))


def smallest(catalog: Catalog, name: str) -> Resolved:
    """Return an experiment at its smoke preset, or as it is where it has none."""
    presets = next((info.presets for info in catalog.experiments() if info.name == name), ())
    return catalog.resolve(name, preset=SMOKE if SMOKE in presets else "default")


class Use(NamedTuple):
    """How an experiment uses a component."""

    experiment: str
    params: Mapping[str, Any]


def used_with(catalog: Catalog, experiments: Sequence[str], *, everywhere: bool = False) -> dict[str, Use]:
    """Return component name -> how the first of the experiments that has it uses it.

    Args:
        catalog: Where the experiments are.
        experiments: Their names.
        everywhere: Look at every preset, not at the smallest alone.
    """
    found: dict[str, Use] = {}
    presets = {info.name: (NO_PRESET, *info.presets) for info in catalog.experiments()} if everywhere else {}
    for name in experiments:
        for preset in presets.get(name, ("",)):
            try:
                resolved = catalog.resolve(name, preset=preset) if preset else smallest(catalog, name)
            except MmxError:
                continue  # its own check says what is wrong with it
            for part in of_experiment(resolved.experiment):
                found.setdefault(part.use, Use(name, part.params))
    return found
