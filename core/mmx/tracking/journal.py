"""Reading and writing of `journal.jsonl`: every event of a run, one JSON object per line, append-only.

Every line has `event` and `time`: wall clock, seconds, never before the line above, whatever the machine's clock does.
Events and their fields:

    start      experiment, name, resumed,         table      path
               command, after
    params     values                             model      folder, metrics
    tags       values                             status     status, error
    dataset    name, digest, card                 mlflow     uri, experiment_id, run_id
    metrics    step, values, nonfinite            problem    message
    artifact   path, folder

A run that was resumed has several `start`s; `command` is what was typed, `after` the seconds that its process had
worked before it. Paths are relative to the run folder. A value that is not a number is written as null and read as NaN;
infinite values are dropped and counted in `nonfinite`. Secrets are left out.

A run folder may come from anybody: fields are checked when they are read. A line whose fields are of a wrong type is
read as an entry `unreadable`, with the field `reason`; a line that is no JSON was torn by a crash and is passed over.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx.support.redact import redact_tree
from mmx.support.text import one_line

ABOUT: Final = "mmx.about"
"""Tag that describes the experiment itself; MLflow shows it above all its runs."""
UNREADABLE: Final = "unreadable"
"""What a line is read as whose fields are not what they must be."""
_TAIL: Final = 65_536
"""Bytes at the end of a journal in which its latest time is looked for."""
_MARKED: Final = 4096
"""Bytes before an offset that tell whether they are those that were there once: several lines, each with its time."""
_LATEST: Final = 1e11
"""Seconds since 1970 that a time may have: the year 5138; in milliseconds that fits into all databases."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal.

    Attributes:
        event: What happened.
        time: Wall-clock seconds.
        fields: The rest of the line.
        end: Offset in bytes just behind the line: where a reader that has seen it goes on.
    """

    event: str
    time: float
    fields: Mapping[str, Any]
    end: int


class Journal:
    """Appends events. `metrics` costs the caller microseconds: a thread encodes and writes once a second.

    A write that fails (disk full) is kept and tried again; nothing is raised into the training loop, and `problem` is
    called without any lock held: it may write to this journal itself.

    Args:
        path: The file; created with its folder. A torn last line of a crashed run is closed off first.
        interval: Seconds between writes of buffered metrics.
        problem: Called with one line when writing begins to fail.
    """

    def __init__(self, path: Path, *, interval: float = 1.0, problem: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._interval = interval
        self._problem = problem
        self.failing = False
        self._waiting: deque[tuple[float, int, Mapping[str, float]] | bytes] = deque()
        self._unwritten = bytearray()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._origin = max(time.time(), _last_time(path)) - _steady()
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        if _torn(self._descriptor):
            self._unwritten += b"\n"
        self._thread = threading.Thread(target=self._run, name="mmx-journal", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _now(self) -> float:
        """Return wall-clock seconds as they were at the start, and what has passed since: clocks are set anew."""
        return self._origin + _steady()

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Note numbers of a step."""
        self._waiting.append((self._now(), step, dict(values)))

    def write(self, event: str, *, sync: bool = False, **fields: Any) -> None:
        """Note an event and write everything up to it; `sync` waits until it is on disk."""
        self._waiting.append(_line(event, self._now(), redact_tree(fields)))
        self.flush(sync=sync)

    def flush(self, *, sync: bool = False) -> None:
        """Write what is waiting."""
        error = self._write_waiting(sync)
        begins, self.failing = error is not None and not self.failing, error is not None
        if begins and self._problem is not None:
            self._problem(f"{self.path}: cannot write the journal ({error}); kept in memory, trying again")

    def _write_waiting(self, sync: bool) -> str | None:
        """Write what is waiting; return why that failed, None where it did not."""
        with self._lock:
            if self._descriptor is None:
                return None
            while self._waiting:
                item = self._waiting.popleft()
                self._unwritten += item if isinstance(item, bytes) else _metrics_line(*item)
            try:
                while self._unwritten:
                    del self._unwritten[: os.write(self._descriptor, self._unwritten)]
                if sync:
                    os.fsync(self._descriptor)
            except OSError as error:
                return error.strerror or str(error)
        return None

    def close(self) -> None:
        """Write the rest and stop; later events are ignored."""
        atexit.unregister(self.close)
        self._closing.set()
        self.flush(sync=True)
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _run(self) -> None:
        while not self._closing.wait(self._interval):
            self.flush()


def _steady() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _last_time(path: Path) -> float:
    """Return the latest time at the end of a journal, 0 without one: a part that follows does not begin before it."""
    try:
        offset = max(0, path.stat().st_size - _TAIL)
    except OSError:
        return 0.0
    return max((entry.time for entry in read(path, offset=offset) if entry.time < _LATEST / 2), default=0.0)


def read(path: Path, *, offset: int = 0) -> Iterator[Entry]:
    """Yield the complete entries behind `offset`. Lines torn by a crash are passed over; a missing file is empty."""
    if not path.is_file():
        return
    with path.open("rb") as handle:
        handle.seek(offset)
        end = offset
        for line in handle:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            entry = _parse(line, end)
            if entry is not None:
                yield entry


def mark(path: Path, end: int) -> str:
    """Return what tells a journal before the offset `end` from any other: it may lose its last lines with the power.

    Nothing is returned where it does not reach so far.
    """
    if not path.is_file() or end > path.stat().st_size:
        return ""
    with path.open("rb") as handle:
        handle.seek(max(0, end - _MARKED))
        return hashlib.sha256(handle.read(min(end, _MARKED))).hexdigest()[:16]


def curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return every metric of a journal as (step, value) points by key; of a repeated step the last value counts."""
    found: dict[str, dict[int, float]] = {}
    for entry in read(path):
        if entry.event == "metrics":
            for key, value in metric_values(entry).items():
                found.setdefault(key, {})[entry.fields["step"]] = value
    return {key: sorted(points.items()) for key, points in found.items()}


@dataclass(frozen=True, slots=True)
class Past:
    """What a journal tells of the parts of a run so far.

    Attributes:
        seconds: How long they took together; of a part that was killed, until its last line.
        command: What was typed for the first; empty where that is not known.
        status: How the last one ended; "unknown" where it was killed.
    """

    seconds: float = 0.0
    command: str = ""
    status: str = "unknown"


def past(path: Path) -> Past:
    """Return what happened in a journal until now; a run that is resumed begins a part each time."""
    seconds, command, status = 0.0, "", "unknown"
    begun: float | None = None
    last = 0.0
    for entry in read(path):
        if entry.event == "start":
            seconds += 0.0 if begun is None else max(0.0, last - begun)
            begun, status = entry.time, "unknown"
            seconds += max(0.0, float(entry.fields.get("after") or 0.0))
            command = command or str(entry.fields.get("command") or "")
        elif entry.event == "status":
            status = str(entry.fields.get("status", status))
        last = entry.time if entry.event != UNREADABLE else last
        if entry.event == "status" and begun is not None:
            seconds, begun = seconds + max(0.0, last - begun), None  # what is delivered later is no work
    return Past(seconds + (0.0 if begun is None else max(0.0, last - begun)), command, status)


def metric_values(entry: Entry) -> dict[str, float]:
    """Return the numbers of a `metrics` entry, null as NaN."""
    return {key: math.nan if value is None else float(value) for key, value in entry.fields["values"].items()}


def _parse(line: bytes, end: int) -> Entry | None:
    """Return the entry of a line, None where it is no JSON."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    except RecursionError:
        return Entry(UNREADABLE, 0.0, {"reason": "nested too deeply"}, end)
    if not isinstance(record, dict):
        return Entry(UNREADABLE, 0.0, {"reason": "no object"}, end)
    event, moment = record.pop("event", None), record.pop("time", None)
    wrong = [name for name, value in record.items() if not _FIELDS.get(name, _is_anything)(value)]
    if event == "metrics" and not (_is_whole(record.get("step")) and _are_numbers(record.get("values"))):
        wrong.append("step or values")
    if not isinstance(event, str) or moment is None or not _is_number(moment) or not 0 <= moment < _LATEST:
        wrong = ["event or time"]
    if wrong:
        reason = f"{event if isinstance(event, str) else 'an entry'}: {', '.join(wrong)} cannot be what it says"
        return Entry(UNREADABLE, 0.0, {"reason": one_line(reason)}, end)
    return Entry(event, float(moment), record, end)


def _is_anything(value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, int | float) and isinstance(float(value), float)
    except OverflowError:
        return False


def _are_values(value: Any) -> bool:
    return isinstance(value, dict)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


_FIELDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("experiment", "name", "digest", "key", "path", "folder", "status", "error", "uri"), _is_text),
    **dict.fromkeys(("experiment_id", "run_id", "message", "command"), _is_text),
    "after": _is_number,
    **dict.fromkeys(("step", "nonfinite"), _is_whole),
    **dict.fromkeys(("values", "card"), _are_values),
    "metrics": _are_numbers,
}
"""What each field must be; of `metrics` events `values` are numbers, too."""


def _torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _line(event: str, moment: float, fields: Mapping[str, Any]) -> bytes:
    record = {"event": event, "time": round(moment, 3), **fields}
    return json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def _metrics_line(moment: float, step: int, values: Mapping[str, float]) -> bytes:
    kept: dict[str, float | None] = {}
    infinite = 0
    for key, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isinf(number):
            infinite += 1
        else:
            kept[key] = None if math.isnan(number) else number
    fields: dict[str, Any] = {"step": int(step), "values": kept}
    if infinite:
        fields["nonfinite"] = infinite
    return _line("metrics", moment, fields)
