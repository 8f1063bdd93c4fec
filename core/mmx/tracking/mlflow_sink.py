"""Delivery of one journal to one MLflow run.

The sink reads the journal like any other reader and remembers how far it got (`mlflow.json` in the run folder), so
that a live run, a resumed run and a replay after an outage are one and the same mechanism. Everything it sends twice
after a crash lands on itself: metrics carry the journal's times, artifacts their names.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from mmx.support.files import write_text
from mmx.support.redact import redact_address, redacted_copy
from mmx.tracking.downsampling import Point, Thinning
from mmx.tracking.journal import NAME, Entry, metric_values, read
from mmx.tracking.mlflow_client import Unreachable, connect, experiment_id, guarded, has_run, is_permanent, one_line

T = TypeVar("T")

STATE: Final = "mlflow.json"
STATUSES: Final = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "pruned": "KILLED"}

_BATCH: Final = 1000
"""Metrics that MLflow takes in one call."""
_PARAMS: Final = 100
_LONGEST_PARAM: Final = 500
_LONGEST_TAG: Final = 5000
_MODEL_FILES: Final = ("config.yaml", "report.json", "mmx.json", "checkpoint/*.safetensors", "*.safetensors")
"""What of a run folder makes a model: safetensors and plain text, nothing that could run code."""


class MlflowSink:
    """One run folder's way into MLflow.

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
        self.last_beat = time.monotonic()
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
        journal = self.folder / NAME
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
            self._attempt("metrics", lambda: self._send_metrics(metrics))
            last = entries[-1]
            handler = getattr(self, f"_on_{last.event}", None)
            if handler is not None:
                self._attempt(last.event, lambda: handler(last))
        self.delivered = entries[-1].end
        self._save()
        self.last_beat = time.monotonic()

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        """Run `action`; what MLflow will never take is passed over with one line, everything else is raised."""
        try:
            action()
        except Exception as error:
            if what == "start" or not is_permanent(error):
                raise
            self._say(f"MLflow did not take {what}: {one_line(error)}")

    # -- connection ---------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._client is not None:
            return
        client = connect(self.uri, self._beat)
        if self.run_id is not None and not has_run(client, self.run_id):
            self._forget()
        self._client = client
        self._beat()

    def _beat(self) -> None:
        self.last_beat = time.monotonic()

    def _forget(self) -> None:
        """The store has lost the run (it was deleted, or is another store): deliver it again from the beginning."""
        self.run_id = self.experiment_id = None
        self.delivered = 0
        self._recall()
        self._save()

    # -- position -----------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Find the MLflow run that this folder belongs to, and what was delivered to it."""
        mine = redact_address(self.uri)
        try:
            saved = json.loads((self.folder / STATE).read_text("utf-8"))
        except (OSError, ValueError):
            saved = {}
        if isinstance(saved, dict) and saved.get("uri") == mine:
            self.run_id, self.experiment_id = saved.get("run_id") or None, saved.get("experiment_id") or None
            self.delivered = int(saved.get("delivered", 0)) if self.run_id else 0
        for entry in read(self.folder / NAME):
            if entry.event == "mlflow" and entry.fields.get("uri") == mine and not self.run_id:
                self.run_id, self.experiment_id = entry.fields.get("run_id"), entry.fields.get("experiment_id")

    def _recall(self) -> None:
        """Learn from the journal what the delivered part of it has left to know."""
        self._thinning = Thinning()
        self._last = {}
        self._nonfinite = 0
        for entry in read(self.folder / NAME):
            if entry.end > self.delivered:
                return
            if entry.event == "metrics":
                list(self._points(entry))
            elif entry.event == "dataset":
                self._dataset = (entry.fields["name"], entry.fields["digest"])

    def _save(self) -> None:
        write_text(self.folder / STATE, json.dumps({**self.state, "delivered": self.delivered}) + "\n")

    # -- events -------------------------------------------------------------------------------------------------

    def _on_start(self, entry: Entry) -> None:
        if self.run_id is not None:
            self._client.update_run(self.run_id, status="RUNNING")
        else:
            self.experiment_id = experiment_id(self._client, self.uri, entry.fields["experiment"])
            tags = {"mlflow.source.type": "LOCAL", "mlflow.source.name": f"mmx run {entry.fields['experiment']}"}
            run = self._client.create_run(
                self.experiment_id, start_time=_milliseconds(entry), run_name=entry.fields["name"], tags=tags
            )
            self.run_id = run.info.run_id
            self._announce(self.state)
        self._client.set_tag(self.run_id, "mmx.status", "running")

    def _on_params(self, entry: Entry) -> None:
        from mlflow.entities import Param

        params = [Param(metric_key(key)[:250], _shown(value)) for key, value in entry.fields["values"].items()]
        for chunk in _chunks(params, _PARAMS):
            self._client.log_batch(self.run_id, params=chunk)

    def _on_tags(self, entry: Entry) -> None:
        from mlflow.entities import RunTag

        tags = [RunTag(key[:250], str(value)[:_LONGEST_TAG]) for key, value in entry.fields["values"].items()]
        for chunk in _chunks(tags, _PARAMS):
            self._client.log_batch(self.run_id, tags=chunk)

    def _on_dataset(self, entry: Entry) -> None:
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        self._dataset = (entry.fields["name"], entry.fields["digest"])
        name, digest = self._dataset
        dataset = MetaDataset(CodeDatasetSource(entry.fields["card"]), name=name, digest=digest)
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self.run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])

    def _on_image(self, entry: Entry) -> None:
        """Log a stepped image under the file names that the UI's image grid reads."""
        from PIL import Image

        fields = entry.fields
        key, step = metric_key(fields["key"]), int(fields["step"])
        name = f"{key.replace('/', '~')}+step+{step}+timestamp+{_milliseconds(entry)}"
        name += f"+{uuid.uuid5(uuid.NAMESPACE_OID, name)}"
        path = self._locate(fields["path"])
        with tempfile.TemporaryDirectory() as temporary:
            small = Image.open(BytesIO(path.read_bytes()))
            small.thumbnail((256, 256))
            small.save(Path(temporary, f"{name}+compressed.webp"))
            shutil.copyfile(path, Path(temporary, f"{name}.png"))
            self._client.log_artifacts(self.run_id, temporary, "images")
        self._client.set_tag(self.run_id, "mlflow.loggedImages", "true")

    def _on_artifact(self, entry: Entry) -> None:
        path = self._locate(entry.fields["path"])
        for file in _files(path):
            below = file.parent.relative_to(path).as_posix() if path.is_dir() else "."
            target = "/".join(part for part in (entry.fields["folder"], below) if part not in ("", "."))
            self._upload(file, target or None)

    def _on_table(self, entry: Entry) -> None:
        path = self._locate(entry.fields["path"])
        self._upload(path, None)
        self._client.set_tag(self.run_id, "mlflow.loggedArtifacts", json.dumps([{"path": path.name, "type": "table"}]))

    def _on_model(self, entry: Entry) -> None:
        """Log the weights as a model of MLflow, laid out as in the run folder."""
        from mlflow.entities import LoggedModelOutput

        model = self._logged_model()
        folder = self._locate(entry.fields["folder"])
        for file in sorted({file for pattern in _MODEL_FILES for file in folder.glob(pattern)}):
            below = file.parent.relative_to(folder).as_posix()
            with redacted_copy(file) as clean:
                self._client.log_model_artifact(model.model_id, str(clean), None if below == "." else below)
            self.last_beat = time.monotonic()
        self._client.finalize_logged_model(model.model_id, "READY")
        self._client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, 0)])
        name, digest = self._dataset or (None, None)
        for key, value in entry.fields["metrics"].items():
            # The run has most of these numbers already; the same time and step keep them one point.
            last = self._last.get(metric_key(key))
            known = last if last is not None and last[1] == value else (metric_key(key), value, _milliseconds(entry), 0)
            self._client.log_metric(
                self.run_id, *known, model_id=model.model_id, dataset_name=name, dataset_digest=digest
            )

    def _logged_model(self) -> Any:
        experiment = self._client.get_experiment(self.experiment_id).name
        name = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', experiment)}-{(self.run_id or '')[:8]}"
        found = self._client.search_logged_models([self.experiment_id], filter_string=f"name = '{name}'", max_results=1)
        if found:
            return found[0]
        return self._client.create_logged_model(
            self.experiment_id, name=name, source_run_id=self.run_id, model_type="mmx"
        )

    def _on_status(self, entry: Entry) -> None:
        status = entry.fields["status"]
        self._send_metrics(self._thinning.rest())
        self._client.set_tag(self.run_id, "mmx.status", status)
        self._client.set_terminated(self.run_id, STATUSES.get(status, "FAILED"), end_time=_milliseconds(entry))

    # -- metrics and files --------------------------------------------------------------------------------------

    def _points(self, entry: Entry) -> Iterator[Point]:
        step, moment = int(entry.fields["step"]), _milliseconds(entry)
        for key, value in metric_values(entry).items():
            name = metric_key(key)
            point = (name, value, moment, step)
            self._last[name] = point
            yield from self._thinning.take(point)
        infinite = int(entry.fields.get("nonfinite", 0))
        if infinite:
            self._nonfinite += infinite
            yield ("train/nonfinite", float(self._nonfinite), moment, step)

    def _send_metrics(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        for chunk in _chunks(points, _BATCH):
            self._client.log_batch(self.run_id, metrics=[Metric(*point) for point in chunk])
            self.last_beat = time.monotonic()

    def _locate(self, path: str) -> Path:
        return self.folder / path

    def _upload(self, file: Path, target: str | None) -> None:
        with redacted_copy(file) as clean:
            self._client.log_artifact(self.run_id, str(clean), target)
        self.last_beat = time.monotonic()


def metric_key(key: str) -> str:
    """Return `key` with nothing in it that MLflow refuses: `recall@1 (val)` becomes `recall_at_1_val`."""
    clean = re.sub(r"[^\w\-. /]+", "_", key.replace("@", "_at_"), flags=re.ASCII)
    parts = [part.strip("_. ") for part in re.sub(r"_*\s+_*", "_", clean).split("/")]
    return "/".join(part for part in parts if part)[:250] or "unnamed"


def _shown(value: Any) -> str:
    text = str(value)
    if len(text) <= _LONGEST_PARAM:
        return text
    return f"{text[:_LONGEST_PARAM]} … (cut, {len(text)} characters; all of it in config.yaml)"


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _milliseconds(entry: Entry) -> int:
    return int(entry.time * 1000)


def _files(path: Path) -> list[Path]:
    """Return the file, or the files below the folder, without links that lead out of it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is gone")
    if path.is_file():
        return [path]
    root = path.resolve()
    return sorted(file for file in path.rglob("*") if file.is_file() and file.resolve().is_relative_to(root))
