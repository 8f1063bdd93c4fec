"""Runs as models of MLflow: logged by a run, loaded by `mlflow.pyfunc`, without a pickle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import mlflow
import pandas as pd
import pytest
from safetensors.torch import load_file

import mmx
from mmx import DataError, LoadedRun
from mmx.sharing.served import Served
from mmx.tracking.mlflow_client import connect
from mmx.tracking.mlflow_sink import MlflowSink
from mmx.tracking.ui_server import free_port


@pytest.fixture(scope="module")
def logged(trained: LoadedRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A client of a database that the run was delivered to, and the id of its logged model."""
    root = tmp_path_factory.mktemp("store")
    uri, before = f"sqlite:///{root / 'mlflow.db'}", mlflow.get_tracking_uri()
    said: list[str] = []
    MlflowSink(trained.folder, uri, say=said.append, announce=lambda state: None).pump()
    assert said == []
    client = connect(uri)
    mlflow.set_tracking_uri(uri)
    experiment = client.get_experiment_by_name("bars").experiment_id
    (model,) = client.search_logged_models([experiment])
    yield client, model.model_id
    mlflow.set_tracking_uri(before)


def test_mlflow_loads_and_predicts(logged: tuple[Any, str], trained: LoadedRun, tmp_path: Path) -> None:
    client, model_id = logged
    client.create_registered_model("bars")
    version = client.create_model_version("bars", f"models:/{model_id}", model_id=model_id)
    client.set_registered_model_alias("bars", "best", version.version)
    image = trained.corpus("test")[0].fields["image"]
    file = str(mmx.write_image(tmp_path / "a.png", image))
    wanted = [*trained.predict(file).rows]
    for uri in (f"models:/{model_id}", "models:/bars@best"):
        model = mlflow.pyfunc.load_model(uri)
        for given in (pd.DataFrame({"image": [file]}), [{"file": file}]):
            found = model.predict(given)
            assert [{key: row[key] for key in row if key != "input"} for row in found] == wanted
            assert {row["input"] for row in found} == {0}
    assert [each.name for each in model.metadata.signature.inputs] == ["file", "image"]


def test_mlflow_serves_it(logged: tuple[Any, str], trained: LoadedRun, tmp_path: Path) -> None:
    """The command that the docs name: a file by its path, over HTTP, is answered as `mmx predict` answers it."""
    file = str(mmx.write_image(tmp_path / "a.png", trained.corpus("test")[0].fields["image"]))
    port = free_port("127.0.0.1", None)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{logged[1]}"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environ = {**os.environ, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", server, tmp_path / "log")
        found = _posted(port, {"dataframe_records": [{"image": file}, {"file": file}]})
        wanted = [*trained.predict(file).rows]
        assert found == [{"input": place, **row} for place in (0, 1) for row in wanted]
        with pytest.raises(HTTPError) as refused:
            _posted(port, {"dataframe_records": [{"image": str(tmp_path / "none.png")}]})
        assert refused.value.code == 400 and "none.png" in refused.value.read().decode()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    while True:
        assert server.poll() is None, log.read_text()
        with suppress(URLError, ConnectionError), urllib.request.urlopen(address):
            return
        time.sleep(0.2)


def _posted(port: int, content: object) -> list[dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(asked) as answer:
        predictions: list[dict[str, Any]] = json.load(answer)["predictions"]
    return predictions


def test_the_artifact_is_small_and_without_pickle(logged: tuple[Any, str], trained: LoadedRun) -> None:
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{logged[1]}"))
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if name != "registered_model_meta"]  # MLflow's own note, once it is registered
    assert names == ["MLmodel", "checkpoint/model.safetensors", "config.yaml", "meaning.json", "report.json"]
    told = (folder / "MLmodel").read_text()
    assert "cloudpickle" not in told and str(trained.folder.parent) not in told
    tensors = load_file(str(folder / "checkpoint" / "model.safetensors"))
    assert tensors.keys() == trained.model.state_dict().keys()


def test_rows_by_paths_and_by_raw_values(trained: LoadedRun, tmp_path: Path) -> None:
    served = Served(trained.built)
    images = [trained.corpus("test")[index].fields["image"] for index in (0, 1)]
    files = [str(mmx.write_image(tmp_path / f"{index}.png", image)) for index, image in enumerate(images)]
    by_path = served.predict([{"file": files[0], "image": None}, {"image": files[1]}])
    by_value = served.predict([{"image": image} for image in images])
    assert by_path == by_value
    assert sorted({row["input"] for row in by_value}) == [0, 1]
    with pytest.raises(DataError, match="an input gives nothing; the model reads image"):
        served.predict({"image": float("nan")})
    with pytest.raises(DataError, match="'sound' is none of image"):
        served.predict({"sound": images[0]})
