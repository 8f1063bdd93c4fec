"""Shared by the tests of tracking: a store made once, runs in it, and a client that can be told to fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from safetensors.numpy import save_file

from mmx.tracking.mlflow_client import connect
from mmx.tracking.tracker import Tracker
from mmx.types import Card

CARD = Card("Collage", "Clips made of real cut-outs and sounds.", "CC-BY-4.0", synthetic=True)


class Store:
    """A folder of runs with a database that has its tables already."""

    def __init__(self, root: Path, template: Path) -> None:
        self.runs = root / "with space" / "runs"
        self.runs.mkdir(parents=True)
        self.uri = f"sqlite:///{self.runs / 'mlflow.db'}"
        shutil.copy(template, self.runs / "mlflow.db")

    def open(self, name: str = "a", **options: Any) -> Tracker:
        """Open the record of a run."""
        options = {"experiment": "shapes", "run_name": name, "uri": None} | options
        return Tracker.open(self.runs / "shapes" / name, **options)

    @property
    def client(self) -> MlflowClient:
        """A client of our own, to see what arrived."""
        return connect(self.uri)

    def run(self, name: str = "a", experiment: str = "shapes") -> Any:
        """The MLflow run of that name; there must be exactly one."""
        client = self.client
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id], filter_string=f"attributes.run_name = '{name}'")
        assert len(runs) == 1, [run.info for run in runs]
        return runs[0]

    def history(self, key: str, name: str = "a") -> list[tuple[int, float]]:
        """The stored points of a metric."""
        return sorted(
            (each.step, each.value) for each in self.client.get_metric_history(self.run(name).info.run_id, key)
        )

    def artifacts(self, folder: str | None = None, name: str = "a") -> list[str]:
        """The paths of stored artifacts."""
        return [each.path for each in self.client.list_artifacts(self.run(name).info.run_id, folder)]

    def artifact(self, path: str, name: str = "a") -> Path:
        """A local copy of an artifact."""
        return Path(self.client.download_artifacts(self.run(name).info.run_id, path))


def begin(tracker: Tracker, **params: Any) -> Tracker:
    """Start with some params."""
    tracker.start(
        params={"seed": 0, **params},
        tags={"mmx.preset": "smoke"},
        note="A run.",
        dataset=("worlds/shapes", "d" * 50, CARD),
    )
    return tracker


def everything(tracker: Tracker) -> None:
    """Record one of each kind."""
    for step in range(20):
        tracker.metrics(step, {"train/fit/loss": 1.0 / (step + 1)})
    tracker.metrics(20, {"train/fit/loss": float("inf")})
    tracker.metrics(0, {"test/accuracy": 0.5})
    (tracker.folder / "preview").mkdir()
    (tracker.folder / "preview" / "a mask.png").write_bytes(b"pixels")
    tracker.artifact(tracker.folder / "preview" / "a mask.png", "preview")
    tracker.pictures({"preview/a mask.png": "A mask."})
    tracker.table([{"truth": "a", "id": "x-1", "score": float("nan")}, {"truth": "b", "id": "x-2", "more": [1]}])
    checkpoint = tracker.folder / "checkpoint"
    checkpoint.mkdir()
    save_file({"w": np.ones(3, np.float32)}, checkpoint / "model.safetensors")
    (checkpoint / "state.pt").write_bytes(b"never uploaded")
    (tracker.folder / "config.yaml").write_text("steps: 3\nhub_token: xyzzy\n")
    tracker.artifact(tracker.folder / "config.yaml")
    tracker.model(tracker.folder, {"test/accuracy": 0.5})
    tracker.tag("mmx.verdict", "learned")


class Flaky:
    """A client whose calls fail as long as `fault` returns an error for them."""

    def __init__(self, client: Any, fault: Callable[[str], Exception | None]) -> None:
        self._client = client
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            error = self._fault(name)
            if error is not None:
                raise error
            return real(*arguments, **named)

        return call
