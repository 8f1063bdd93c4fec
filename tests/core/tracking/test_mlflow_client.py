from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import requests
from filelock import FileLock
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from mmx.tracking import mlflow_client
from mmx.tracking.mlflow_client import (
    Unreachable,
    client_environment,
    connect,
    experiment_id,
    guarded,
    is_permanent,
    one_line,
)
from mmx.tracking.payload import Undeliverable
from tests.faults.sick_server import BOMB, sick_server


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (MlflowException("bad key", INVALID_PARAMETER_VALUE), True),
        (MlflowException("database is locked", TEMPORARILY_UNAVAILABLE), False),
        (FileNotFoundError("gone"), False),
        (Undeliverable("gone"), True),
        (ConnectionError("reset"), False),
        (OSError(28, "No space left on device"), False),
        (ValueError("bad"), True),
        (RuntimeError("who knows"), False),
    ],
)
def test_only_what_would_fail_again_is_permanent(error: Exception, permanent: bool) -> None:
    assert is_permanent(error, "sqlite:////x.db") is permanent


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "bad key"}), True),
        (RestException({"error_code": "INTERNAL_ERROR", "message": "oh"}), False),
        (MlflowException("error code 400", INVALID_PARAMETER_VALUE), False),  # a page of a proxy
        (ValueError("Expecting value: line 1 column 1"), False),
        (Undeliverable("gone"), True),
    ],
)
def test_a_server_that_is_ill_refuses_nothing_for_good(error: Exception, permanent: bool) -> None:
    assert is_permanent(error, "http://host") is permanent


def test_errors_become_one_short_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "xyzzy-xyzzy")
    line = one_line(ValueError("first\nsecond xyzzy-xyzzy " + "long " * 1000))
    assert line.startswith("ValueError: first second")
    assert "xyzzy" not in line
    assert len(line) < 400


def test_whatever_is_raised_inside_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="http://host: ZeroDivisionError"), guarded("http://me:pw@host"):
        raise ZeroDivisionError
    with pytest.raises(Unreachable, match="already"), guarded("http://host"):
        raise Unreachable("already said")


def test_the_environment_is_set_where_unset_and_taken_back_by_the_last_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with client_environment():
        with client_environment():
            assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
            assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"


def test_a_dead_server_is_found_out_before_mlflow_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_client, "answers", lambda uri: False)
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(Unreachable, match="http://host does not answer"):
        connect("http://me:pw@host")


class FakeClient:
    """Knows one experiment that another process makes while we are at it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def get_experiment_by_name(self, name: str) -> Any:
        self.calls.append("get")
        if self.calls.count("get") == 1:
            return None
        return type("Found", (), {"lifecycle_stage": "active", "experiment_id": 7})()

    def create_experiment(self, name: str, artifact_location: str | None, tags: dict[str, str]) -> str:
        self.calls.append("create")
        error = MlflowException("exists")
        error.error_code = "RESOURCE_ALREADY_EXISTS"
        raise error


def test_an_experiment_that_another_process_made_meanwhile_is_taken() -> None:
    client = FakeClient()
    assert experiment_id(client, "http://host", "x") == "7"
    assert client.calls == ["get", "create", "get"]


def test_artifacts_lie_beside_the_database_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/runs of mine/mlflow.db"
    client = connect(uri)
    found = client.get_experiment(experiment_id(client, uri, "../../up"))
    assert found.artifact_location == (tmp_path / "runs of mine" / "mlartifacts" / "_.._up").as_uri()
    assert not (tmp_path / "mlruns").exists()


def test_waiting_for_another_process_that_makes_the_tables_is_told(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    lock = FileLock(f"{tmp_path}/mlflow.db.lock")
    lock.acquire()
    told: list[bool] = []

    def waiting() -> None:
        told.append((tmp_path / "mlflow.db").exists())
        if len(told) == 2:
            lock.release()

    assert connect(uri, waiting).search_experiments()
    assert told == [False, False], "nobody touches the database before the lock is free"
    FileLock(f"{tmp_path}/mlflow.db.lock").acquire(timeout=0)


@pytest.mark.parametrize(
    "way", ["healthy then 100 MB of anything", "healthy then a bomb", "healthy then endless at once"]
)
def test_a_large_answer_is_refused_while_it_is_read(way: str) -> None:
    with sick_server(way) as address:
        mlflow_client.bound(f"{address}/")
        with pytest.raises(requests.exceptions.RequestException, match="more than 8,000,000 bytes"):
            requests.get(f"{address}/api", timeout=60)


def test_a_small_answer_is_read_and_its_encoding_not_guessed() -> None:
    with sick_server("healthy then another kind") as address:
        mlflow_client.bound(address.replace("http://", "http://me:pw@"))
        found = requests.get(f"{address}/api", timeout=60)
        assert (found.content, found.encoding) == (b"\x89PNG", "utf-8")
        with requests.get(f"{address}/api", timeout=60, stream=True) as streamed:
            assert streamed.raw.read() == b"\x89PNG"


def test_other_servers_are_left_alone() -> None:
    with sick_server("refuses") as ours, sick_server("healthy then a bomb") as other:
        mlflow_client.bound(ours)
        assert len(requests.get(f"{other}/api", timeout=60).content) == BOMB
