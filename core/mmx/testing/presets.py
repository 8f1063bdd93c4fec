"""Is an experiment valid, as it is and at every one of its presets? Read and resolved; nothing is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmx.errors import MmxError
from mmx.layers import NO_PRESET
from mmx.testing import Finding

if TYPE_CHECKING:
    from mmx.catalog import Catalog


def check_presets(catalog: Catalog, name: str) -> Iterator[Finding]:
    """Yield one finding about the presets that are valid, and one about each that is not.

    An experiment that is wrong as it stands is told once, and not again for each preset that inherits the fault.

    Args:
        catalog: Where the experiment is.
        name: Its name.
    """
    info = next(info for info in catalog.experiments() if info.name == name)
    told: set[str] = set()
    valid: list[str] = []
    wrong: list[Finding] = []
    for preset in (NO_PRESET, *(each for each in info.presets if each != NO_PRESET)):
        problems = [problem for problem in _problems(catalog, name, preset) if problem not in told]
        told.update(problems)
        if problems:
            wrong.append(Finding(f"{name}: preset {preset} is valid", False, "; ".join(problems)))
        else:
            valid.append(preset)
    if valid:
        yield Finding(f"{name}: presets are valid", True, ", ".join(valid))
    yield from wrong


def _problems(catalog: Catalog, name: str, preset: str) -> list[str]:
    try:
        catalog.resolve(name, preset=preset)
    except MmxError as error:
        return str(error).splitlines()
    return []
