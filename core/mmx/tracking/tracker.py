"""The record of a run: a journal on disk, and a thread that delivers it to MLflow.

The training thread only appends to the journal. Whatever happens to MLflow (a dead server, a locked database, a full
disk over there) costs one recorded line; `mmx sync` delivers the rest later.
"""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from filelock import FileLock, Timeout

from mmx.errors import DataError, UserError
from mmx.support import files, run_files
from mmx.support.redact import redact_text, redact_values, remember
from mmx.tracking import journal, payload, provenance
from mmx.tracking.delivery import Follower, deliver
from mmx.tracking.journal import Journal
from mmx.tracking.mlflow_client import Unreachable
from mmx.tracking.mlflow_sink import MlflowSink
from mmx.tracking.repository import GitState
from mmx.tracking.uri import run_link, store_uri

if TYPE_CHECKING:
    from mmx.types import Card

LOCK: Final = "tracking.lock"
"""Held by whoever delivers the journal: a live run, or `mmx sync`."""

_DIGEST = 36
_PATIENCE = 20.0
_PATIENCE_INTERRUPTED = 5.0
_PATIENCE_FULL = 1.0
"""Seconds for a delivery that cannot succeed: the end of the journal could not be written."""


class Tracker:
    """The record of one run: the journal is the truth, MLflow is told in the background.

    Use `open`. No method raises because of MLflow; what could not be delivered is in `problems`, one line each.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], follow: str | None, warn: Callable[[str], None]) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self._names = names
        self._warn = warn
        self._lock = _hold(folder)
        files.close_to_others(folder)
        self._resumed, self._known = _history(folder / run_files.JOURNAL)
        self._journal = Journal(folder / run_files.JOURNAL, problem=self._say)
        self._follower = Follower(folder, follow, say=self._say, announce=self._announce) if follow else None
        self._finished = False
        self._full = False

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        experiment: str,
        run_name: str,
        uri: str | None,
        enabled: bool = True,
        warn: Callable[[str], None] = lambda line: None,
    ) -> Tracker:
        """Open the record of the run in `folder`; one that is already there is continued, in MLflow too.

        Args:
            folder: The run folder, `runs/<experiment>/<id>`.
            experiment: Name of the MLflow experiment: the registry entry.
            run_name: Name of the run in MLflow.
            uri: Tracking URI; None means `MLFLOW_TRACKING_URI`, else `runs/mlflow.db`.
            enabled: False keeps the journal and leaves MLflow alone.
            warn: Called with each problem as it happens, from any thread.

        Raises:
            UserError: The folder cannot be written, or another process is writing this run.
        """
        names = {"experiment": experiment, "name": run_name}
        follow = store_uri(folder.resolve().parent.parent, uri) if enabled else None
        try:
            return cls(folder, names, follow, warn)
        except OSError as error:
            raise UserError(f"{folder}: cannot write the run folder: {error.strerror or error}") from error

    @property
    def link(self) -> str | None:
        """How to open the run in MLflow's training view; None until MLflow knows it."""
        return self._follower.link if self._follower else None

    @property
    def run_id(self) -> str | None:
        """The run's id in MLflow; None until MLflow knows it."""
        return self._follower.run_id if self._follower else None

    def start(
        self,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        note: str,
        dataset: tuple[str, str, Card] | None,
        command: str = "",
        after: float = 0.0,
    ) -> None:
        """Record what the run is; MLflow is contacted from here on, in the background.

        Args:
            params: Resolved configuration, flat and dotted.
            tags: Further facts: versions of plugins, preset, seed.
            note: Markdown: what this run is.
            dataset: Name, digest and card of the corpus; None for what has none.
            command: The command line that repeats the run.
            after: Seconds that this process has worked for the run already.
        """
        remember(flat(params))
        write = self._journal.write
        write("start", sync=True, resumed=self._resumed, command=command, after=round(after, 2), **self._names)
        fresh = {key: value for key, value in redact_values(flat(params)).items() if self._is_new(key, value)}
        write("params", values=fresh)
        git = provenance.git_state()
        self._told = note
        write("tags", values=redact_values({**self._own_tags(note, git), **tags}))
        if dataset is not None:
            name, digest, card = dataset
            facts = {key: str(value) for key, value in asdict(card).items() if value and key in _CARD_FACTS}
            write("dataset", name=name, digest=digest[:_DIGEST], card=redact_values(facts))
        if git is not None and git.dirty:
            with self._spared():
                self.artifact(files.write_text(self.folder / run_files.GIT_DIFF, git.diff))
        if self._follower is not None and self._follower.ident is None:
            self._follower.start()

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers of a step, keys like `train/distill/loss`. Costs microseconds; give plain numbers."""
        self._journal.metrics(step, values)

    def pictures(self, captions: Mapping[str, str]) -> None:
        """Show images in the run's description, which is the first thing on its page.

        MLflow's own cards of images, which `mlflow.log_image` fills, print all parameters of the run above each.

        Args:
            captions: Path of an image among the artifacts -> what it shows.
        """
        shown = "".join(f"![]({payload.ARTIFACT}{quote(path)})\n\n{text}\n\n" for path, text in captions.items())
        self.tag(payload.NOTE, _note(self._told, self.folder, shown))

    def artifact(self, path: Path, folder: str = "") -> None:
        """Record a file of the run folder, or a folder with all files in it, to be shown below `folder` in MLflow."""
        self._journal.write("artifact", path=self._relative(path), folder=folder)

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record the table of items as `predictions.json`; `id` comes first: MLflow joins runs by it."""
        with self._spared():
            path = files.write_json(self.folder / run_files.PREDICTIONS, table(rows))
            self._journal.write("table", path=self._relative(path))

    def model(self, folder: Path, metrics: Mapping[str, float], fields: Mapping[str, str] | None = None) -> None:
        """Record the weights in `folder`, a run folder or one of safetensors, as a model with its numbers.

        Args:
            folder: The folder.
            metrics: The numbers by name.
            fields: Field that the model reads -> modality, for a run folder: `mlflow.pyfunc` can predict with it.
        """
        plain = {key: value for key, value in metrics.items() if math.isfinite(value)}
        self._journal.write("model", folder=self._relative(folder), metrics=plain, fields=dict(fields or {}))

    def tag(self, key: str, value: str) -> None:
        """Record one more fact about the run."""
        self._journal.write("tags", values=redact_values({key: value}))

    def finish(self, status: str, error: str = "") -> None:
        """End the run: "completed", "failed", "interrupted" or "pruned". Everything still waiting is delivered.

        Args:
            status: How it ended.
            error: What went wrong; it becomes `error.txt`, unless that is there and tells it already.
        """
        if self._finished:
            return
        self._finished = True
        if error:
            self._explain(error)
        self._journal.write("status", sync=True, status=status, error=redact_text(error)[-4000:])
        if self._follower is not None and self._follower.ident is not None:
            patience = _PATIENCE if status in ("completed", "failed") else _PATIENCE_INTERRUPTED
            patience = _PATIENCE_FULL if self._journal.failing else patience
            if not self._follower.stop(patience=patience):
                self._say(f"not everything reached MLflow; deliver it with: mmx sync {self.folder}")
        self._journal.close()
        self._lock.release()

    def flush(self) -> None:
        """Write what is buffered, for somebody who is about to read the journal."""
        self._journal.flush()

    def _explain(self, error: str) -> None:
        path = self.folder / run_files.ERROR
        with self._spared():
            if not path.is_file() or error.strip() not in path.read_text("utf-8", errors="replace"):
                files.write_text(path, redact_text(error))
            self.artifact(path)

    @contextmanager
    def _spared(self) -> Iterator[None]:
        """Turn what cannot be written (a full disk, a damaged image) into a recorded line: the run goes on."""
        try:
            yield
        except (OSError, DataError) as error:
            self._journal.flush()
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                if self._journal.failing or self._full:
                    return  # the full disk was told already
                self._full = True
            self._say(f"not recorded: {error}")

    def _own_tags(self, note: str, git: GitState | None) -> dict[str, str]:
        tags = {"mlflow.user": provenance.user(), payload.NOTE: _note(note, self.folder, "")}
        if git is not None:
            tags |= {"mlflow.source.git.commit": git.commit, "mmx.git_dirty": "yes" if git.dirty else "no"}
        return tags

    def _is_new(self, key: str, value: Any) -> bool:
        """MLflow's params never change; a resumed run keeps the ones it began with."""
        if key not in self._known:
            return True
        if self._known[key] != json.loads(json.dumps(value, default=str)):
            self._say(f"param {key} was {self._known[key]!r} at the start, is {value!r} now; MLflow keeps the first")
        return False

    def _relative(self, path: Path) -> str:
        full = path.resolve()
        root = self.folder.resolve()
        return full.relative_to(root).as_posix() if full.is_relative_to(root) else str(full)

    def _announce(self, state: Mapping[str, str]) -> None:
        self._journal.write("mlflow", sync=True, **state)

    def _say(self, line: str) -> None:
        if line not in self.problems:
            self.problems.append(line)
            self._journal.write("problem", message=line)
            self._warn(line)


_CARD_FACTS: Final = frozenset({"title", "summary", "licence", "url", "year", "synthetic"})


def sync(folder: Path, *, uri: str | None = None, say: Callable[[str], None] = lambda line: None) -> str:
    """Deliver the journal of the run in `folder` to MLflow and return its link; what is there already stays as it is.

    A run that ended without a word (killed, power cut) is marked as interrupted.

    Raises:
        UserError: There is no journal, or the run is still being written.
        MmxError: MLflow does not answer.
    """
    path = folder / run_files.JOURNAL
    events = [entry.event for entry in journal.read(path)]
    if "start" not in events:
        raise UserError(f"{folder}: no run here (no {run_files.JOURNAL}); run folders look like runs/<experiment>/<id>")
    lock = _hold(folder)
    try:
        if "status" not in events[len(events) - events[::-1].index("start") :]:
            _append(path, "status", status="interrupted", error="the process ended without a status")
        target = store_uri(folder.resolve().parent.parent, uri)
        sink = MlflowSink(folder, target, say=say, announce=lambda state: _append(path, "mlflow", **state))
        deliver(sink)
        if sink.skipped:
            say(f"{sink.skipped} of the run's records could not be delivered and were left out; the rest was")
    except Unreachable as error:
        raise Unreachable(f"{folder}: {error}") from error
    finally:
        lock.release()
    if sink.run_id is None:
        raise UserError(f"{folder}: its {run_files.JOURNAL} has no start that can be read; nothing was delivered")
    return run_link(target, sink.state["experiment_id"], sink.run_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted keys; anything else stays a value."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _append(path: Path, event: str, **fields: Any) -> None:
    record = Journal(path)
    record.write(event, sync=True, **fields)
    record.close()


def _hold(folder: Path) -> FileLock:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"{folder}: another process is writing this run; wait for it, or stop it") from None
    return lock


def _history(path: Path) -> tuple[bool, dict[str, Any]]:
    """Return whether the run was started before, and the params that it was started with."""
    known: dict[str, Any] = {}
    started = False
    for entry in journal.read(path):
        started |= entry.event == "start"
        if entry.event == "params":
            known |= entry.fields.get("values", {})
    return started, known


def _note(note: str, folder: Path, pictures: str) -> str:
    return (
        f"{pictures}{note.strip()}\n\n"
        "**How to read it.** *Model metrics* holds the curves: `train/<stage>/…` while it learned, `test/…` the "
        "judgement. *Artifacts* holds `report.html` with chance, the untrained network, baselines and controls beside "
        f"each number, and `{run_files.PREDICTIONS}` item by item. Run folder: `{'/'.join(folder.parts[-3:])}`."
    )


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rows as MLflow's table layout: columns and data, the id first."""
    numbered = [row if "id" in row else {"id": str(index), **row} for index, row in enumerate(rows)]
    columns = list(dict.fromkeys(["id", *(key for row in numbered for key in row)]))
    return {"columns": columns, "data": [[row.get(column) for column in columns] for row in numbered]}
