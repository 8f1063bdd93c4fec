"""Trained runs that come with plugins: folders as `mmx export` writes them, in `trained` beside their experiments.

Where nobody has trained an experiment yet its name means this run: `mmx predict soundnet dog.wav` works at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmx.errors import DataError
from mmx.runs.history import find_run
from mmx.support import run_files

if TYPE_CHECKING:
    from mmx.plugins.loader import Plugins

FOLDER: Final = "trained"
"""Folder beside a file of experiments: one run per experiment, in a folder of its name."""
ID: Final = "shipped"
"""Id of a copy among one's own runs."""


def shipped(plugins: Plugins) -> Mapping[str, Path]:
    """Return experiment -> folder of the trained run that its plugin brings."""
    found: dict[str, Path] = {}
    for _, file in plugins.experiment_files():
        for config in sorted((Path(file).parent / FOLDER).glob(f"*/{run_files.CONFIG}")):
            found.setdefault(config.parent.name, config.parent)
    return found


def find_trained(text: str, runs: Path, plugins: Callable[[], Plugins]) -> Path:
    """Return the finished run that `text` means: one's own, or else the one that comes with the plugin.

    Args:
        text: As in `mmx.runs.history.find_run`; of shipped runs, the name of the experiment.
        runs: Where run folders are.
        plugins: Opens the plugins; called only where there is no run of one's own.

    Raises:
        DataError: There is neither.
    """
    try:
        return find_run(text, runs, finished=True)
    except DataError:
        folder = shipped(plugins()).get(text)
        if folder is None:
            raise
        return folder


def copy(folder: Path, runs: Path) -> tuple[Path, bool]:
    """Copy a shipped run among one's own, and return where it is and whether it was not there before.

    Raises:
        DataError: It cannot be written.
    """
    target = runs / folder.name / ID
    if target.exists():
        return target, False
    partial = target.with_name(f".{ID}-{os.getpid()}")  # so that no half of one is ever called by its name
    try:
        shutil.copytree(folder, partial)
        partial.replace(target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target, True
