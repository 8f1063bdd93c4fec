"""An unpacked archive whose git configuration names programs: none of them starts when a run notes its provenance."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always")
KEYS = (
    "core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy",
    "core.alternateRefsCommand", "diff.external", "diff.evil.textconv", "diff.evil.command", "filter.evil.clean",
    "filter.evil.smudge", "filter.evil.process", "pager.diff", "pager.rev-parse", "pager.ls-files", "pager.config",
    "interactive.diffFilter", "gpg.program", "credential.helper", "sequence.editor", "trace2.eventTarget",
)  # fmt: skip
"""Settings whose value git may start as a program."""
BY_PLAIN_GIT = {"core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.command", "submodule", "hook"}
"""What `git diff` and `git status` start from such an archive, on any version of git: the archive is armed."""


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", "-C", str(folder), *IDENTITY, *arguments], check=check, capture_output=True)
    return done.stdout.decode().strip()


def program(folder: Path, name: str, markers: Path) -> str:
    """Write a program that leaves a marker, and return its path."""
    path = folder / f"{name}.sh"
    path.write_text(f"#!/bin/sh\nmkdir -p '{markers}'\ntouch '{markers}/{name}'\ncat 2>/dev/null\n")
    path.chmod(0o755)
    return str(path)


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", "a.txt")
    git(folder, "commit", "-qm", "first")
    return folder


def armed(folder: Path, markers: Path, keys: tuple[str, ...], *, include: bool = False) -> None:
    """Let the configuration of a repository name programs, directly or in a file that it includes."""
    target = ["--file", str(folder / ".git" / "more")] if include else ["--local"]
    for key in keys:
        git(folder, "config", *target, key, program(folder / ".git", key, markers))
    if any(key.startswith("filter.") for key in keys):
        git(folder, "config", *target, "filter.evil.required", "true")
    git(folder, "config", "extensions.partialClone", "origin")
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "config", "remote.origin.url", f"ext::{program(folder / '.git', 'remote', markers)}")
    git(folder, "config", "alias.diff", f"!{program(folder / '.git', 'alias', markers)}")
    git(folder, "config", "protocol.ext.allow", "always")
    if include:
        git(folder, "config", "include.path", "more")
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout"):
        Path(program(folder / ".git", "hook", markers)).replace(folder / ".git" / "hooks" / hook)
    (folder / ".gitattributes").write_text("*.txt filter=evil diff=evil\n*.md diff=evil\n")


def archive(folder: Path, *keys: str, include: bool = False) -> tuple[Path, Path]:
    """Return an unpacked archive with such a repository, and the folder where markers would appear."""
    markers = folder / "markers"
    made = repository(folder / "made")
    (made / "notes.md").write_text("one\n")
    git(made, "add", "notes.md")
    git(made, "commit", "-qm", "notes")
    inner = repository(folder / "inner")
    git(made, "submodule", "--quiet", "add", str(inner), "sub")
    git(made, "commit", "-qm", "submodule")
    sub = made / "sub"
    git(sub, "config", "core.fsmonitor", program(folder, "submodule", markers))
    with tarfile.open(folder / "archive.tar", "w") as packed:
        packed.add(made, "unpacked")
    with tarfile.open(folder / "archive.tar") as packed:
        packed.extractall(folder / "there", filter="tar")
    unpacked = folder / "there" / "unpacked"
    armed(unpacked, markers, keys, include=include)
    for name in ("a.txt", "notes.md", "sub/a.txt"):
        (unpacked / name).write_text("two\n")
    (unpacked / "sub" / ".git").write_text(f"gitdir: {made / '.git' / 'modules' / 'sub'}\n")
    shutil.rmtree(markers, ignore_errors=True)
    return unpacked, markers


def noted(folder: Path) -> str:
    """Return what a process in `folder` notes of its provenance."""
    code = "from mmx.tracking import provenance; state = provenance.git_state(); print(state and state.diff)"
    environment = {**os.environ, "GIT_PAGER": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def started(markers: Path) -> set[str]:
    return {path.name for path in markers.glob("*")}


@pytest.mark.parametrize("include", [False, True], ids=["config", "included"])
def test_no_program_of_a_repository_starts(tmp_path: Path, include: bool) -> None:
    unpacked, markers = archive(tmp_path, *KEYS, include=include)
    text = noted(unpacked)
    assert started(markers) == set()
    assert "-one\n+two" in text
    assert "a.txt" in text
    assert "notes.md" in text


@pytest.mark.parametrize("key", KEYS)
def test_no_program_starts_where_it_is_the_only_one(tmp_path: Path, key: str) -> None:
    unpacked, markers = archive(tmp_path, key)
    text = noted(unpacked)
    assert started(markers) == set()
    assert "-one\n+two" in text


def test_plain_git_would_have_started_them(tmp_path: Path) -> None:
    """The test of the tests: without care, `git diff` and `git status` do start what such an archive names."""
    seen: set[str] = set()
    for index, key in enumerate(("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.command")):
        unpacked, markers = archive(tmp_path / str(index), key)
        for command in (["diff", "HEAD"], ["status"]):
            git(unpacked, *command, check=False)
        seen |= started(markers)
    assert seen >= BY_PLAIN_GIT
