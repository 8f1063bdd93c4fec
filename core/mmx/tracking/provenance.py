"""Provenance of a run: the commit and the uncommitted changes, versions, the kind of machine, the user."""

from __future__ import annotations

import getpass
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from mmx.tracking import repository
from mmx.tracking.repository import GitState

_PACKAGES: Final = (
    "mmx",
    "torch",
    "torchvision",
    "torchaudio",
    "timm",
    "transformers",
    "numpy",
    "scikit-learn",
    "mlflow",
)


def git_state(folder: Path | None = None) -> GitState | None:
    """Return the git state of `folder`, else of the checkout that mmx itself runs from, else None."""
    candidates = [folder] if folder is not None else [Path.cwd(), Path(__file__).resolve().parent]
    return next((state for state in map(repository.git_state, candidates) if state is not None), None)


@cache
def user() -> str:
    """Return the user's name, "unknown" where the machine does not know it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def environment(git: GitState | None = None) -> dict[str, str]:
    """Return what a reader needs to repeat the run: versions, platform, processors, commit."""
    facts = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": str(os.cpu_count()),
    }
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    if git is not None:
        facts["git_commit"] = git.commit
        facts["git_dirty"] = "yes" if git.dirty else "no"
    return facts
