"""Checks of an experiment at each of its presets: valid, and working."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mmx.config.merging import NO_PRESET
from mmx.errors import AssetError, DataError, MmxError
from mmx.support.text import one_line
from mmx.testing import Check, Finding

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.config.experiment import Experiment
    from mmx.registry.registry import Registry


FULL_SCALE = "paper"
"""Begin of the names of presets of full scale, whose data and batches are no matter of seconds."""


_ADVICE = ("gradients reach what it trains", "is trained or frozen")
"""Ends of the names of findings about what learns less than it could."""


def check_presets(catalog: Catalog, name: str) -> Iterator[Finding]:
    """Yield one finding about the presets that are valid, and one about each that is not.

    An experiment that is wrong as it stands is told once, and not again for each preset that inherits the fault.

    Args:
        catalog: Where the experiment is.
        name: Its name.
    """
    told: set[str] = set()
    valid: list[str] = []
    wrong: list[Finding] = []
    for preset in presets_of(catalog, name):
        problems = [problem for problem in _problems(catalog, name, preset) if problem not in told]
        told.update(problems)
        if problems:
            wrong.append(Finding(f"{name}: preset {preset} is valid", False, "; ".join(problems)))
        else:
            valid.append(preset)
    if valid:
        yield Finding(f"{name}: presets are valid", True, ", ".join(valid))
    yield from wrong


def presets_of(catalog: Catalog, name: str) -> list[str]:
    """Return the presets of an experiment, the one that it is without any first."""
    info = next(info for info in catalog.experiments() if info.name == name)
    return [NO_PRESET, *(preset for preset in info.presets if preset != NO_PRESET)]


def preset_checks(catalog: Catalog, name: str, overrides: Sequence[str] = ()) -> list[Check]:
    """Return a check per preset, each of one finding: whether it would work, as `mmx.testing.experiments` tries it.

    A preset of full scale is built, so that its parts fit and its size is known, and no batch is tried. A preset whose
    weights or data are not here, and are the user's to bring, is valid; no more can be told: its finding is skipped.

    Args:
        catalog: Where the experiment is.
        name: Its name.
        overrides: `key=value` texts that hold for every preset.
    """
    return [
        Check(f"{name}: preset {preset}", partial(_works, catalog, name, preset, overrides))
        for preset in presets_of(catalog, name)
    ]


def _works(catalog: Catalog, name: str, preset: str, overrides: Sequence[str]) -> Iterator[Finding]:
    experiment = catalog.resolve(name, preset=preset, overrides=overrides).experiment
    yield tried(f"{name}: preset {preset}", experiment, catalog.plugins.registry)


def tried(what: str, experiment: Experiment, registry: Registry, *, strict: bool = True) -> Finding:
    """Return whether a resolved experiment would work: built, one batch learned, one batch judged.

    Args:
        what: What the finding calls it.
        experiment: The experiment; of a preset of full scale no batch is tried.
        registry: Where its components are.
        strict: Whether a part that does not learn as it could is a fault too; a run would go on all the same.
    """
    from mmx.model.build import build
    from mmx.testing.experiments import examine_built

    try:
        built = build(experiment, registry)
    except (AssetError, DataError) as error:
        return Finding(what, True, f"valid, not built: {one_line(str(error))}", skipped=True)
    if experiment.preset.partition("-")[0] == FULL_SCALE:
        total = sum(parameter.numel() for parameter in built.model.parameters())
        return Finding(what, True, f"{total:,} parameters; built, and no batch tried: full scale")
    found = list(examine_built(built, registry))
    faults = [each for each in found if not each.ok and (strict or not each.what.endswith(_ADVICE))]
    causes: dict[str, str] = {}  # one cause is met in every stage, and told of the first
    for each in faults:
        causes.setdefault(one_line(each.detail).partition("; it reads")[0], f"{each.what}: {one_line(each.detail)}")
    broken = list(causes.values())
    stages = ", ".join(stage.spec.name for stage in built.stages) or "none"
    return Finding(what, not broken, "; ".join(broken) or f"{found[0].detail}; stages: {stages}")


def _problems(catalog: Catalog, name: str, preset: str) -> list[str]:
    try:
        catalog.resolve(name, preset=preset)
    except MmxError as error:
        return str(error).splitlines()
    return []
