"""Runs whose terminal is closed: they save, go on, and their report tells of all their parts."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mmx.tracking import journal
from mmx.training import checkpoint
from tests.test_plugin_faults import REGISTRY

OVERRIDES = ["stages.learn.steps=3000", "settings.log_every=5", "settings.checkpoint_every=100000"]


def started(folder: Path, *arguments: str) -> tuple[int, int]:
    """Start `mmx` on a terminal of its own; return its number and the other end of the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "mmx", *arguments])
    return child, terminal


def wait_for(terminal: int, word: bytes, seconds: float = 240) -> bytes:
    """Read a terminal until a word appears on it."""
    seen = b""
    until = time.monotonic() + seconds
    while word not in seen and time.monotonic() < until:
        with suppress(OSError):
            seen += os.read(terminal, 4096)
    assert word in seen, seen
    return seen


def mmx(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mmx", *arguments], cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


def test_a_closed_terminal_saves_and_the_report_of_the_resumed_run_tells_of_both_parts(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    child, terminal = started(tmp_path, "run", "tiny", *OVERRIDES, "--seed", "3", "--no-tracking")
    wait_for(terminal, b"loss ")
    os.close(terminal)  # the kernel sends SIGHUP, and every further write to it fails
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGHUP
    (folder,) = (tmp_path / "runs" / "tiny").iterdir()
    assert checkpoint.complete(folder / "checkpoint")
    before = journal.past(folder / "journal.jsonl")
    assert before.status == "interrupted"
    assert before.seconds > 0.1

    begun = time.monotonic()
    done = mmx(tmp_path, "run", "--resume", "latest", "--no-tracking", "--plain")
    took = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["command"] == f"mmx run tiny {' '.join(OVERRIDES)} --seed 3"
    assert before.seconds < report["seconds"] < before.seconds + took

    again = mmx(tmp_path, "run", "--resume", folder.name)
    assert again.returncode == 0
    place = f"runs/tiny/{folder.name}"
    assert again.stdout == f"{place} is finished, there is nothing to resume; to judge it again: mmx eval {place}\n"
    assert json.loads((folder / "report.json").read_text()) == report


def test_with_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    source = (
        "import os, signal; from mmx.support.signals import Interrupt; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with Interrupt().handled(): os.kill(os.getpid(), signal.SIGHUP); print('on')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout == "on\n"
