from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mmx.tracking import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("one\n")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_tree_has_a_commit_and_no_diff(repository: Path) -> None:
    state = provenance.git_state(repository)
    assert state is not None
    assert state.commit == git(repository, "rev-parse", "HEAD")
    assert not state.dirty


def test_a_dirty_tree_has_its_changes_without_secrets(repository: Path) -> None:
    (repository / "a.txt").write_text("two\npassword: xyzzy\n")
    (repository / "new.txt").write_text("three\n")
    state = provenance.git_state(repository)
    assert state is not None
    assert state.dirty
    assert "+two" in state.diff
    assert "# untracked: new.txt" in state.diff
    assert "three" not in state.diff
    assert "xyzzy" not in state.diff


def test_the_repository_cannot_start_programs(repository: Path) -> None:
    flag = repository.parent / f"{repository.name}-started"
    script = repository / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch '{flag}'\n")
    script.chmod(0o755)
    for key in ("diff.external", "core.fsmonitor", "diff.evil.textconv"):
        git(repository, "config", key, str(script))
    (repository / ".gitattributes").write_text("*.txt diff=evil\n")
    (repository / "a.txt").write_text("two\n")
    flag.unlink(missing_ok=True)
    state = provenance.git_state(repository)
    assert state is not None
    assert "+two" in state.diff
    assert not flag.exists()


def test_a_folder_without_git_is_none(tmp_path: Path) -> None:
    assert provenance.git_state(tmp_path) is None


def test_no_git_at_all_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_state(tmp_path) is None


def test_the_environment_names_versions_and_the_commit() -> None:
    facts = provenance.environment(provenance.GitState("abc", ""))
    assert facts["git_commit"] == "abc"
    assert facts["git_dirty"] == "no"
    assert {"python", "platform", "torch", "mlflow"} <= set(facts)


def test_a_machine_without_users_has_an_unknown_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    provenance.user.cache_clear()
    monkeypatch.setattr(provenance.getpass, "getuser", nobody)
    assert provenance.user() == "unknown"
    provenance.user.cache_clear()
