"""`mmx rerun`: equal to the last digit, or which number is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmx.cli import main
from tests.core.cli.test_eval import EXPERIMENT
from tests.core.saved import saved


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("again")
    (folder / "registry.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "shapes", "stages.fit.steps=3", "-q", "--no-tracking", "--seed", "3"]) == 0
    (run,) = (folder / "runs" / "shapes").iterdir()
    return run


@pytest.fixture
def run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained.parents[2])
    return trained


def test_it_comes_out_equal_whatever_the_registry_says_by_now(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("registry.yaml").write_text(EXPERIMENT.replace("clips: 48", "clips: 40"))
    assert main(["rerun", run.name, "-q", "--no-tracking"]) == 0
    assert f"equal: every number is the one of runs/shapes/{run.name}\n" in capsys.readouterr().out
    (other,) = [path for path in run.parent.iterdir() if path != run]
    for name in ("config.yaml", "predictions.json"):
        assert (other / name).read_bytes() == (run / name).read_bytes()
    assert json.loads((other / "report.json").read_text())["command"].endswith("stages.fit.steps=3 --seed 3")


def test_a_number_that_differs_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads((run / "report.json").read_text())
    report["metrics"][0]["value"] = -1.0
    report["environment"]["torch"] = "1.0"
    (run / "report.json").write_text(json.dumps(report))
    assert main(["rerun", str(run), "-q", "--no-tracking"]) == 1
    printed = capsys.readouterr()
    assert f"not equal to runs/shapes/{run.name}: {report['metrics'][0]['name']} " in printed.out
    assert "instead of -1.0" in printed.out
    assert "changed since: torch" in printed.err


def test_what_cannot_be_repeated_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "runs" / "shapes" / "1", status="failed")
    for name, said in (("1", "run 1 was not judged (failed)"), ("2", "no run '2' under runs")):
        assert main(["rerun", name]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "runs" / "shapes").iterdir()] == ["1"]
