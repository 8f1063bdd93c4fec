"""A stranger's distribution: built into a wheel, installed into a fresh environment, and used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.environments import Environment

SOURCE = Path(__file__).with_name("third_party")
OVERRIDE = """
experiments:
  soundnet:
    encoders:
      scenes: {image: {use: drum/colours}}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with the wheel of mmx-drum in it."""
    root = tmp_path_factory.mktemp("stranger")
    shutil.copytree(SOURCE, root / "source", ignore=shutil.ignore_patterns("__pycache__"))
    made = Environment.create(root / "venv")
    made.check("python -m build --wheel --no-isolation --outdir dist .", root / "source")
    made.check("pip install dist/mmx_drum-2.3.4-py3-none-any.whl", root / "source")
    shutil.rmtree(root / "source")
    return made


def test_everything_it_brings_is_there(environment: Environment, tmp_path: Path) -> None:
    (row,) = (
        row for row in json.loads(environment.check("mmx plugins --json", tmp_path))["plugins"] if row["name"] == "drum"
    )
    assert (row["distribution"], row["version"], row["api"], row["state"]) == ("mmx-drum", "2.3.4", 1, "ok")
    assert (row["components"], row["experiments"], row["heavy"]) == (7, 1, [])
    assert environment.check("mmx drum-tap 3", tmp_path).count("x") >= 4
    assert "Print the beats" in environment.check("mmx --help", tmp_path)
    for kind, name in {"encoders": "envelope", "fusers": "product", "objectives": "hinge", "corpora": "taps"}.items():
        assert f"drum/{name}" in environment.check(f"mmx ls {kind}", tmp_path)
    assert "drum/hits" in environment.check("mmx ls tasks", tmp_path)
    assert "mmx-drum 2.3.4" in environment.check("mmx show drum/product", tmp_path)


def test_its_experiment_learns_and_is_tracked(environment: Environment, tmp_path: Path) -> None:
    output = environment.check("mmx run drum --plain", tmp_path)
    assert "verdict: learned" in output
    (folder,) = (tmp_path / "runs" / "drum").iterdir()
    report = json.loads((folder / "report.json").read_text())
    assert report["verdict"] == "learned"
    assert (folder / "media" / "drum.txt").read_text() == "drum", "its lifecycle hook was called"
    assert (tmp_path / "runs" / "mlflow.db").is_file()


def test_it_passes_the_kit(environment: Environment, tmp_path: Path) -> None:
    output = environment.check("mmx check drum", tmp_path)
    assert "FAIL" not in output
    assert "run of drum (smoke): CPU budget" in output


def test_one_part_of_soundnet_is_overridden_from_yaml(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(OVERRIDE)
    shown = environment.check("mmx show soundnet", tmp_path)
    assert "drum/colours" in shown
    output = environment.check("mmx run soundnet --preset smoke --no-tracking --plain", tmp_path)
    assert "verdict: " in output
    (config,) = (tmp_path / "runs" / "soundnet").glob("*/config.yaml")
    assert "drum/colours" in config.read_text()


def test_it_can_be_switched_off(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("mmx run drum", tmp_path, MMX_PLUGINS="")
    assert done.returncode == 2
    assert "no experiment 'drum'" in done.stdout
    (row,) = (
        row
        for row in json.loads(environment.check("mmx plugins --json", tmp_path, MMX_DISABLE_PLUGINS="drum"))["plugins"]
        if row["name"] == "drum"
    )
    assert (row["state"], row["reason"]) == ("disabled", "named in MMX_DISABLE_PLUGINS")
