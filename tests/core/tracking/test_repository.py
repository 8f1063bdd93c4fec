from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmx.tracking.repository import git_state


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("one\n")
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_repository_is_found_from_below_and_left_as_it_was(checkout: Path) -> None:
    below = checkout / "x" / "y"
    below.mkdir(parents=True)
    before = {path: path.stat().st_mtime_ns for path in (checkout / ".git").rglob("*")}
    (checkout / "a.txt").write_text("two\n")
    state = git_state(below)
    assert state is not None
    assert state.commit == git(checkout, "rev-parse", "HEAD")
    assert "-one\n+two\n" in state.diff
    assert {path: path.stat().st_mtime_ns for path in (checkout / ".git").rglob("*")} == before


def test_what_is_added_removed_renamed_ignored_or_excluded_is_told_as_git_tells_it(checkout: Path) -> None:
    (checkout / ".git" / "info").mkdir(exist_ok=True)
    (checkout / ".git" / "info" / "exclude").write_text("private\n")
    for name in ("added", "ignored", "private", "new"):
        (checkout / name).write_text(f"{name} content\n")
    git(checkout, "add", "added")
    (checkout / "a.txt").unlink()
    state = git_state(checkout)
    assert state is not None
    assert state.diff.splitlines()[0] == "# untracked: new"
    assert state.diff.partition("\n")[2].strip() == git(checkout, "diff", "HEAD")
    assert "ignored" not in state.diff
    assert "private" not in state.diff


def test_a_linked_working_tree_has_its_own_commit_and_changes(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = tmp_path / "linked"
    (linked / "b.txt").write_text("b\n")
    git(linked, "add", "b.txt")
    git(linked, "commit", "-qm", "second")
    (linked / "b.txt").write_text("c\n")
    state = git_state(linked)
    assert state is not None
    assert state.commit == git(linked, "rev-parse", "HEAD") != git(checkout, "rev-parse", "HEAD")
    assert "-b\n+c\n" in state.diff
    assert "a.txt" not in state.diff


@pytest.mark.parametrize(
    "prepare", [["pack-refs", "--all"], ["gc", "-q"], ["checkout", "-q", "--detach"], ["update-index", "--split-index"]]
)
def test_refs_and_index_are_read_however_they_are_stored(checkout: Path, prepare: list[str]) -> None:
    git(checkout, *prepare)
    (checkout / "a.txt").write_text("two\n")
    state = git_state(checkout)
    assert state is not None
    assert state.commit == git(checkout, "rev-parse", "HEAD")
    assert "-one\n+two\n" in state.diff


def test_objects_named_by_sha256_are_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "a.txt").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    state = git_state(tmp_path)
    assert state is not None
    assert len(state.commit) == 64
    assert not state.dirty


@pytest.mark.parametrize(
    "damage",
    ["no HEAD", "HEAD elsewhere", "no objects", "pointer to nothing", "pointer in bytes", "no commit"],
)
def test_a_damaged_repository_is_none(checkout: Path, damage: str) -> None:
    own = checkout / ".git"
    if damage == "no HEAD":
        (own / "HEAD").unlink()
    if damage == "HEAD elsewhere":
        (own / "HEAD").unlink()
        (own / "HEAD").symlink_to("/etc/passwd")
    if damage == "no objects":
        own.joinpath("objects").rename(own / "gone")
    if damage.startswith("pointer"):
        own.rename(checkout / "gone")
        own.write_bytes(b"gitdir: nowhere" if damage.endswith("nothing") else b"\xff\x00" * 9000)
    if damage == "no commit":
        own.joinpath("HEAD").write_text("ref: refs/heads/unborn\n")
    assert git_state(checkout) is None


def test_a_git_in_the_repository_is_not_the_git_that_is_started(checkout: Path) -> None:
    flag = checkout.parent / "started"
    fake = checkout / "git"
    fake.write_text(f"#!/bin/sh\ntouch '{flag}'\n")
    fake.chmod(0o755)
    code = "from pathlib import Path; from mmx.tracking.repository import git_state; print(git_state(Path.cwd()))"
    environment = {**os.environ, "PATH": f".:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, env=environment, capture_output=True, check=True)
    assert done.stdout == b"None\n"
    assert not flag.exists()
