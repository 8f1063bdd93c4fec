"""Runs from Python: started, found by several names, used as a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mmx
from mmx import DataError, LoadedRun, UnknownNameError

EXPERIMENT = """
experiments:
  bars:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 16, val_clips: 4, test_clips: 8}
    encoders:
      image: {use: std/conv2d, widths: [4, 4], image_size: 16}
    heads:
      label: {use: std/linear, reads: fused.image, target: shape}
    stages:
      - name: fit
        trains: [encoders.image, heads.label]
        objective: {use: std/cross-entropy, head: label, target: shape}
        steps: 2
        batch_size: 4
    task: {use: std/classification, head: label, target: shape}
"""


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedRun:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    return mmx.run("bars", "stages.fit.steps=3", seed=5, tracking=False)


def test_a_run_is_found_by_folder_id_and_experiment(trained: LoadedRun) -> None:
    for name in (trained.folder, trained.folder.name, "latest", "bars", "bars/latest"):
        assert mmx.load(name).folder == trained.folder
    assert trained.report["seed"] == 5
    assert trained.verdict == trained.report["verdict"]
    assert trained.verdict in trained._repr_html_()
    assert repr(trained) == f"<run {trained.folder.parent.name}/{trained.folder.name}: {trained.verdict}>"
    with pytest.raises(DataError, match="no run 'nothing'"):
        mmx.load("nothing")


def test_weights_are_the_trained_ones(trained: LoadedRun) -> None:
    again = mmx.load("bars")
    assert isinstance(again.model, torch.nn.Module)
    assert not again.model.training
    saved = again.built.experiment
    assert saved.stages[0].steps == 3


def test_embeddings_by_port(trained: LoadedRun) -> None:
    samples = [trained.corpus("test")[index] for index in range(5)]
    found = trained.embed(samples, batch_size=2)
    assert set(found) == {"encoded.image", "fused.image"}
    assert found["encoded.image"].shape == (5, 4)
    whole = trained.embed(samples, batch_size=5)
    np.testing.assert_allclose(found["fused.image"], whole["fused.image"], atol=1e-6)
    with pytest.raises(DataError, match="nothing to embed: the model reads image"):
        trained.embed([])


def test_prediction_from_a_file(trained: LoadedRun, tmp_path: Path) -> None:
    image = trained.corpus("test")[0].fields["image"]
    file = mmx.write_image(tmp_path / "a.png", image)
    assert trained.predict(file).rows


def test_what_there_is() -> None:
    assert "soundnet" in [each.name for each in mmx.experiments()]
    assert "std/linear" in [each.name for each in mmx.components("heads")]
    assert {each.kind for each in mmx.components()} >= {"encoder", "task", "schedule"}
    with pytest.raises(UnknownNameError, match="did you mean 'encoders'"):
        mmx.components("encodres")


def test_importing_mmx_stays_light() -> None:
    heavy = "{'torch', 'numpy', 'mlflow', 'pydantic'}"
    code = f"import sys, mmx; mmx.load, mmx.experiments; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
