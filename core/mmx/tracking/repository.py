"""Commit and uncommitted changes of a git repository, read without its configuration.

A repository's `.git/config` may name programs that git starts when it looks at the working tree: file monitors,
filters, text converters, external diffs, pagers, hooks. An unpacked archive may bring such a file. Git is therefore run
on a temporary repository of our own: `HEAD`, the refs and a copy of the index are taken over, the objects are read
where they are, and of the configuration only the few values of `_DATA` are kept, none of which names a program.
Submodules, which have configurations of their own, are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.support.redact import redact_text

PATIENCE: Final = 5.0
"""Seconds that git may take altogether; a run never waits longer for its own history."""
_LARGEST_DIFF: Final = 1_000_000
_MOST_UNTRACKED: Final = 200
_LARGEST_POINTER: Final = 4096
"""Bytes of a `.git` file or a `commondir` file."""
_DATA: Final = (
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "extensions.objectformat",
    "extensions.refstorage",
)
"""Settings that change how files are compared or stored, and can start nothing."""
_COPIED: Final = ("HEAD", "index", "packed-refs", "info/exclude")
_LINKED: Final = ("refs", "reftable")


@dataclass(frozen=True, slots=True)
class GitState:
    """The state of a working tree: its commit, and what is not committed (empty when clean), secrets redacted."""

    commit: str
    diff: str

    @property
    def dirty(self) -> bool:
        """Whether there are uncommitted changes."""
        return bool(self.diff)


def git_state(folder: Path) -> GitState | None:
    """Return the git state of the repository that `folder` lies in, None where there is none or git is missing.

    No program that the repository's own files name is started.
    """
    git = shutil.which("git")
    if git is None or not Path(git).is_absolute():  # "." in PATH would find a git in the repository
        return None
    try:
        root = next((each for each in (folder.resolve(), *folder.resolve().parents) if (each / ".git").exists()), None)
        if root is None:
            return None
        with tempfile.TemporaryDirectory(prefix="mmx-git-") as temporary:
            reader = _Reader(git, root, Path(temporary))
            return reader.state()
    except (OSError, ValueError, RuntimeError):
        return None


@dataclass
class _Reader:
    """Git on a temporary repository that stands in for the one at `root`."""

    git: str
    root: Path
    own: Path
    deadline: float = field(default_factory=lambda: time.monotonic() + PATIENCE)

    def state(self) -> GitState | None:
        """Return the commit and the changes, None where there is no commit."""
        private, common = _folders(self.root / ".git")
        self._prepare(private, common)
        commit = self._run("rev-parse", "--verify", "HEAD^{commit}", objects=common / "objects")
        return GitState(commit.strip(), self._changes(common / "objects")) if commit else None

    def _changes(self, objects: Path) -> str:
        if self._run("ls-files", "--", ".git", objects=objects) is None:  # the index needs a file beside it
            (self.own / "index").unlink(missing_ok=True)
            self._run("read-tree", "HEAD", objects=objects)
        options = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")
        tracked = self._run("diff", *options, "HEAD", "--", objects=objects) or ""
        untracked = self._run("ls-files", "--others", "--exclude-standard", objects=objects) or ""
        names = "".join(f"# untracked: {name}\n" for name in untracked.splitlines()[:_MOST_UNTRACKED])
        text = redact_text(names + tracked)
        return text if len(text) <= _LARGEST_DIFF else text[:_LARGEST_DIFF] + "\n# cut: the diff is longer\n"

    def _prepare(self, private: Path, common: Path) -> None:
        """Make the temporary repository."""
        (self.own / "info").mkdir()
        for name in _COPIED:
            source = private if name in ("HEAD", "index") else common
            with suppress(FileNotFoundError):
                # With its time: git compares the index's with those of files to see which it must read again.
                shutil.copy2(source / name, self.own / name)
        for name in _LINKED:
            if (common / name).is_dir():
                (self.own / name).symlink_to(common / name)
        lines = ["[core]", "bare = false", "repositoryformatversion = 1"]
        for key in _DATA:
            value = self._setting(common / "config", key)
            if value:
                section, _, name = key.partition(".")
                lines += [f"[{section}]", f"{name} = {value}"]
        (self.own / "config").write_text("\n".join(lines) + "\n", "utf-8")

    def _setting(self, config: Path, key: str) -> str:
        """Return one value of the repository's configuration; a word, or nothing."""
        found = self._run("config", "--file", str(config), "--no-includes", "--get", key, objects=None) or ""
        word = found.strip()
        return word if word.isalnum() else ""

    def _run(self, *arguments: str, objects: Path | None) -> str | None:
        """Return what a git command printed, None where it failed."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "XDG_CONFIG"))}
        environment |= _safe(self.own)
        command = [self.git, "--no-pager"]
        if objects is not None:
            environment |= {"GIT_OBJECT_DIRECTORY": str(objects), "GIT_WORK_TREE": str(self.root)}
            command += ["-C", str(self.root)]
        left = self.deadline - time.monotonic()
        if left <= 0:
            return None
        try:
            done = subprocess.run(  # noqa: S603 (an absolute path, a list of arguments)
                [*command, *arguments],
                cwd=self.own,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=left,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _safe(own: Path) -> Mapping[str, str]:
    """Return the environment in which git knows no configuration but that of the temporary repository."""
    return {
        "GIT_DIR": str(own),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(own),
        "LC_ALL": "C",
    }


def _folders(entry: Path) -> tuple[Path, Path]:
    """Return the folder of `HEAD` and the index, and that of objects and refs: two where a working tree is linked."""
    private = entry
    if entry.is_file():
        private = entry.parent / _pointer(entry).removeprefix("gitdir:").strip()
    common = private / _pointer(private / "commondir") if (private / "commondir").is_file() else private
    return private.resolve(), common.resolve()


def _pointer(file: Path) -> str:
    with file.open("rb") as handle:
        return handle.read(_LARGEST_POINTER).decode("utf-8").strip()
