"""Trained runs that come with plugins: the six papers' work at once, and nothing is written into their folders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx.errors import DataError
from mmx.runs.history import EXPORTED, status_of
from mmx.runs.shipped import copy, find_trained, shipped


@pytest.fixture
def plugins(tmp_path: Path) -> Any:
    """Plugins of which one brings a run of `echo`."""
    folder = tmp_path / "plugin" / "trained" / "echo"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: echo\n")
    (folder / "model.safetensors").write_bytes(b"weights")
    file = tmp_path / "plugin" / "experiments.yaml"
    return SimpleNamespace(experiment_files=lambda: [("echo", file), ("other", tmp_path / "other" / "x.yaml")])


def test_ones_own_run_comes_first(plugins: Any, tmp_path: Path) -> None:
    (theirs,) = shipped(plugins).values()
    runs = tmp_path / "runs"
    assert find_trained("echo", runs, lambda: plugins) == theirs
    own = runs / "echo" / "20260101-000000-aaaa"
    own.mkdir(parents=True)
    (own / "config.yaml").write_text("name: echo\n")
    (own / "journal.jsonl").write_text('{"event": "start", "time": 1.0}\n')
    assert find_trained("echo", runs, lambda: plugins) == theirs, "one's own has not finished"
    with (own / "journal.jsonl").open("a") as file:
        file.write('{"event": "status", "time": 2.0, "status": "completed", "error": ""}\n')
    assert find_trained("echo", runs, lambda: pytest.fail("needless")) == own
    with pytest.raises(DataError, match="no run 'ech' under"):
        find_trained("ech", runs, lambda: plugins)


def test_a_copy_is_a_run_like_any_other(plugins: Any, tmp_path: Path) -> None:
    (theirs,) = shipped(plugins).values()
    copied, new = copy(theirs, tmp_path / "runs")
    assert new and status_of(copied) == EXPORTED
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]
    assert find_trained("echo", tmp_path / "runs", lambda: pytest.fail("needless")) == copied
    (copied / "mine.txt").write_text("kept")
    assert copy(theirs, tmp_path / "runs") == (copied, False)
    assert (copied / "mine.txt").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        copy(theirs, tmp_path / "file")
