"""`mmx sweep`: nothing starts when one value is wrong; runs are nested; one that fails stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmx.cli import main

EXPERIMENT = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 32, test_clips: 16}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages:
      - name: fit
        steps: 3
        trains: [heads]
        objective: {use: cross-entropy, head: label, target: object}
        optimizer: {use: adam, lr: 1e-3}
    task: {use: classification, target: object}
    settings: {threads: 1}
    presets:
      wide: {encoders: {image: {widths: [8]}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep"], "which experiment?"),
        (["sweep", "shapes", "stages.fit.stepz=1,2"], "did you mean 'steps'"),
        (["sweep", "shapes", "stages.fit.steps=1,two"], "stages.fit.steps"),
        (["sweep", "shapes", "--preset", "default,wild"], "no preset 'wild'"),
        (["sweep", "shapes", "--seeds", "a"], "--seeds a"),
        (["sweep", "shapes", "--jobs", "0"], "--jobs"),
    ],
)
def test_mistakes_cost_nothing(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_a_dry_run_prints_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sweep", "shapes", "stages.fit.steps=1,2", "--preset", "default,wide", "--seeds", "0,1", "--dry-run"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert lines[0] == "mmx run shapes stages.fit.steps=1 --seed 0"
    assert lines[-1] == "mmx run shapes stages.fit.steps=2 --preset wide --seed 1"
    assert not (folder / "runs").exists()


def test_runs_are_nested_and_one_that_fails_stops_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "shapes", "stages.fit.optimizer.lr=1e38,1e-3", "--seeds", "0"]) == 1
    out, err = capsys.readouterr()
    assert "1 of 2 runs failed" in err
    assert "FAILED: RuntimeError" in err
    assert "stages.fit.optimizer.lr" in out
    (own,) = (folder / "runs" / "shapes").glob("sweep-*")
    described = json.loads((own / "sweep.json").read_text())
    assert [bool(each["error"]) for each in described] == [True, False]
    assert described[1]["report"]["experiment"] == "shapes"
    assert (own / "sweep.md").read_text().count("\n") == 4
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'runs' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    parents = [run for run in runs if run.info.run_name.startswith("sweep-")]
    assert len(parents) == 1
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == 2
    assert {run.info.status for run in children} == {"FINISHED", "FAILED"}
    assert parents[0].data.metrics["sweep/failed"] == 1.0
