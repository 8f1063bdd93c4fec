"""Checkpoints under injected faults: whatever fails, weights and state are those of one and the same save."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import TrainingError
from mmx.support import files
from mmx.tracking.payload import _MODEL_FILES
from mmx.training import checkpoint
from tests.faults.layer import filled, held


def tried(folder: Path, fault: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.faults.layer", str(folder / "checkpoint"), fault]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("fault", ["kill", "torn"])
def test_killed_at_any_operation_one_whole_checkpoint_is_left(tmp_path: Path, fault: str) -> None:
    found = tried(tmp_path, fault)
    assert len(found) >= 7, "two writes, four times fsync, two renames, the old state"
    for each in found:
        assert each["killed"]
        assert each["held"] in ({"weights": 1, "state": 1}, {"weights": 2, "state": 2}), each
        assert each["after"] == {"weights": 3, "state": 3}
    assert found[0]["held"]["weights"] == 1
    assert found[-1]["held"]["weights"] == 2


def test_a_full_disk_at_any_operation_is_one_line_and_leaves_one_whole_checkpoint(tmp_path: Path) -> None:
    found = tried(tmp_path, "full")
    assert len(found) >= 7
    for each in found:
        assert each["held"] in ({"weights": 1, "state": 1}, {"weights": 2, "state": 2}), each
        if each["held"]["weights"] == 1:
            assert "No space left on device; the one before is whole" in each["raised"].replace("[Errno 28] ", "")
        assert each["after"] == {"weights": 3, "state": 3}
        assert each["files"] == ["model.safetensors", "state"], "nothing temporary stays"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """The first byte, the state, the weights: wherever the space ends."""
    folder, filler = small_disk / "checkpoint", small_disk / "filler"
    raised = 0
    for free in range(0, 40, 4):
        filler.unlink(missing_ok=True)
        checkpoint.save(folder, filled(1), {"value": 1})
        space = os.statvfs(small_disk)
        filler.write_bytes(bytes(max(0, space.f_bavail * space.f_frsize - 1024 * free)))
        try:
            checkpoint.save(folder, filled(2), {"value": 2})
        except TrainingError as error:
            raised += 1
            assert "\n" not in str(error)
            assert "the one before is whole" in str(error)
            assert held(folder) == {"weights": 1, "state": 1}
        else:
            assert held(folder) == {"weights": 2, "state": 2}
        assert not list(folder.glob(".*")), "nothing temporary stays"
    assert 3 <= raised < 10


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    kept = [
        tmp_path / "journal.jsonl",
        tmp_path / ".lock",
        tmp_path / "checkpoint" / "model.safetensors",
        tmp_path / ".tmp",
    ]
    left = [tmp_path / ".report.7.tmp.html", tmp_path / "checkpoint" / ".model.812.tmp", tmp_path / ".a.b.1.tmp"]
    (tmp_path / "checkpoint").mkdir()
    for path in (*kept, *left):
        path.touch()
    sent = [path for pattern in _MODEL_FILES for path in tmp_path.glob(pattern)]
    assert sent == [tmp_path / "checkpoint" / "model.safetensors"]
    files.remove_temporaries(tmp_path)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in left)
