"""Provenance of a run: the commit and the uncommitted changes, versions, the kind of machine, the user."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from mmx.support.redact import redact_text

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
_LARGEST_DIFF: Final = 1_000_000
_PATIENCE: Final = 5.0
"""Seconds that git may take; a run never waits longer for its own history."""


@dataclass(frozen=True, slots=True)
class GitState:
    """The state of a working tree: its commit, and what is not committed (empty when clean), secrets redacted."""

    commit: str
    diff: str

    @property
    def dirty(self) -> bool:
        """Whether there are uncommitted changes."""
        return bool(self.diff)


def git_state(folder: Path | None = None) -> GitState | None:
    """Return the git state of `folder`, else of the checkout that mmx itself runs from, else None."""
    candidates = [folder] if folder is not None else [Path.cwd(), Path(__file__).resolve().parent]
    for candidate in candidates:
        commit = _git(candidate, "rev-parse", "HEAD")
        if commit:
            return GitState(commit.strip(), _diff(candidate))
    return None


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


def _diff(folder: Path) -> str:
    tracked = _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--") or ""
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard") or ""
    names = "".join(f"# untracked: {name}\n" for name in untracked.splitlines()[:200])
    text = redact_text(names + tracked)
    return text if len(text) <= _LARGEST_DIFF else text[:_LARGEST_DIFF] + "\n# cut: the diff is longer\n"


def _git(folder: Path, *arguments: str) -> str | None:
    # The repository's own configuration must not be able to start programs here.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
