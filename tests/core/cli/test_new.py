"""`mmx new`: from nothing to a plugin that installs, trains, and passes its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.distributions import python
from tests.environments import Environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.create(tmp_path_factory.mktemp("author") / "venv", warm=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["paper", "component", "corpus"])
def test_a_new_package_works_before_a_line_is_edited(kind: str, environment: Environment, tmp_path: Path) -> None:
    name = f"fresh_{kind}"
    output = environment.check(f"mmx new {name} --kind {kind} --licence MIT --author 'A. Author'", tmp_path)
    commands = [line.strip() for line in output.splitlines() if line.startswith("  ")]
    assert commands == [f"pip install -e ./{name}", f"mmx run {name}"], "it prints the next two commands"
    for command in commands:
        output = environment.check(command, tmp_path)
    assert "verdict: learned" in output
    assert (tmp_path / "runs" / "mlflow.db").is_file()
    checked = environment.check(f"mmx check {name} --failures", tmp_path)
    assert ", 0 do not" in checked
    assert " passed" in environment.check("pytest -q -p no:cacheprovider", tmp_path / name)
    assert "All checks passed" in environment.check("ruff check . && ruff format --check .", tmp_path / name)
    again = environment.run(f"mmx new {name} --folder elsewhere", tmp_path)
    assert (again.returncode, f"there is a plugin '{name}' already" in again.stdout) == (2, True)


def test_its_tests_pass_without_an_installation(tmp_path: Path) -> None:
    assert python(None, "-m", "mmx", "new", "loose", "--kind", "component", cwd=tmp_path).returncode == 0
    done = python(None, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "loose")
    assert done.returncode == 0, done.stdout


def test_refusals_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    for name in ("Bad-Name", "../up", "a.b", "mmx_x", "class", "std", "soundnet", "taken"):
        done = python(None, "-m", "mmx", "new", name, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_local_folder_is_used_without_an_installation(tmp_path: Path) -> None:
    """The way of a stranger: write a component, name its folder in registry.yaml, run one part of it elsewhere."""
    assert python(None, "-m", "mmx", "new", "idea", "--kind", "component", cwd=tmp_path).returncode == 0
    (tmp_path / "registry.yaml").write_text(
        """
plugins: [./idea]
experiments:
  ours:
    summary: Somebody's experiment with one part of the idea
    corpus: {use: worlds/shapes, clips: 64, val_clips: 8, test_clips: 32}
    encoders: {signal: {use: std/signal, channels: 40, widths: [8, 8]}}
    heads: {shape: {use: std/linear, reads: fused.signal, target: shape}}
    stages:
      - name: learn
        steps: 3
        trains: [encoders, heads]
        objective: {use: std/cross-entropy, head: shape, target: shape}
    task: {use: std/classification, head: shape, target: shape}
  theirs:
    extends: ours
    encoders: {signal: {use: idea/tower, channels: 40, width: 8}}
"""
    )
    done = python(None, "-m", "mmx", "--trust-plugins", "run", "theirs", "--no-tracking", "--plain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (config,) = (tmp_path / "runs" / "theirs").glob("*/config.yaml")
    assert "idea/tower" in config.read_text()
    assert "widths" not in config.read_text(), "the parameters of the part that was replaced are gone"
    overridden = python(
        None, "-m", "mmx", "run", "ours", "encoders.signal={use: idea/tower, channels: 40}", "--dry-run", cwd=tmp_path
    )
    assert "idea/tower" in overridden.stdout, overridden.stderr
    (tmp_path / "registry.yaml").unlink()
    assert "no experiment" in python(None, "-m", "mmx", "run", "idea", "--dry-run", cwd=tmp_path).stderr
    named = python(None, "-m", "mmx", "--plugin-dir", "idea", "run", "idea", "--dry-run", cwd=tmp_path)
    assert (named.returncode, "idea/tower" in named.stdout) == (0, True), named.stderr
