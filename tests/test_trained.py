"""Trained runs that come with the package: small, whole, and at hand where nobody has trained anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mmx
from mmx import Audio
from mmx.cli import main
from mmx.media.audio_image import write_audio
from mmx.runs.prediction import open_run

ROOT = Path(__file__).resolve().parents[1]
TRAINED = sorted(path.parent for path in ROOT.glob("plugins/mmx_*/trained/*/config.yaml"))
PAPERS = {"soundnet", "speech2face", "looking_to_listen", "hero", "vatt", "mulan"}
LARGEST, TOGETHER = 3_000_000, 18_000_000
"""Bytes of one run, and of all, in every clone and every wheel."""


def test_the_six_papers_have_one_each() -> None:
    assert {path.name for path in TRAINED} == PAPERS
    sizes = {path.name: sum(file.stat().st_size for file in path.iterdir()) for path in TRAINED}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
    assert sum(sizes.values()) < TOGETHER


@pytest.mark.parametrize("folder", TRAINED, ids=lambda path: path.name)
def test_it_loads_and_says_what_it_is(folder: Path) -> None:
    run = mmx.load(folder.name, runs=folder / "nothing")
    assert run.folder == folder
    built = open_run(run.catalog, folder)
    assert not built.model.training
    report = json.loads((folder / "report.json").read_text())
    assert (report["experiment"], report["verdict"]) == (folder.name, run.verdict)
    assert report["git_commit"] and not report["git_commit"].endswith("+")
    names = [path.name for path in folder.iterdir()]
    assert {"README.md", "config.json", "config.yaml", "meaning.json", "model.safetensors", "report.json"} <= {*names}
    assert not any(name.startswith(".") for name in names)


def test_a_prediction_in_the_first_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    time_T = np.arange(22_050) / 22_050
    write_audio(Path("dog.wav"), Audio(0.3 * np.sin(2 * np.pi * 440 * time_T, dtype=np.float32)[None], 22_050))
    assert main(["predict", "soundnet", "dog.wav"]) == 0
    first = capsys.readouterr()
    assert "run: soundnet as it comes with mmx (preset small, seed 0)" in first.err
    assert "object_probability" in first.out and first.out.count("\n- ") > 1
    assert main(["predict", "soundnet", "dog.wav"]) == 0
    assert capsys.readouterr().out.count("\n- ") == 0, "all caveats once, then the first"
    assert main(["fetch", "runs"]) == 0
    assert sorted(path.parent.name for path in Path("runs").glob("*/shipped")) == sorted(PAPERS)
    capsys.readouterr()
    assert main(["predict", "soundnet", "dog.wav"]) == 0
    assert "run: soundnet/shipped" in capsys.readouterr().err
    assert not any((folder / ".caveats").exists() for folder in TRAINED)
