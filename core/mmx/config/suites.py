"""Suites: lists of experiments under one name, `suites: {card: [soundnet, hero]}` in a registry file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from mmx.config.sources import RegistryFile
from mmx.config.yaml_positions import Node, where
from mmx.errors import ConfigError, UnknownNameError, did_you_mean

SECTION: Final = "suites"


def members(name: str, files: Sequence[RegistryFile], experiments: Collection[str]) -> Sequence[str]:
    """Return the experiments of a suite, in its order.

    Args:
        name: The suite.
        files: Registry files; a later file's suite replaces an earlier one's of the same name.
        experiments: Names of all experiments.

    Raises:
        UnknownNameError: There is no such suite.
        ConfigError: It is no list, is empty, names an experiment twice, or one that there is not.
    """
    suites: dict[str, Node] = {}
    for file in files:
        suites |= file.section(SECTION)
    if name not in suites:
        known = f"; suites: {', '.join(suites)}" if suites else "; registry.yaml names none under `suites`"
        raise UnknownNameError(f"no suite {name!r}{did_you_mean(name, suites)}{known}")
    listed = suites[name]
    place = f"{where(listed.origin)}: {SECTION}.{name}"
    if not isinstance(listed.value, list) or not listed.value:
        raise ConfigError([f"{place}: must be a list of experiments, e.g. [soundnet, hero]"])
    problems: list[str] = []
    found: list[str] = []
    for item in listed.value:
        here = f"{where(item.origin)}: {SECTION}.{name}"
        if item.value not in experiments:
            shown = str(item.value) if isinstance(item.value, str) else repr(item.plain())
            problems.append(f"{here}: no experiment {shown!r}{did_you_mean(shown, experiments)}; see: mmx ls")
        elif item.value in found:
            problems.append(f"{here}: {item.value!r} stands twice")
        else:
            found.append(item.value)
    if problems:
        raise ConfigError(problems)
    return found
