"""`mmx compare`: three tables, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.cli import main
from mmx.types import Metric
from tests.core.saved import CONFIG, saved


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, value in enumerate((0.5, 0.8)):
        config = {**CONFIG, "corpus": {"use": "worlds/shapes", "clips": 32 * (number + 1)}}
        metric = Metric("accuracy", value, ci95=(value - 0.1, value + 0.1), chance=0.1)
        saved(tmp_path / "runs" / "shapes" / f"2026010{number}-1", [metric], config=config)
    return tmp_path


def test_what_differs_and_what_came_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "20260100-1", "latest"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told[0] == ["run", "20260100-1", "20260101-1"]
    assert ["corpus.clips", "32", "64"] in told
    assert ["accuracy", "↑", "0.5", "(0.4", "to", "0.6)", "0.8", "(0.7", "to", "0.9)"] in told
    assert ["beside", "the", "first", "+0.3,", "intervals", "apart"] in told


def test_runs_of_one_configuration_and_of_two_experiments(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "latest", "latest"]) == 0
    assert "no value of the configuration differs" in capsys.readouterr().out
    other = saved(folder / "elsewhere", config={**CONFIG, "name": "sounds"})
    assert main(["compare", "latest", str(other)]) == 0
    printed = capsys.readouterr().out
    assert "shapes and sounds are different experiments" in printed
    assert "corpus.clips" not in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["latest"], "compare what with what?"),
        (["latest", "20260102-1"], "no run '20260102-1' under runs; did you mean"),
        (["latest", "registry.yaml"], "no run 'registry.yaml'"),
        (["latest", "broken"], "broken/report.json: cannot be read as a report"),
        (["latest", "odd"], "odd/config.yaml:2:1: "),
    ],
)
def test_bad_names_are_one_line(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (saved(folder / "broken") / "report.json").write_text("{")
    (saved(folder / "odd") / "config.yaml").write_text("a: [")
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
