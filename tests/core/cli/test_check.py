"""`mmx check`: experiments and plugins, right and wrong names, the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main

WRONG = """
experiments:
  blind:
    summary: A head that reads what nobody computes
    corpus: {use: worlds/shapes, clips: 8}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36}}
    heads: {label: {use: linear, reads: %s, target: object}}
    stages: [{name: fit, steps: 1, trains: [heads], objective: {use: cross-entropy, head: label, target: object}}]
    task: {use: classification, target: object}
"""


@pytest.mark.parametrize(("reads", "code", "mark"), [("fused.image", 0, "ok "), ("fused.sound", 1, "FAIL")])
def test_an_experiment(
    reads: str,
    code: int,
    mark: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "registry.yaml").write_text(WRONG % reads)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "blind"]) == code
    assert mark in capsys.readouterr().out
    assert not (tmp_path / "runs").exists(), "a check leaves nothing behind"


def test_every_component_of_a_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "worlds"]) == 0
    assert "corpus worlds/shapes" in capsys.readouterr().out


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wrolds"]) == 2
    assert "no experiment or plugin 'wrolds'; did you mean 'worlds'" in capsys.readouterr().err
