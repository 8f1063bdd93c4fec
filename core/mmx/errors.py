"""Errors that mmx raises on purpose, and the exit codes of the command line.

    MmxError                     exit 1: something failed
    ├── UserError                exit 2: something the user wrote or gave is wrong
    │   ├── ConfigError          registry.yaml, an override, a parameter: all problems at once
    │   ├── UnknownNameError     an experiment, component, preset, asset that nobody registered
    │   ├── PortError            parts that do not fit together
    │   ├── DataError            a corpus or a media file that cannot be used
    │   └── AssetError           a weight or data asset that is not here, or not what it should be
    ├── PluginError              a plugin that does not work, with --strict-plugins
    │   └── CollisionError       two plugins, or two components, that want the same name
    └── TrainingError            a run that cannot continue (non-finite loss, disk full, ...)

Messages carry four things: what is wrong, where, the nearest right answer, the next command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class MmxError(Exception):
    """Base of all deliberate errors; `exit_code` is what the process returns."""

    exit_code = 1


class UserError(MmxError):
    """The user's mistake: one line, exit code 2."""

    exit_code = 2


class ConfigError(UserError):
    """One or more problems in a configuration, listed together.

    Args:
        problems: One line each, `place: path: what, did you mean`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class UnknownNameError(UserError):
    """A name that nobody registered."""


class PortError(UserError):
    """Two parts that do not fit: a field, a modality, a width or a target is missing."""


class DataError(UserError):
    """A corpus or a media file that cannot be used."""


class AssetError(UserError):
    """An asset that is missing, or whose content is not what its card promises."""


class PluginError(MmxError):
    """A plugin that does not work, or a promise of the interfaces that it does not keep."""


class CollisionError(PluginError):
    """A name that is taken already, or that belongs to another plugin."""


class TrainingError(MmxError):
    """A run that cannot continue."""


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Return `; did you mean 'x'?` for the nearest known names, or an empty string."""
    from difflib import get_close_matches  # only where something went wrong

    close = get_close_matches(name, sorted(known), n=limit, cutoff=0.6)
    if not close:
        return ""
    return "; did you mean " + " or ".join(f"{match!r}" for match in close) + "?"
