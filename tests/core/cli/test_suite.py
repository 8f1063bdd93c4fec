"""What commands share for `--suite`: who is meant, what must fit all, and one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main

EXPERIMENTS = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 32, test_clips: 16}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages: [{name: fit, steps: 2, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
    settings: {threads: 1}
    controls: [wide]
    presets: {wide: {encoders: {image: {widths: [8]}}}}
  missing: {extends: shapes, corpus: {use: manifest, path: nowhere.jsonl}, presets: {wide: null, tall: {}}}
suites:
  both: [missing, shapes]
  wrong: [shapes, shaeps]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "registry.yaml").write_text(EXPERIMENTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["run", "prove"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--suite", "boht"], "error: no suite 'boht'; did you mean 'both'?; suites: card, "),
        (["--suite", "wrong"], "registry.yaml:16:19: suites.wrong: no experiment 'shaeps'; did you mean 'shapes'?"),
        (["shapes", "--suite", "both"], "'shapes' beside --suite both: give an experiment or a suite"),
        (["--suite", "both", "corpus.path=x"], "corpus.path=x must fit all of suite both: shapes: override"),
    ],
)
def test_mistakes_cost_nothing(
    folder: Path, command: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_a_preset_must_be_one_of_every_experiment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "both", "--preset", "tall", "--dry-run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --preset tall must fit all of suite both: shapes: experiment 'shapes' has no preset")


def test_one_that_fails_does_not_stop_the_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "both", "--seed", "3", "-q", "--no-tracking"]) == 1
    told = capsys.readouterr()
    assert "error: missing: " in told.err and "nowhere.jsonl" in told.err
    assert told.err.splitlines()[-1] == "1 of 2 failed: missing"
    assert told.out.count("verdict: ") == 1
    (run,) = (folder / "runs" / "shapes").glob("2*")
    assert "seed: 3" in (run / "config.yaml").read_text()


def test_a_suite_that_works_ends_well_in_its_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "both", "--dry-run", "corpus={use: worlds/shapes, clips: 8}"]) == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines() if not line.startswith(" ")] == ["missing", "shapes"]
    assert told.err.splitlines() == ["[1/2] missing", "[2/2] shapes"]


def test_proofs_are_listed_at_the_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "registry.yaml").write_text(EXPERIMENTS.replace("wide: null, ", ""))
    assert main(["prove", "--suite", "both", "--seeds", "0,1,2", "--no-tracking", "--no-overfit"]) == 1
    told = capsys.readouterr()
    missing, shapes = told.out.splitlines()[-2:]
    assert missing == "missing: failed" or missing.startswith("missing: not proven")
    assert shapes.startswith("shapes: not proven: ")
    assert (folder / "runs" / "shapes").is_dir()
