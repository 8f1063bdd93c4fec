"""`mmx runs`: the list and its filters, tags, removal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from mmx.cli import main
from mmx.runs.history import note_start
from mmx.types import Metric
from tests.core.saved import CONFIG, saved


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    good = Metric("accuracy", 0.5, chance=0.1, baselines={"linear": 0.3})
    note_start(runs, saved(runs / "shapes" / "20260101-000000-aaaa", [good]))
    smoke = {**CONFIG, "preset": "smoke"}
    note_start(
        runs, saved(runs / "shapes" / "20260102-000000-bbbb", [Metric("accuracy", 0.1, chance=0.1)], config=smoke)
    )
    note_start(runs, saved(runs / "other" / "20260103-000000-cccc", status=""))
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["runs", *arguments, "--json"]) == 0
    return [each["id"][-4:] for each in json.loads(capsys.readouterr().out)]


def test_runs_are_listed_newest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["run", "preset", "seed", "verdict"]
    assert [line.split()[0] for line in lines] == [
        "other/20260103-000000-cccc", "shapes/20260102-000000-bbbb", "shapes/20260101-000000-aaaa",
    ]  # fmt: skip
    assert "not judged (unfinished)" in lines[0]
    assert "accuracy ↑ 0.5" in lines[2] and "baseline linear 0.3" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), ["cccc", "bbbb", "aaaa"]),
        (("--limit", "1"), ["cccc"]),
        (("-e", "shapes"), ["bbbb", "aaaa"]),
        (("--preset", "smoke"), ["bbbb"]),
        (("--verdict", "not"), ["cccc", "bbbb"]),
        (("--verdict", "learned"), ["aaaa"]),
        (("--status", "unfinished"), ["cccc"]),
        (("--tag", "best"), []),
    ],
)
def test_filters(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], found: list[str]
) -> None:
    assert listed(capsys, *arguments) == found


def test_an_experiment_in_place_of_a_command_is_answered_with_the_filter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "shapes"]) == 2
    assert "'shapes' is no command of mmx runs (rm, tag); its runs: mmx runs --experiment shapes" in (
        capsys.readouterr().err
    )


def test_an_empty_list_says_why(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--tag", "best"]) == 0
    assert capsys.readouterr().out == "no such runs in runs\n"
    assert main(["runs", "--runs", "nowhere"]) == 0
    told = "no runs in nowhere yet; start one: mmx run NAME, or get trained ones: mmx fetch runs\n"
    assert capsys.readouterr().out == told


def test_a_tag_names_a_run_until_it_is_taken_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "tag", "20260101-000000-aaaa", "best", "table 2"]) == 0
    assert capsys.readouterr().out == "shapes/20260101-000000-aaaa: best, table 2\n"
    assert listed(capsys, "--tag", "best") == ["aaaa"]
    assert main(["runs", "tag", "best", "best", "--remove"]) == 0
    assert capsys.readouterr().out == "shapes/20260101-000000-aaaa: table 2\n"
    assert "table 2" in (folder / "runs" / "index.html").read_text()
    for wrong in ("a/b", "latest", " ", "a\nb"):
        assert main(["runs", "tag", "shapes", wrong]) == 2
        assert "cannot be a tag" in capsys.readouterr().err


def test_removal_says_what_it_frees_and_asks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "runs" / "shapes" / "20260102-000000-bbbb"
    (run / "weights").write_bytes(b"x" * 2_500_000)
    assert main(["runs", "rm", "shapes", "-y"]) == 0
    told = capsys.readouterr().out
    assert "runs/shapes/20260102-000000-bbbb  2.5 MB" in told and "freed 2.5 MB" in told
    assert not run.exists()
    assert listed(capsys) == ["cccc", "aaaa"]
    assert "bbbb" not in (folder / "runs" / "index.html").read_text()


def test_a_run_in_use_is_not_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "runs" / "shapes" / "20260102-000000-bbbb"
    with FileLock(run / ".lock"):
        assert main(["runs", "rm", "shapes", "-y"]) == 2
    assert "is in use" in capsys.readouterr().err
    assert run.is_dir()
