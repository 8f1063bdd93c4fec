from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mmx.tracking.journal import UNREADABLE, Journal, Past, curves, metric_values, past, read


def test_events_come_back_in_order_with_their_fields(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "journal.jsonl", interval=60)
    journal.write("start", name="x")
    journal.metrics(3, {"train/loss": 0.5})
    journal.write("status", sync=True, status="completed")
    entries = list(read(journal.path))
    assert [entry.event for entry in entries] == ["start", "metrics", "status"]
    assert entries[1].fields == {"step": 3, "values": {"train/loss": 0.5}}
    assert entries[0].time <= entries[1].time <= entries[2].time
    journal.close()


def test_reading_goes_on_behind_an_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for step in range(5):
        journal.metrics(step, {"a": step})
    journal.close()
    entries = list(read(journal.path))
    assert [entry.fields["step"] for entry in read(journal.path, offset=entries[2].end)] == [3, 4]


def test_nan_is_kept_and_infinity_is_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.metrics(0, {"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": 1.0, "e": "words"})  # type: ignore[dict-item]
    journal.close()
    line = json.loads(journal.path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert line["nonfinite"] == 2
    values = metric_values(next(iter(read(journal.path))))
    assert values["d"] == 1.0
    assert math.isnan(values["a"])
    assert math.isnan(values["e"])
    assert set(values) == {"a", "d", "e"}


def test_a_torn_last_line_is_passed_over_and_closed_off_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "j"
    first = Journal(path)
    first.write("start", name="x")
    first.close()
    with path.open("ab") as handle:
        handle.write(b'{"event": "metrics", "time": 1.0, "st')
    assert [entry.event for entry in read(path)] == ["start"]
    second = Journal(path)
    second.write("start", name="y")
    second.close()
    assert [entry.fields["name"] for entry in read(path)] == ["x", "y"]


@pytest.mark.parametrize("line", ["[]", "7", "null", "{}", '{"event": "x"}', "\\x00", "[" * 100_000])
def test_lines_that_are_no_entries_are_unreadable_and_torn_ones_are_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "j"
    path.write_text(f'{line}\n{{"event": "start", "time": 1.0}}\n')
    found = list(read(path))
    assert found[-1].event == "start"
    assert [entry.event for entry in found[:-1]] == ([] if line == "\\x00" else [UNREADABLE])


@pytest.mark.parametrize(
    "fields",
    [
        '"event": "metrics", "step": "3", "values": {}',
        '"event": "metrics", "step": 3, "values": []',
        '"event": "metrics", "step": 3, "values": {"a": "high"}',
        '"event": "metrics", "step": true, "values": {"a": 1}',
        '"event": "metrics", "step": 1e300, "values": {"a": 1}',
        f'"event": "metrics", "step": 1, "values": {{"a": 1{"0" * 400}}}',
        '"event": "metrics", "values": {"a": 1}',
        '"event": "artifact", "path": ["a"], "folder": ""',
        '"event": "artifact", "path": "a\\u0000b", "folder": ""',
        '"event": "params", "values": [1, 2]',
        '"event": "status", "status": null, "error": ""',
        '"event": "model", "folder": "", "metrics": {"a": {}}',
        '"event": {"a": 1}',
        '"event": "start", "time": 1e400',
        '"event": "start", "time": "noon"',
        '"event": "start", "time": NaN',
        '"event": "start", "time": -5',
    ],
)
def test_fields_of_a_wrong_type_make_an_entry_unreadable_and_no_other(tmp_path: Path, fields: str) -> None:
    path = tmp_path / "j"
    good = '{"event": "metrics", "time": 1.0, "step": 3, "values": {"a": 1.5}}'
    line = f'{{"time": 1.0, {fields}}}'
    path.write_text(f"{good}\n{line}\n{good}\n")
    found = list(read(path))
    assert [entry.event for entry in found] == ["metrics", UNREADABLE, "metrics"]
    assert found[1].fields["reason"]
    assert curves(path) == {"a": [(3, 1.5)]}


def test_a_problem_may_write_to_the_journal_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def problem(line: str) -> None:
        said.append(line)
        journal.write("problem", message=line)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path / "j", interval=60, problem=problem)
    write = os.write
    monkeypatch.setattr(os, "write", full)
    worker = threading.Thread(target=journal.write, args=("start",), daemon=True)
    worker.start()
    worker.join(30)
    assert not worker.is_alive(), "it waits for its own lock"
    assert journal.failing
    assert len(said) == 1
    monkeypatch.setattr(os, "write", write)
    journal.close()
    assert [entry.event for entry in read(journal.path)] == ["start", "problem"]
    assert not journal.failing


def test_secrets_do_not_reach_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.write("params", values={"hub_token": "abc123", "a": {"password": "abc123"}})
    journal.write("status", status="failed", error="https://me:abc@123@host/x, token=abc123")
    journal.close()
    assert "abc" not in journal.path.read_text()


def test_a_missing_journal_is_empty(tmp_path: Path) -> None:
    assert list(read(tmp_path / "nothing")) == []
    assert curves(tmp_path / "nothing") == {}


def test_metrics_are_written_by_the_thread_without_a_call(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", interval=0.01)
    journal.metrics(1, {"a": 1.0})
    for _ in range(24_000):
        if curves(journal.path):
            break
        threading.Event().wait(0.01)
    assert curves(journal.path) == {"a": [(1, 1.0)]}
    journal.close()


def test_a_killed_process_loses_only_what_was_not_flushed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from mmx.tracking.journal import Journal, curves\n"
        "journal = Journal(Path(sys.argv[1]), interval=0.05)\n"
        "for step in range(100): journal.metrics(step, {'a': step})\n"
        "while not curves(Path(sys.argv[1])): time.sleep(0.05)\n"
        "os._exit(9)\n"
    )
    path = tmp_path / "j"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(curves(path)["a"]) == 100


def test_a_process_that_ends_without_closing_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mmx.tracking.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), interval=60)\n"
        "for step in range(100): journal.metrics(step, {'a': step})\n"
        "raise RuntimeError('crash')\n"
    )
    path = tmp_path / "j"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, stderr=subprocess.DEVNULL)
    assert len(curves(path)["a"]) == 100


def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[str] = []
    journal = Journal(tmp_path / "j", interval=60, problem=problems.append)
    write = os.write
    full = True

    def limited(descriptor: int, data: bytes) -> int:
        if full:
            if len(data) < 8:
                raise OSError(28, "No space left on device")
            return write(descriptor, bytes(data[:4]))  # a disk that fills up in the middle of a line
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", limited)
    journal.write("start", name="x")
    journal.metrics(0, {"a": 1.0})
    journal.flush()
    assert len(problems) == 1
    assert "No space left" in problems[0]
    full = False
    journal.close()
    assert [entry.event for entry in read(journal.path)] == ["start", "metrics"]


def test_writers_in_several_threads_do_not_tear_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", interval=0.001)

    def work(key: str) -> None:
        for step in range(300):
            journal.metrics(step, {key: float(step)})
            if step % 50 == 0:
                journal.write("note", key=key)

    threads = [threading.Thread(target=work, args=(f"k{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert {key: len(points) for key, points in curves(journal.path).items()} == {
        f"k{index}": 300 for index in range(4)
    }
    assert sum(entry.event == "note" for entry in read(journal.path)) == 24


def test_curves_take_the_last_value_of_a_repeated_step(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    for step, value in [(0, 1.0), (1, 2.0), (2, 3.0), (1, 5.0)]:
        journal.metrics(step, {"a": value})
    journal.close()
    assert curves(journal.path) == {"a": [(0, 1.0), (1, 5.0), (2, 3.0)]}


def test_events_after_the_end_are_ignored(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.close()
    journal.write("late")
    journal.close()
    assert list(read(journal.path)) == []


def test_what_was_written_is_on_the_disk_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("mmx.tracking.journal.os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("start")
    journal.close()
    assert synced[-1] == (tmp_path / "journal.jsonl").stat().st_size > 0


def test_the_past_of_a_run_is_that_of_all_its_parts(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"event": "start", "time": 100, "command": "mmx run x a=1", "after": 2.5},
        {"event": "metrics", "time": 110, "step": 1, "values": {}},  # killed
        {"event": "start", "time": 1000, "command": "mmx run x", "after": 1},
        {"event": "status", "time": 1005, "status": "interrupted"},
        {"event": "problem", "time": 2000, "message": "delivered later"},
        {"event": "start", "time": 3000},
        {"event": "metrics", "time": 2990, "step": 2, "values": {}},  # the clock was set back
    ]
    path = tmp_path / "journal.jsonl"
    assert past(path) == Past()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert past(path) == Past(2.5 + 10 + 1 + 5 + 0, "mmx run x a=1", "unknown")
    with path.open("a") as file:
        file.write(json.dumps({"event": "status", "time": 3007, "status": "completed"}) + "\n")
    assert past(path) == Past(2.5 + 10 + 1 + 5 + 7, "mmx run x a=1", "completed")


def test_time_never_goes_back_within_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    for moment in (1_000_000.0, 900_000.0):  # the clock is set back before the second part
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda moment=moment: moment)
            written = Journal(path)
        written.write("start", experiment="x", name="y", resumed=False)
        written.metrics(1, {"loss": 1.0})
        written.write("status", status="completed", error="")
        written.close()
    times = [entry.time for entry in read(path)]
    assert times == sorted(times)
    assert times[0] >= 1_000_000.0 and times[-1] < 1_000_280.0
