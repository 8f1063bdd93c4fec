"""`mmx eval`: the numbers of the run to the last digit, other splits and data, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx.cli import main
from mmx.cli.eval import _conclude
from mmx.runs.evaluate import Judged
from mmx.types import Report

EXPERIMENT = """
experiments:
  shapes:
    summary: Name shapes
    corpus: {use: worlds/shapes, clips: 48, val_clips: 12, test_clips: 24}
    encoders: {image: {use: conv2d, widths: [4], norm: batch, image_size: 36}}
    heads: {label: {use: linear, reads: fused.image, target: object}}
    stages:
      - name: fit
        steps: 5
        batch_size: 8
        trains: [encoders, heads]
        objective: {use: cross-entropy, head: label, target: object}
        optimizer: {use: adam, lr: 1e-2}
    task: {use: classification, target: object}
    settings: {threads: 1}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "registry.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "shapes", "-q", "--no-tracking", "--seed", "3"]) == 0
    (run,) = (folder / "runs" / "shapes").iterdir()
    return run


@pytest.fixture
def run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained.parents[2])
    return trained


def evals(run: Path) -> list[Path]:
    return sorted((run / "evals").glob("*"))


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_the_same_again_is_the_same(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = (run / "checkpoint" / "model.safetensors").read_bytes()
    before = report(run)
    assert main(["eval", "latest", "-q"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("the numbers are the run's own\n")
    match = re.search(r"^report:  (.*)/report\.html$", printed, re.M)
    assert match is not None
    own = Path(match[1])
    assert own.parent == Path("runs") / "shapes" / run.name / "evals"
    assert report(own)["metrics"] == before["metrics"]
    for name in ("config.yaml", "predictions.json"):
        assert (own / name).read_bytes() == (run / name).read_bytes()
    assert report(run) == before
    assert (run / "checkpoint" / "model.safetensors").read_bytes() == weights


def test_another_split_and_other_data_are_judged(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", run.name, "--split", "val", "-q", "--out", str(tmp_path / "val")]) == 0
    found = report(tmp_path / "val")
    assert found["items"] == {"used": 12, "expected": 12}
    assert found["notes"][-1] == f"The weights of run {run.name} (completed), judged again on split val."
    assert found["command"].endswith("--split val")
    assert main(["eval", str(run), "corpus.test_clips=31", "-q", "--out", str(tmp_path / "more")]) == 0
    assert report(tmp_path / "more")["items"] == {"used": 31, "expected": 31}
    assert "run's" not in capsys.readouterr().out


def test_labels_that_are_no_class_of_the_model_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    note = "12 labels 'label' of split test are no class of the model: car (6), zoo (6)."
    judged = Judged(tmp_path, Report([], 12, 24, notes=["another note", note], left_out=[note]), "no verdict", 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmx.runs.history.read_run", lambda _: SimpleNamespace(report=None, sources={}))
        _conclude(judged, tmp_path, True, every=False, unchanged=False)
    assert capsys.readouterr().out.splitlines()[1] == f"left out: {note.rstrip('.')}"


def test_numbers_that_changed_are_said(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (run / "report.json").read_text()
    changed = json.loads(text)
    changed["metrics"][0]["untrained"] = -1.0
    (run / "report.json").write_text(json.dumps(changed))
    try:
        assert main(["eval", "latest", "-q", "--out", str(tmp_path / "out")]) == 0
    finally:
        (run / "report.json").write_text(text)
    assert re.search(r"not the run's numbers: \S+ \(untrained\) [\d.]+ instead of -1\.0\n$", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no run 'nothing' under runs"),
        (["latest", "stages.fit.steps=3"], "the model stays as it was trained; corpus, task, settings may differ"),
        (["latest", "encoders.image.widths+=[4]"], "the model stays as it was trained"),
        (["latest", "corpus.clipz=3"], "did you mean 'clips'"),
        (["latest", "--split", "tset"], "no split 'tset'"),
        (["latest", "corpus={use: worlds/sounds}"], "image"),
    ],
)
def test_what_is_refused_leaves_nothing(
    run: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = evals(run)
    assert main(["eval", *arguments, "-q"]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert evals(run) == before
