"""Hooks that plugins may implement: when each is called and what it returns.

A plugin is a module named by an entry point of the group `mmx`. It implements any of these with `@mmx.hookimpl`; all
are optional, and an implementation may take fewer arguments than listed. Each hook is a promise: arguments may be added
to it, never removed, while `MMX_API` stays the same. Whatever can be *replaced* is a component, not a hook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mmx.interfaces import Run
    from mmx.plugins.commands import Commands
    from mmx.registry.registry import Registrar
    from mmx.types import Check

MMX_API = 1
"""The hook and interface version; a plugin states the one it was written for as `MMX_API` (absent means 1)."""

hookspec = pluggy.HookspecMarker("mmx")
hookimpl = pluggy.HookimplMarker("mmx")


@hookspec
def mmx_register(registry: Registrar) -> None:
    """Name components; called once, when plugins are loaded.

    `registry.encoder("foo/conv", "mmx_foo.model:Conv")`: targets are strings, resolved only when a run needs them.
    """


@hookspec
def mmx_experiments() -> Iterable[Path]:  # type: ignore[empty-body]
    """Return YAML files inside the package that hold experiments; called once, when the catalog is read."""


@hookspec
def mmx_commands(commands: Commands) -> None:
    """Add commands to `mmx`: `commands.add("foo-export", "mmx_foo.cli:export", "One line of help.")`; called once."""


@hookspec
def mmx_run_begin(run: Run) -> None:
    """Called on rank 0 after everything is built and before the first step."""


@hookspec
def mmx_metrics(run: Run, step: int, metrics: Mapping[str, float]) -> None:
    """Called on rank 0 at logging steps, with what was logged."""


@hookspec
def mmx_checkpoint_saved(run: Run, path: Path, step: int) -> None:
    """Called on rank 0 after a checkpoint is complete on disk."""


@hookspec
def mmx_run_end(run: Run, status: str, error: BaseException | None) -> None:
    """Called on rank 0 at the end of every run that was built: `status` is "completed", "failed" or "interrupted"."""


@hookspec
def mmx_doctor() -> Iterable[Check]:  # type: ignore[empty-body]
    """Return checks of the environment (an optional library, a data folder); called by `mmx doctor`."""
