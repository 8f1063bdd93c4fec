"""A sick tracking server costs a run no more than a few seconds, and nothing of what it recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mmx.support import run_files
from mmx.tracking import journal
from tests.clock import idle
from tests.faults.sick_server import WAYS, sick_server

AT_THE_START, AT_THE_END, SLACK = 2.0, 5.0, 2.0
"""Seconds that are promised, of a clock that a busy machine does not move, and its error."""
HANGS = 10.0
"""Seconds after which MLflow's client gives a request up: waiting for one is found out."""
AT_WORK, MEMORY = 15.0, 350.0
"""CPU seconds and megabytes of a whole run, which is some tenths, and a hundred for what it imports."""
ROOT = Path(__file__).parents[2]
RUNS = """
import json, os, resource, sys, time
from pathlib import Path
import mlflow, mlflow.entities, PIL.Image
from mmx.tracking import provenance
from mmx.tracking.tracker import Tracker
from tests.clock import idle

os.fsync = lambda descriptor: None  # how slow the disk is makes no difference here, nor other programs
provenance.git_state = lambda: None

def run(way, address, root):
    begun = idle()
    folder = Path(root, way.replace(" ", "-"), "x", "y")
    tracker = Tracker.open(folder, experiment="x", run_name="y", uri=address)
    tracker.start(params={"a": 1}, tags={}, note="", dataset=None)
    started = idle()
    for step in range(30):
        tracker.metrics(step, {"train/fit/loss": 1.0})
        time.sleep(0.1)
    trained = idle()
    tracker.finish("completed")
    ended, memory = idle() - trained, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [started - begun, ended, tracker.problems, time.process_time(), memory]

children = {}
for way, address in json.loads(sys.argv[1]).items():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = run(way, address, sys.argv[2])
        os.write(writing, json.dumps(found).encode())
        os.close(writing)
        sys.exit(0)
    os.close(writing)
    children[child] = (way, reading)
found = {}
for child, (way, reading) in children.items():
    with os.fdopen(reading) as pipe:
        found[way] = json.loads(pipe.read())
    os.waitpid(child, 0)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[object]]]:
    """One run against each server, all at once: they mostly wait."""
    from contextlib import ExitStack

    root = tmp_path_factory.mktemp("runs")
    with ExitStack() as stack:
        addresses = {way: stack.enter_context(sick_server(way)) for way in WAYS}
        done = subprocess.run(
            [sys.executable, "-c", RUNS, json.dumps(addresses), str(root)],
            cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return root, json.loads(done.stdout)


@pytest.mark.parametrize("way", WAYS)
def test_a_sick_server_costs_seconds_and_loses_nothing(found: tuple[Path, dict[str, list[object]]], way: str) -> None:
    root, by_way = found
    started, ended, problems, worked, memory = by_way[way]
    assert isinstance(started, float)
    assert isinstance(ended, float)
    assert isinstance(problems, list)
    assert started < AT_THE_START + SLACK < HANGS
    assert ended < AT_THE_END + SLACK < HANGS
    assert isinstance(worked, float) and worked < AT_WORK, "reading an answer kept the training from running"
    assert isinstance(memory, float) and memory < MEMORY
    assert problems, "nobody said that MLflow has nothing"
    assert all(str(line).isprintable() for line in problems)
    file = root / way.replace(" ", "-") / "x" / "y" / run_files.JOURNAL
    assert len(journal.curves(file)["train/fit/loss"]) == 30
    assert [entry.fields["status"] for entry in journal.read(file) if entry.event == "status"] == ["completed"]


def test_the_clock_notices_a_hang_and_no_load() -> None:
    """A thread that works all the time, as many processes beside this one would, moves it no further than a sleep."""
    working = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        begun = idle()
        assert sum(number * number for number in range(2_000_000)) and idle() - begun < 1.0
        asleep = threading.Thread(target=time.sleep, args=(3.0,))
        begun = idle()
        asleep.start()
        asleep.join()
        assert 2.0 < idle() - begun <= 30.0
    finally:
        for process in working:
            process.kill()
            process.wait()


@pytest.mark.parametrize("way", ["healthy then silent", "health drips", "healthy then garbage"])
def test_sync_gives_a_sick_server_up_with_one_line(tmp_path: Path, way: str) -> None:
    code = (
        "import sys; from pathlib import Path; from mmx.tracking.tracker import Tracker\n"
        "from mmx.tracking import delivery; from mmx.cli import main; delivery.STALLED = 4.0\n"
        "folder = Path(sys.argv[1]) / 'runs' / 'x' / 'y'\n"
        "tracker = Tracker.open(folder, experiment='x', run_name='y', uri=None, enabled=False)\n"
        "tracker.start(params={}, tags={}, note='', dataset=None); tracker.finish('completed')\n"
        "sys.exit(main(['sync', str(folder)]))\n"
    )
    import os

    with sick_server(way) as address:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT, env={**os.environ, "MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "MLflow at http://127.0.0.1" in line
