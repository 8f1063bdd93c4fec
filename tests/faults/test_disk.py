"""A disk that fills up while a run trains: one line, exit 1, the last checkpoint whole, no waiting."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from mmx.support import run_files
from mmx.tracking import journal
from tests.faults import full_database

EXPERIMENT = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 32, test_clips: 16}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages: [{name: fit, steps: 1000000, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
    settings: {checkpoint_every: 10, log_every: 1}
"""
LINES = (
    r"error: cannot save the checkpoint in .+/checkpoint: .*No space left on device.*; the one before is whole$",
    r"warning: could not write .+/error\.txt$",
    r"warning: .+/journal\.jsonl: cannot write the journal \(No space left on device\); kept in memory, trying again$",
    r"warning: not recorded: .*No space left on device",
    r"warning: MLflow at .+: OperationalError: .+; the run goes on, the journal keeps everything$",
    r"warning: tracking: OSError: .*No space left on device.*; the run goes on, the journal keeps everything$",
    r"warning: not everything reached MLflow; deliver it with: mmx sync ",
)
"""All that may be said, each once; which of the warnings depends on what is being written when the disk is full."""
ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds for anything to happen, on a loaded machine; a run on a full disk used to hang for ever."""
FAILING = """
import errno, os, sys, threading
from pathlib import Path
full = Path(sys.argv.pop(1))
write, sync, rename = os.write, os.fsync, Path.replace
def guard(real):
    def call(*arguments, **named):
        if full.exists() and not (real is write and arguments[0] in (1, 2)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **named)
    return call
os.write, os.fsync, Path.replace = guard(write), guard(sync), guard(rename)
from mmx.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no right to mount a small disk; the failing layer of writes is tested instead")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def begin(command: list[str], folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a run that would train for hours, and return it with its folder once it has saved twice."""
    (folder / "registry.yaml").write_text(EXPERIMENT)
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for journals in folder.glob(f"runs/shapes/*/{run_files.JOURNAL}"):
            if max((step for step, _ in journal.curves(journals).get("train/fit/loss", ())), default=0) > 20:
                return process, journals.parent
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"it did not begin: {process.communicate()}")


def ends(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Return the exit code and the lines of errors, warnings and logs of a run whose disk is full."""
    try:
        _, said = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        raise AssertionError(f"it hangs; it said {process.communicate()}") from None
    return process.returncode, [
        line for line in said.splitlines() if line.startswith(("error", "warning", "Trace", "2"))
    ]


def check(run: Path, code: int, said: list[str]) -> None:
    assert code == 1, said
    told = Counter(next((kind for kind in LINES if re.match(kind, line)), line) for line in said)
    assert set(told) <= set(LINES), said
    assert told[LINES[0]] == 1 and max(told.values()) == 1, said
    with safe_open(run / "checkpoint" / "model.safetensors", "pt") as weights:
        assert list(weights.keys())
        assert all(weights.get_tensor(name).isfinite().all() for name in weights.keys())  # noqa: SIM118
    assert [path.name for path in run.rglob("*.tmp*")] == []
    assert journal.curves(run / run_files.JOURNAL)


@pytest.mark.timeout(900)
def test_a_full_disk_ends_a_run_with_one_line(small: Path) -> None:
    process, run = begin([sys.executable, "-m", "mmx", "run", "shapes", "-q"], small)
    fill(small)
    code, said = ends(process)
    check(run, code, said)
    (small / "ballast").unlink()
    more = ["run", "--resume", str(run), "-q", "--no-tracking"]
    resumed = subprocess.Popen(
        [sys.executable, "-m", "mmx", *more], cwd=small, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    before = max(step for step, _ in journal.curves(run / run_files.JOURNAL)["train/fit/loss"])
    deadline = time.monotonic() + PATIENCE
    while max(step for step, _ in journal.curves(run / run_files.JOURNAL)["train/fit/loss"]) <= before + 5:
        assert resumed.poll() is None, resumed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    resumed.kill()
    resumed.communicate()


def test_a_full_database_is_one_line_of_ours_and_nothing_of_its_client(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(full_database.__file__)), str(tmp_path)], capture_output=True, text=True, check=True
    )
    told = {row["place"]: row for row in map(json.loads, done.stdout.splitlines())}
    database = tmp_path / "runs" / "mlflow.db"
    assert {place: row["raised"] for place, row in told.items()} == {"": ""} | {
        place: f"{tmp_path}/runs/shapes/{place}: MLflow at sqlite:///{database}: "
        "OperationalError: database or disk is full"
        for place in full_database.PLACES
    }
    assert not any(row["said"] for row in told.values())
    assert done.stderr == ""


def test_writes_that_fail_end_a_run_with_one_line(tmp_path: Path) -> None:
    full = tmp_path / "full"
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, "-c", FAILING, str(full), "run", "shapes", "-q", "--no-tracking"]
    process, run = begin(command, work)
    full.touch()
    code, said = ends(process)
    check(run, code, said)
