"""`mmx compare`: three tables, or one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmx.cli import main
from mmx.support import files
from mmx.tracking.tracker import table
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


def test_items_that_both_judged_are_compared_one_by_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [folder / "runs" / "shapes" / f"2026010{number}-1" for number in range(2)]
    for number, run in enumerate(runs):
        rows = [{"id": f"i{item}", "right": item < 8 + number} for item in range(16)]
        files.write_json(run / "predictions.json", table(rows))
    assert main(["compare", *map(str, runs)]) == 0
    told = capsys.readouterr().out
    assert "16 items were judged by all of them; one id may mean two items: not the same corpus" in told
    lines = [line.split() for line in told.splitlines()]
    assert ["right", "0.5", "0.5625"] in lines
    assert ["beside", "the", "first", "+0.0625"] in [line[:4] for line in lines]
    assert main(["compare", str(runs[0]), str(runs[0])]) == 0
    assert "judged by all" not in capsys.readouterr().out, "a run beside itself"


def test_a_page_with_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "20260100-1", "latest", "--html", "pages/two.html"]) == 0
    assert capsys.readouterr().out.endswith("page: pages/two.html\n")
    page = (folder / "pages" / "two.html").read_text()
    assert all(part in page for part in ("corpus.clips", "intervals apart", "20260100-1", "20260101-1"))
    (folder / "file").write_text("")
    assert main(["compare", "latest", "latest", "--html", "file/two.html"]) == 2
    assert "file/two.html: cannot be written: " in capsys.readouterr().err


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "20260100-1", "shapes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["id"] for run in found["runs"]] == ["20260100-1", "20260101-1"]
    assert [run["report"]["metrics"][0]["value"] for run in found["runs"]] == [0.5, 0.8]
    assert found["differs"]["rows"]["corpus.clips"] == ["32", "64"]
