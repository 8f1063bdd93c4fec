"""Delivery of one journal to one MLflow run.

The sink reads the journal like any other reader and remembers how far it got (`mlflow.json` in the run folder), so
that a live run, a resumed run and a replay after an outage are one and the same mechanism. If the journal is no longer
what it was (a power cut took its end), everything is sent again. What is sent twice lands on itself: metrics carry the
journal's times, artifacts their names, the MLflow run a tag with the run folder's identity, which is known before
MLflow is asked for a run.

What MLflow refuses for good, or what cannot be read here, is passed over with one line that names it; what fails
because MLflow is away is sent again later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from mmx.support import run_files
from mmx.support.files import write_text
from mmx.support.redact import redact_address, redact_text, redacted_copy
from mmx.support.text import one_line as shortened
from mmx.tracking import payload
from mmx.tracking.downsampling import Point, Thinning
from mmx.tracking.journal import ABOUT, Entry, mark, metric_values, read
from mmx.tracking.mlflow_client import (
    IDENTITY,
    Unreachable,
    check_destination,
    connect,
    described_model,
    experiment_id,
    find_run_of,
    guarded,
    is_permanent,
    is_same_run,
    link_model,
    logged_model,
    one_line,
)
from mmx.tracking.payload import charted_key, metric_key
from mmx.tracking.uri import is_same_or_moved

T = TypeVar("T")

STATE: Final = "mlflow.json"
STATUSES: Final = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "pruned": "KILLED"}
_BATCH: Final = 1000
"""Metrics that MLflow takes in one call."""
_PARAMS: Final = 100
_LONGEST_TAG: Final = 5000


class MlflowSink:
    """Delivery of one run folder to MLflow; `skipped` counts what was said in one line and never will be delivered.

    Args:
        folder: The run folder with its journal.
        uri: Tracking URI.
        say: Called with one line for each thing that could not be delivered.
        announce: Called with `uri`, `experiment_id` and `run_id` when the MLflow run is known.
    """

    def __init__(
        self,
        folder: Path,
        uri: str,
        *,
        say: Callable[[str], None],
        announce: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.folder = folder
        self.uri = uri
        self.run_id: str | None = None
        self.experiment_id: str | None = None
        self.delivered = 0
        self.skipped = 0
        self.last_beat = time.monotonic()
        self.importing = False
        self._say = say
        self._announce = announce
        self._client: Any = None
        self._thinning = Thinning()
        self._last: dict[str, Point] = {}
        self._nonfinite = 0
        self._dataset: tuple[str, str] | None = None
        self._restore()
        self._recall()

    @property
    def state(self) -> dict[str, str]:
        """Which run this is: `uri` (without password), `experiment_id`, `run_id`."""
        return {
            "uri": redact_address(self.uri),
            "experiment_id": self.experiment_id or "",
            "run_id": self.run_id or "",
        }

    def pump(self) -> None:
        """Deliver whatever the journal holds beyond what was delivered.

        Raises:
            Unreachable: MLflow does not answer; call again later.
        """
        journal = self.folder / run_files.JOURNAL
        with guarded(self.uri):
            self._connect()
        waiting: list[Entry] = []
        try:
            for entry in read(journal, offset=self.delivered):
                waiting.append(entry)
                if entry.event != "metrics" or len(waiting) >= _BATCH:
                    self._deliver(waiting)
                    waiting = []
            if waiting:
                self._deliver(waiting)
        except Unreachable:
            # Points that were chosen but not taken must be chosen again.
            self._recall()
            raise

    def _deliver(self, entries: Sequence[Entry]) -> None:
        """Send metrics entries that may end with one entry of another kind, and remember that they are sent."""
        with guarded(self.uri):
            metrics = [point for entry in entries if entry.event == "metrics" for point in self._points(entry)]
            self._send_metrics(metrics)
            last = entries[-1]
            handler = _HANDLERS.get(last.event)
            if handler is not None and (self.run_id is not None or last.event == "start"):
                self._attempt(payload.named(last), lambda: handler(self, last))
        self.delivered = entries[-1].end
        self._save()
        self._beat()

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        """Run `action`; what MLflow will never take is passed over with one line, everything else is raised."""
        try:
            action()
        except Exception as error:
            if what == "start" or not self._is_permanent(error):
                raise
            self._skip(what, error)

    def _skip(self, what: str, error: Exception) -> None:
        self.skipped += 1
        mine = isinstance(error, payload.Undeliverable)
        self._say(f"{'not delivered' if mine else 'MLflow refuses'}: {what}: {one_line(error)}")

    def _is_permanent(self, error: Exception) -> bool:
        return is_permanent(error, self.uri)

    # -- connection ---------------------------------------------------------------------------------------------

    @cached_property
    def _identity(self) -> str:
        """What tells this run from all others; asked for when the journal has its first line."""
        starts = (entry for entry in read(self.folder / run_files.JOURNAL) if entry.event == "start")
        return payload.identity(next(starts, None))

    def _connect(self) -> None:
        if self._client is not None:
            return
        client = connect(self.uri, self._beat, self._note_import)
        if self.run_id is not None and not is_same_run(client, self.run_id, self._identity):
            self._forget()
        self._client = client
        self._beat()

    def _beat(self) -> None:
        self.last_beat = time.monotonic()

    def _note_import(self, active: bool) -> None:
        self.importing = active
        self._beat()

    def _forget(self) -> None:
        """The store has lost the run (it was deleted, or is another store): deliver it again from the beginning."""
        self.run_id = self.experiment_id = None
        self.delivered = 0
        self._recall()
        self._save()

    # -- position -----------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Find the MLflow run that this folder belongs to, and what was delivered to it.

        A run is known by its id. A database may have been moved with its folder: whether the one at the present place
        knows this run is asked when it is opened.
        """
        mine = redact_address(self.uri)
        try:
            path = self.folder / STATE
            saved = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except (OSError, ValueError, RecursionError):
            saved = {}
        if isinstance(saved, dict) and is_same_or_moved(saved.get("uri"), mine) and payload.are_names(saved):
            self.run_id, self.experiment_id = saved["run_id"] or None, saved["experiment_id"] or None
            delivered = saved.get("delivered")
            if self.run_id and type(delivered) is int and delivered >= 0:
                there = mark(self.folder / run_files.JOURNAL, delivered)
                self.delivered = delivered if there and there == saved.get("mark") else 0
        for entry in read(self.folder / run_files.JOURNAL):
            announced = entry.event == "mlflow" and entry.fields.get("uri") == mine
            if announced and payload.are_names(entry.fields) and not self.run_id:
                self.run_id, self.experiment_id = entry.fields["run_id"], entry.fields["experiment_id"]

    def _recall(self) -> None:
        """Learn from the journal what the delivered part of it has left to know."""
        self._thinning = Thinning()
        self._last = {}
        self._nonfinite = 0
        self._dataset = None
        for entry in read(self.folder / run_files.JOURNAL):
            if entry.end > self.delivered:
                return
            if entry.event == "start":
                self._thinning.resume()
            elif entry.event == "metrics":
                list(self._points(entry))
            elif entry.event == "dataset":
                self._dataset = (entry.fields.get("name", "unnamed"), entry.fields.get("digest", ""))

    def _save(self) -> None:
        delivered = {"delivered": self.delivered, "mark": mark(self.folder / run_files.JOURNAL, self.delivered)}
        write_text(self.folder / STATE, json.dumps({**self.state, **delivered}) + "\n", verbatim=True)

    # -- events -------------------------------------------------------------------------------------------------

    def _on_start(self, entry: Entry) -> None:
        self._thinning.resume()
        if self.run_id is not None:
            self._client.update_run(self.run_id, status="RUNNING")
        else:
            name = entry.fields.get("experiment") or self.folder.resolve().parent.name
            self.experiment_id = experiment_id(self._client, self.uri, name)
            # A process that was killed behind `create_run` has left the run, but no word of it in the journal.
            self.run_id = find_run_of(self._client, self.experiment_id, self._identity) or self._create(entry, name)
            self._announce(self.state)
        self._client.set_tag(self.run_id, "mmx.status", "running")

    def _create(self, entry: Entry, experiment: str) -> str:
        tags = {"mlflow.source.type": "LOCAL", "mlflow.source.name": f"mmx run {experiment}", IDENTITY: self._identity}
        run = self._client.create_run(
            self.experiment_id, start_time=_milliseconds(entry), run_name=entry.fields.get("name"), tags=tags
        )
        return str(run.info.run_id)

    def _on_params(self, entry: Entry) -> None:
        from mlflow.entities import Param

        params = [Param(metric_key(key), payload.param_value(value)) for key, value in entry.fields["values"].items()]
        self._send(params, _PARAMS, "param", lambda chunk: self._client.log_batch(self.run_id, params=chunk))

    def _on_tags(self, entry: Entry) -> None:
        from mlflow.entities import RunTag

        values = {key: value for key, value in entry.fields["values"].items() if key not in (IDENTITY, ABOUT)}
        if ABOUT in entry.fields["values"]:
            about = redact_text(str(entry.fields["values"][ABOUT]))[:_LONGEST_TAG]
            self._client.set_experiment_tag(self.experiment_id, payload.NOTE, about)
        clean = {payload.shortened_key(key): redact_text(str(value))[:_LONGEST_TAG] for key, value in values.items()}
        if payload.NOTE in clean:
            clean[payload.NOTE] = payload.with_addresses(clean[payload.NOTE], self.run_id or "")
        tags = [RunTag(key, value) for key, value in clean.items()]
        self._send(tags, _PARAMS, "tag", lambda chunk: self._client.log_batch(self.run_id, tags=chunk))

    def _on_dataset(self, entry: Entry) -> None:
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        self._dataset = (entry.fields["name"], entry.fields["digest"])
        name, digest = self._dataset
        dataset = MetaDataset(CodeDatasetSource(entry.fields["card"]), name=name, digest=digest)
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self.run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])

    def _on_artifact(self, entry: Entry) -> None:
        path = payload.contained(self.folder, entry.fields["path"])
        self._check_destination()
        for file in payload.files(path):
            below = file.parent.relative_to(path).as_posix() if path.is_dir() else "."
            parts = [*Path(entry.fields.get("folder", "")).parts, *Path(below).parts]
            target = "/".join(part for part in parts if part not in ("", ".", "..", "/"))
            self._upload(file, target or None)

    def _on_table(self, entry: Entry) -> None:
        path = payload.contained(self.folder, entry.fields["path"])
        self._check_destination()
        self._upload(path, None)
        self._client.set_tag(self.run_id, "mlflow.loggedArtifacts", json.dumps([{"path": path.name, "type": "table"}]))

    def _on_model(self, entry: Entry) -> None:
        """Log the weights as a model of MLflow, laid out as in the run folder."""
        folder = payload.contained(self.folder, entry.fields["folder"])
        model = logged_model(self._client, self.experiment_id or "", self.run_id or "")
        check_destination(self.uri, model.artifact_location)
        for file in payload.model_files(folder):
            below = file.parent.relative_to(folder).as_posix()
            with self._readable(file) as clean:
                self._client.log_model_artifact(model.model_id, str(clean), None if below == "." else below)
            self._beat()
        with described_model(model, entry.fields.get("fields"), self.run_id or "") as file:
            self._client.log_model_artifact(model.model_id, str(file))
        self._client.finalize_logged_model(model.model_id, "READY")
        link_model(self._client, self.run_id or "", model.model_id)
        self._send_model_metrics(model, entry)

    def _send_model_metrics(self, model: Any, entry: Entry) -> None:
        name, digest = self._dataset or (None, None)
        there = {(each.key, each.value) for each in model.metrics or ()}
        for key, value in entry.fields["metrics"].items():
            # The run has most of these numbers already; the same time and step keep them one point.
            clean = charted_key(key)
            last = self._last.get(clean)
            known = last if last is not None and last[1] == value else (clean, value, _milliseconds(entry), 0)
            if (clean, value) not in there:
                self._client.log_metric(
                    self.run_id, *known, model_id=model.model_id, dataset_name=name, dataset_digest=digest
                )

    def _on_status(self, entry: Entry) -> None:
        status = entry.fields["status"]
        self._send_metrics(self._thinning.rest())
        self._client.set_tag(self.run_id, "mmx.status", status)
        self._client.set_terminated(self.run_id, STATUSES.get(status, "FAILED"), end_time=_milliseconds(entry))

    def _on_unreadable(self, entry: Entry) -> None:
        raise payload.Undeliverable(str(entry.fields["reason"]))

    # -- metrics and files --------------------------------------------------------------------------------------

    def _points(self, entry: Entry) -> Iterator[Point]:
        step, moment = entry.fields["step"], _milliseconds(entry)
        for key, value in metric_values(entry).items():
            name = charted_key(key)
            point = (name, value, moment, step)
            self._last[name] = point
            yield from self._thinning.take(point)
        infinite = entry.fields.get("nonfinite", 0)
        if infinite:
            self._nonfinite += infinite
            yield ("train/nonfinite", float(self._nonfinite), moment, step)

    def _send_metrics(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(*point) for point in points]
        self._send(metrics, _BATCH, "metric", lambda chunk: self._client.log_batch(self.run_id, metrics=chunk))

    def _send(self, items: Sequence[T], size: int, kind: str, send: Callable[[Sequence[T]], None]) -> None:
        """Send `items`, `size` at a time; one that MLflow refuses does not take the others with it."""
        for chunk in payload.chunks(items, size):
            payload.send_divided(
                chunk,
                send,
                permanent=self._is_permanent,
                refused=lambda item, error: self._skip(f"{kind} {shortened(str(getattr(item, 'key', '')), 80)}", error),
            )
            self._beat()

    def _check_destination(self) -> None:
        check_destination(self.uri, self._client.get_run(self.run_id).info.artifact_uri)

    @contextmanager
    def _readable(self, file: Path) -> Iterator[Path]:
        """Yield the file, or a copy without secrets; one that cannot be read is nobody else's fault."""
        with ExitStack() as stack:
            with payload.local(file.name):
                file.open("rb").close()
                clean = stack.enter_context(redacted_copy(file))
            yield clean

    def _upload(self, file: Path, target: str | None) -> None:
        with self._readable(file) as clean:
            self._client.log_artifact(self.run_id, str(clean), target)
        self._beat()


_HANDLERS: Final = {
    name.removeprefix("_on_"): handler for name, handler in vars(MlflowSink).items() if name.startswith("_on_")
}
"""What is done with each event: a name in a journal never reaches anything else."""


def _milliseconds(entry: Entry) -> int:
    return int(entry.time * 1000)
