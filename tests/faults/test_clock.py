"""Runs on a machine whose clock is set back, between them and while they work."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from mmx.runs.history import find_run, note_start
from mmx.runs.listed import summaries
from mmx.tracking import journal
from tests.core.saved import saved
from tests.test_plugin_faults import REGISTRY

RUN = """
import itertools, sys, time

real, strftime, asked = time.time, time.strftime, itertools.count()

def now():
    return real() - 86_400 * 2 - (3600 if next(asked) >= 3 else 0)  # two days late, and then an hour more

time.time = now
time.strftime = lambda form, moment=None: strftime(form, time.localtime(now()) if moment is None else moment)
from mmx.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_latest_run_the_order_and_all_durations_are_right(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    runs = tmp_path / "runs"
    before = saved(runs / "tiny" / time.strftime("%Y%m%d-%H%M%S-aaaa"), [])
    note_start(runs, before)
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", "tiny", "-q"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = find_run("latest", runs)
    assert folder != before and folder.name < before.name, "folders are named by the clock, and not found by it"
    last, first = summaries(runs)
    assert (last.folder.name, first.folder.name) == (folder.name, before.name)
    assert last.begun is not None and first.begun is not None and last.begun < first.begun
    assert last.seconds is not None and 0 < last.seconds < 280
    times = [entry.time for entry in journal.read(folder / "journal.jsonl")]
    assert times == sorted(times)
    assert 0 < journal.past(folder / "journal.jsonl").seconds < 280
    with sqlite3.connect(tmp_path / "runs" / "mlflow.db") as database:
        ((begun, ended),) = database.execute("select start_time, end_time from runs").fetchall()
    assert 0 < ended - begun < 280_000
