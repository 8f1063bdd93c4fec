"""`mmx prove`: what is refused costs nothing; runs, table and verdict."""

from __future__ import annotations

import json
import subprocess
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
      - {name: fit, steps: 3, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}
    task: {use: classification, target: object}
    settings: {threads: 1}
    controls: [wide]
    presets:
      wide: {encoders: {image: {widths: [8]}}}
      deep: {encoders: {image: {widths: [4, 4]}}}
  bare:
    extends: shapes
    controls: null
  wrong:
    extends: shapes
    controls: [wild]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "registry.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shaeps"], "did you mean 'shapes'"),
        (["bare"], "bare names no controls; say which presets: --controls NAME,... (presets: wide, deep)"),
        (["wrong"], "registry.yaml:21:16: controls: no preset 'wild'"),
        (["shapes", "--controls", "wild"], "no preset 'wild'"),
        (["shapes", "--seeds", "0,1"], "three or more different --seeds"),
        (["shapes", "--seeds", "1,1"], "three or more different --seeds"),
        (["shapes", "stages.fit.steps=1,2"], "one value per KEY"),
        (["shapes", "stages.fit.stepz=1"], "did you mean 'steps'"),
    ],
)
def test_mistakes_cost_nothing(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_a_dry_run_prints_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "shapes", "stages.fit.steps=1", "--seeds", "0,4,5", "--controls", "deep", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mmx run shapes stages.fit.steps=1 --seed 0",
        "mmx run shapes stages.fit.steps=1 --seed 4",
        "mmx run shapes stages.fit.steps=1 --seed 5",
        "mmx run shapes stages.fit.steps=1 --preset deep --seed 0",
        "mmx run shapes stages.fit.steps=1 --preset deep --seed 4",
        "mmx run shapes stages.fit.steps=1 --preset deep --seed 5",
    ]


def test_without_controls_the_default_alone_is_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "bare", "--controls", "none", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"mmx run bare --seed {seed}" for seed in (0, 1, 2)]


def test_three_steps_prove_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "shapes", "--seeds", "0,1,2", "--no-tracking"]) == 1
    out = capsys.readouterr().out
    assert "verdict: not proven: " in out
    (own,) = (folder / "runs" / "shapes").glob("sweep-*")
    assert [each["preset"] for each in json.loads((own / "sweep.json").read_text())] == ["default"] * 3 + ["wide"] * 3
    page = (own / "proof.md").read_text()
    assert page.startswith("# shapes: not proven: ")
    assert "| preset wide | " in page


def test_what_cannot_learn_one_batch_is_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "shapes", "stages.fit.optimizer={use: adamw, lr: 1e-12}"]) == 1
    told = capsys.readouterr().err
    assert "error: not proven: stage fit: overfits one batch: loss " in told
    assert "nothing was run; look first: mmx check shapes" in told
    assert not (folder / "runs").exists()


def commit(folder: Path) -> str:
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_results_are_kept_with_their_commit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = commit(folder)
    assert main(["prove", "shapes", "--seeds", "0,1,2", "--no-tracking", "--no-overfit", "--write"]) == 1
    told = capsys.readouterr().out
    for preset in ("default", "wide"):
        path = folder / "results" / f"shapes-{preset}.json"
        assert f"wrote {path}" in told
        content = json.loads(path.read_text())
        assert content["preset"] == preset
        assert [(seed["seed"], seed["git_commit"]) for seed in content["seeds"]] == [(0, name), (1, name), (2, name)]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "is in no git repository"),
        (["stages.fit.steps=1"], "stages.fit.steps=1 would make it another experiment's result"),
    ],
)
def test_nothing_is_run_whose_result_would_not_be_kept(
    folder: Path, overrides: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", "shapes", *overrides, "--write"]) == 2
    assert said in capsys.readouterr().err
    commit(folder)
    (folder / "new.py").touch()
    assert main(["prove", "shapes", "settings.threads=1", "--write"]) == 2
    assert "commit first: new.py" in capsys.readouterr().err
    assert not (folder / "runs").exists()
