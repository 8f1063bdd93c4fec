"""`mmx check`: experiments and plugins, right and wrong names, the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main
from tests.core.testing.packages import package

WRONG = """
experiments:
  blind:
    summary: A head that reads what nobody computes
    corpus: {use: worlds/shapes, clips: 8}
    encoders: {image: {use: conv2d, widths: [4], image_size: 36, freeze: true}}
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


def test_every_preset_is_validated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "registry.yaml").write_text(
        WRONG % "fused.image" + "    presets: {fine: {}, odd: {corpus: {klips: 3}}}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check", "blind"]) == 1
    out = capsys.readouterr().out
    assert "blind: presets are valid" in out and "default, fine" in out
    (line,) = [line for line in out.splitlines() if line.startswith("FAIL")]
    assert "blind: preset odd is valid" in line
    assert "registry.yaml:10:" in line and "did you mean 'clips'" in line
    assert main(["check", "blind", "--preset", "odd"]) == 2
    assert "did you mean 'clips'" in capsys.readouterr().err


def test_all_presets_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = WRONG % "fused.image" + "    presets: {fine: {}, own: {corpus: {use: manifest, path: n.jsonl}}%s}\n"
    (tmp_path / "registry.yaml").write_text(text % "")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "blind", "--all-presets"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:4] for line in out.splitlines()[1:4]] == [
        ["ok", "blind:", "preset", "default"],
        ["ok", "blind:", "preset", "fine"],
        ["skip", "blind:", "preset", "own"],
    ]
    assert "2 hold, 0 do not, 1 could not be checked" in out
    (tmp_path / "registry.yaml").write_text(text % ", odd: {heads: {label: {reads: fused.sound}}}")
    assert main(["check", "blind", "--all-presets", "--failures"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  blind: preset odd" in out and "fused.sound" in out
    assert "preset fine" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["soundnet", "--all-presets", "--preset", "smoke"], "--all-presets tries every preset"),
        (["worlds", "--all-presets"], "worlds is a plugin"),
        (["worlds", "--preset", "smoke"], "worlds is a plugin"),
        (["worlds", "corpus.clips=3"], "worlds is a plugin"),
    ],
)
def test_what_does_not_belong_together(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_what_is_wrong_again_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = package(tmp_path, "told_once")
    model = folder / "mmx_told_once" / "model.py"
    model.write_text(model.read_text().replace("self.channels = channels", "{}['x']"))
    monkeypatch.chdir(tmp_path)
    assert main(["--plugin-dir", str(folder), "check", "told_once", "--failures"]) == 1
    out = capsys.readouterr().out
    assert out.count("building it raised KeyError: 'x' (model.py:") == 2, "the component by itself, and in its place"
    assert [line.split()[-2:] for line in out.splitlines() if line.startswith("FAIL")][-2:] == [["the", "same"]] * 2
