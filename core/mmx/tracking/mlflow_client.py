"""Connections to MLflow: one client with short time-outs, tables created once, errors classified.

Together with `mlflow_sink.py` the only importer of mlflow.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from platform import python_version
from typing import Any, Final

from filelock import FileLock, Timeout

from mmx.errors import MmxError
from mmx.support import run_files, text
from mmx.support.redact import redact_address, redact_text
from mmx.tracking.artifact_places import artifact_place, mend_places
from mmx.tracking.payload import Undeliverable
from mmx.tracking.uri import ARTIFACTS, LARGEST, answers, is_http, is_of_this_machine, origin, sqlite_path

_QUIET: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
_TALKERS: Final = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3.connectionpool")
"""Loggers of the client. Each error they print, with its traceback, is raised too, and told in one line by us."""
_LONGEST_CREATION: Final = 120
"""Seconds that other processes are taken to be making tables; a lock that is held for longer is a hang."""
_EXPERIMENT_TAGS: Final = {"mlflow.experimentKind": "custom_model_development"}
LOADER: Final = "mmx.sharing.served"
"""Module that `mlflow.pyfunc` imports to load a model."""
IDENTITY: Final = "mmx.run"
"""Tag of an MLflow run: which run folder it belongs to. It is chosen before MLflow is asked."""
_PERMANENT: Final = frozenset(
    {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "NOT_IMPLEMENTED"}
)

_servers: set[tuple[str, str, int | None]] = set()
"""Servers whose answers are bounded, and lead nowhere else."""


class Unreachable(MmxError):
    """MLflow cannot be reached now; what was not delivered stays in the journal."""


def connect(
    uri: str, waiting: Callable[[], None] = lambda: None, importing: Callable[[bool], None] = lambda active: None
) -> Any:
    """Return a client for `uri`.

    Args:
        uri: Tracking URI.
        waiting: Called once a second while another process makes the tables of the database.
        importing: Called when importing mlflow, which takes seconds of work and waits for nobody, begins and ends.

    Raises:
        Unreachable: The server does not answer its health check within two seconds.
    """
    if is_http(uri) and not answers(uri):
        raise Unreachable(f"MLflow at {redact_address(uri)} does not answer")
    importing(True)
    try:
        from mlflow import MlflowClient

        if is_http(uri):
            bound(uri)
    finally:
        importing(False)
    _hush()  # after the import, which sets levels of its own
    with _creation_lock(uri, waiting):
        client = MlflowClient(tracking_uri=uri)
        # The first call creates or migrates the tables of a database; two processes at once would break it.
        client.search_experiments(max_results=1)
        database = sqlite_path(uri)
        if database is not None:
            mend_places(database)
    return client


def bound(uri: str) -> None:
    """Bound the answers of the server at `uri`, for the rest of the process; other servers' are left alone.

    MLflow's client keeps a whole answer in memory, unpacks it, and guesses in which encoding it is: of 100 MB of
    nonsense that takes a minute in which no other thread of Python runs, the training's included. It also sends a
    request again, with all that is in it, to wherever an answer leads: here only to the server itself.
    """
    import requests

    _servers.add(origin(uri))
    if getattr(requests.Session.send, "is_bounded", False):
        return
    send = requests.Session.send

    def bounded(self: Any, request: Any, **options: Any) -> Any:
        ours = _is_ours(request.url)
        if _read_bounded in request.hooks["response"]:  # an answer of a server of ours led here
            if not ours:
                raise requests.exceptions.TooManyRedirects("an answer leads to another server, which gets nothing")
        elif ours:
            request.register_hook("response", _read_bounded)  # is called before anything of the answer is read
        return send(self, request, **options)

    bounded.is_bounded = True  # type: ignore[attr-defined]
    requests.Session.send = bounded  # type: ignore[method-assign]


def _is_ours(url: str) -> bool:
    """Return whether an address is of a server of ours in the eyes of both that read it: Python and urllib3."""
    from urllib3.util import parse_url

    try:
        other = parse_url(url)
        return {origin(url), origin(f"{other.scheme}://{other.netloc}")} <= _servers
    except ValueError:
        return False


def _read_bounded(response: Any, *, stream: bool = False, **_options: Any) -> None:
    """Read an answer, and say that it is UTF-8 where it does not say what it is.

    Raises:
        requests.exceptions.ContentDecodingError: It is too large.
    """
    from requests.exceptions import ContentDecodingError

    if stream:
        return
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if len(body) > LARGEST:
            response.close()
            raise ContentDecodingError(f"an answer of more than {LARGEST:,} bytes", response=response)
    response._content = bytes(body)
    response.encoding = response.encoding or "utf-8"


def experiment_id(client: Any, uri: str, name: str) -> str:
    """Return the id of the experiment `name`; it is created, or restored after a deletion, where needed."""
    found = client.get_experiment_by_name(name) or _create_experiment(client, uri, name)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def is_same_run(client: Any, run_id: str, identity: str) -> bool:
    """Return whether the store knows the run, and it belongs to `identity`; a deleted one is restored."""
    try:
        found = client.get_run(run_id)
    except Exception as error:
        if getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return False
        raise
    if found.data.tags.get(IDENTITY) != identity:
        return False
    if found.info.lifecycle_stage == "deleted":
        client.restore_run(run_id)
    return True


def find_run_of(client: Any, experiment: str, identity: str) -> str | None:
    """Return the id of the run in an experiment that belongs to `identity`, None where there is none yet."""
    found = client.search_runs([experiment], filter_string=f"tags.`{IDENTITY}` = '{identity}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def check_destination(uri: str, location: str) -> None:
    """Refuse to write artifacts where a store has no say: both databases and servers may be anybody's.

    A database keeps them beside it. A server takes them itself, or names a place in the cloud; a folder of this machine
    is named by a server on it only, and credentials that are meant for one server go to no other.

    Raises:
        Undeliverable: `location` lies elsewhere.
    """
    database = sqlite_path(uri)
    parts = urllib.parse.urlsplit(location)
    is_folder = parts.scheme in ("", "file")
    if database is None:
        if is_http(uri) and not (is_of_this_machine(uri) if is_folder else _takes_them(uri, parts)):
            told = f"MLflow at {redact_address(uri)} wants files in {redact_address(text.one_line(location))}"
            raise Undeliverable(f"{told}: a server elsewhere chooses no folder here and no other server")
        return
    path = Path(urllib.parse.unquote(parts.path)) if is_folder and not parts.netloc else None
    if path is None or not path.resolve().is_relative_to((database.parent / ARTIFACTS).resolve()):
        told = (
            f"{database} wants files in {redact_address(text.one_line(location))}, not in {database.parent / ARTIFACTS}"
        )
        raise Undeliverable(f"{told}: a database from elsewhere does not choose where files go")
    if not (database.parent / ARTIFACTS).resolve().is_relative_to(database.parent.resolve()):
        raise Undeliverable(f"{database.parent / ARTIFACTS} is a link that leads elsewhere")


def _takes_them(uri: str, location: urllib.parse.SplitResult) -> bool:
    """Return whether an address that MLflow's client would send files to itself is of the server at `uri`."""
    if location.scheme not in ("http", "https", "mlflow-artifacts"):
        return True
    scheme = origin(uri)[0] if location.scheme == "mlflow-artifacts" else location.scheme
    return not location.netloc or origin(f"{scheme}://{location.netloc}") == origin(uri)


def logged_model(client: Any, experiment: str, run_id: str) -> Any:
    """Return the one model of a run; it is created where there is none yet."""
    called = re.sub(r"[^A-Za-z0-9_-]+", "-", client.get_experiment(experiment).name)
    name = f"{called}-{run_id[:8]}"
    found = client.search_logged_models([experiment], filter_string=f"name = '{name}'", max_results=1)
    if found:
        return found[0]
    return client.create_logged_model(experiment, name=name, source_run_id=run_id, model_type="mmx")


@contextmanager
def described_model(model: Any, fields: Any, run_id: str) -> Iterator[Path]:
    """Yield a file `MLmodel` for a logged model: its signature, and which module of mmx loads it for `mlflow.pyfunc`.

    Loading runs no code of the artifact: there is none in it, and no pickle.

    Args:
        model: The logged model.
        fields: Field that the model reads -> modality; each is a column, and so is `file`, which fills whatever it can.
        run_id: The run that it comes from.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    known = fields if isinstance(fields, dict) else {}
    columns = [ColSpec(AnyType(), name, required=False) for name in dict.fromkeys(["file", *map(str, known)])]
    # Rows of the answer have what the task gives; only the number of the input is the same for all.
    signature = ModelSignature(Schema(columns), Schema([ColSpec("long", "input")])) if known else None
    told = Model(
        model.artifact_location, run_id, signature=signature, model_id=model.model_id, metadata={"fields": known}
    )
    told.artifact_path = None  # a place on this machine, perhaps
    told.add_flavor("mmx", weights=f"{run_files.CHECKPOINT}/model.safetensors", config=run_files.CONFIG)
    if known:
        told.add_flavor("python_function", loader_module=LOADER, data=".", env=None, python_version=python_version())
    with tempfile.TemporaryDirectory() as folder:
        told.save(str(Path(folder, "MLmodel")))
        yield Path(folder, "MLmodel")


def link_model(client: Any, run_id: str, model_id: str) -> None:
    """Make a model an output of a run; a second time MLflow would refuse it."""
    from mlflow.entities import LoggedModelOutput

    outputs = client.get_run(run_id).outputs
    if model_id not in [each.model_id for each in (outputs.model_outputs if outputs else ())]:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])


def _create_experiment(client: Any, uri: str, name: str) -> Any:
    database = sqlite_path(uri)
    # Without a server, MLflow would put artifacts below the current folder.
    location = None if database is None else artifact_place(database, name)
    try:
        client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS)
    except Exception as error:
        # Another process was faster.
        if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_experiment_by_name(name)


@contextmanager
def _creation_lock(uri: str, waiting: Callable[[], None]) -> Iterator[None]:
    database = sqlite_path(uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{database}.lock")
    for second in range(_LONGEST_CREATION + 1):
        try:
            lock.acquire(timeout=1 if second < _LONGEST_CREATION else -1)
            break
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def guarded(uri: str) -> Iterator[None]:
    """Turn whatever mlflow raises into one line."""
    try:
        yield
    except Unreachable:
        raise
    except Exception as error:
        raise Unreachable(f"MLflow at {redact_address(uri)}: {one_line(error)}") from error


def is_permanent(error: Exception, uri: str) -> bool:
    """Return whether sending the same thing again would fail again: it is refused, damaged, or gone.

    Of a server only a refusal in MLflow's own form counts: anything else may be a proxy, or a server that is ill.
    """
    if isinstance(error, Undeliverable):
        return True
    refused = getattr(error, "error_code", "") in _PERMANENT
    if is_http(uri):
        return refused and hasattr(error, "json")
    return refused or isinstance(error, TypeError | ValueError | KeyError | AttributeError)


def one_line(error: Exception) -> str:
    """Return an error as one short printable line without secrets; of a database its own words, not the statement."""
    error = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
    said = text.one_line(redact_text(text.message_of(error)), 300)
    return said if isinstance(error, Undeliverable) else f"{type(error).__name__}: {said}"


_environment_lock = threading.Lock()
_environment_users = 0
_environment_set: list[str] = []
_levels: dict[str, int] = {}


def _hush() -> None:
    """Silence the loggers of the client; within `client_environment` their levels come back with its end."""
    with _environment_lock:
        for name in _TALKERS:
            talker = logging.getLogger(name)
            if _environment_users:
                _levels.setdefault(name, talker.level)
            talker.setLevel(logging.CRITICAL)


@contextmanager
def client_environment() -> Iterator[None]:
    """Give mlflow's client short time-outs and no chatter for a while, where the user has not said otherwise.

    The client knows its settings only as environment variables; they, and the levels of its loggers, are taken back
    when the last user leaves.
    """
    global _environment_users
    with _environment_lock:
        _environment_users += 1
        for key in [key for key in _QUIET if key not in os.environ]:
            os.environ[key] = _QUIET[key]
            _environment_set.append(key)
    try:
        yield
    finally:
        with _environment_lock:
            _environment_users -= 1
            while _environment_users == 0 and _environment_set:
                os.environ.pop(_environment_set.pop(), None)
            while _environment_users == 0 and _levels:
                name, level = _levels.popitem()
                logging.getLogger(name).setLevel(level)
