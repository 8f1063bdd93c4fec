"""Runs on disk: found by what a person types, read as they were left, compared number by number."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from mmx.cli.compare import command as compare_command
from mmx.config.saved import marked
from mmx.errors import ConfigError, DataError
from mmx.report.write import as_json
from mmx.runs.history import (
    EXPORTED,
    changes,
    copy_shipped,
    find_run,
    find_trained,
    note_start,
    read_run,
    shipped,
    status_of,
)
from mmx.types import Metric, Report
from tests.core.saved import saved

ACCURACY = Metric(
    "accuracy", 0.5, chance=0.1, untrained=0.2, controls={"majority": 0.15}, references={"oracle": 1.0}, ci95=(0.4, 0.6)
)


def test_a_run_is_found_by_path_id_and_as_the_latest(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for place in ("a/20260101-1", "b/20260102-1"):
        (runs / place).mkdir(parents=True)
        (runs / place / "config.yaml").touch()
    assert find_run("latest", runs) == runs / "b" / "20260102-1"
    assert find_run("latest", runs, "a") == find_run("20260101-1", runs) == runs / "a" / "20260101-1"
    assert find_run(str(runs / "a" / "20260101-1"), tmp_path / "elsewhere") == runs / "a" / "20260101-1"


@pytest.mark.parametrize("text", ["", "nope", "../runs/a", "*", "a/../../etc"])
def test_what_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs" / "a" / "1").mkdir(parents=True)
    with pytest.raises(DataError, match="no run"):
        find_run(text, tmp_path / "runs")


def test_a_misspelt_run_is_told_its_neighbours(tmp_path: Path) -> None:
    saved(tmp_path / "runs" / "shapes" / "20260101-120000-ab12")
    with pytest.raises(DataError, match="did you mean '20260101-120000-ab12'"):
        find_run("20260101-120000-ab13", tmp_path / "runs")


def test_a_run_is_read_as_it_was_left(tmp_path: Path) -> None:
    record = read_run(saved(tmp_path / "one", [ACCURACY]))
    assert record.config["stages.fit.objective.use"] == "std/cross-entropy"
    assert record.config["encoders.image.widths"] == [4]
    assert record.metrics["accuracy"]["controls"] == {"majority": 0.15}
    assert record.status == "completed"
    assert record.begun is not None


def test_a_run_of_an_older_version_is_refused_in_one_line(tmp_path: Path) -> None:
    config = saved(tmp_path / "one") / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("mmx: '0.2'\n", ""), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_run(config.parent)
    told = f"{config}: written by mmx 0.1, which this version cannot read; run it again, or use mmx==0.1"
    assert str(caught.value) == told


def test_secrets_stay_in_the_folder(tmp_path: Path) -> None:
    folder = saved(tmp_path / "one")
    (folder / "config.yaml").write_text(marked("name: shapes\ntask: {use: a/b, api_key: xyzzy}\n"))
    record = read_run(folder)
    assert record.config["task.api_key"] == "[redacted]"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": "high"}, "metrics[1]: value cannot be 'high'"),
        ({"name": ["a"]}, "metrics[1]: name cannot be ['a']"),
        ({"ci95": [1]}, "metrics[1]: ci95 cannot be [1]"),
        ({"controls": {"a": "b"}}, "metrics[1]: controls cannot be"),
        ({"value": 10**400}, "metrics[1]: value cannot be"),
        ({"name": "accuracy"}, "metrics[1]: a second accuracy"),
        (None, "metrics[1]: 3 is no metric"),
    ],
)
def test_of_a_report_that_was_edited_the_row_is_left_out_and_named(
    tmp_path: Path, change: dict[str, Any] | None, told: str
) -> None:
    folder = saved(tmp_path / "one", [ACCURACY])
    path = folder / "report.json"
    report = json.loads(path.read_text())
    good = {**report["metrics"][0], "name": "third"}
    report["metrics"] = [report["metrics"][0], 3 if change is None else {**good, "name": "second", **change}, good]
    report |= {"seconds": "long", "items": 3, "environment": ["x"], "params": None}
    path.write_text(json.dumps(report))
    record = read_run(folder)
    assert list(record.metrics) == ["accuracy", "third"]
    assert told in record.problems[0]
    assert [line.split(": ")[1] for line in record.problems[1:]] == ["seconds", "params", "environment", "items"]
    other = saved(tmp_path / "two", [ACCURACY])
    runner = CliRunner()
    done = runner.invoke(compare_command, [str(folder), str(other)])
    assert done.exit_code == 0, done.output
    assert "third" in done.output


def test_a_journal_that_was_edited_costs_its_lines(tmp_path: Path) -> None:
    folder = saved(tmp_path / "one")
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('[]\n{"event": "status", "time": "noon"}\n{"event": "status", "time": 5}\n')
    assert read_run(folder).status == "completed"


def test_the_latest_run_is_the_one_started_last_whatever_the_clock_says(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("shapes/20260102-000000-aa", "shapes/20260103-000000-bb", "other/20250101-000000-cc"):
        saved(runs / name)
        if not name.endswith("aa"):  # one that was copied here
            note_start(runs, runs / name)
    assert find_run("latest", runs).name == "20250101-000000-cc"
    assert find_run("latest", runs, "shapes").name == "20260103-000000-bb"
    with (runs / ".started").open("a") as file:
        file.write("../../elsewhere\n\x00\n")
    assert find_run("latest", runs).name == "20250101-000000-cc"


def test_a_run_that_was_never_judged_has_no_numbers(tmp_path: Path) -> None:
    record = read_run(saved(tmp_path / "one", status=""))
    assert (record.report, record.metrics, record.status) == ({}, {}, "unknown")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"metrics": 3}', "[" * 100_000])
def test_a_damaged_report_is_named(tmp_path: Path, content: str) -> None:
    folder = saved(tmp_path / "one")
    (folder / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"one/report\.json: cannot be read as a report"):
        read_run(folder)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(ACCURACY, value=0.5 + 2**-53), ["accuracy 0.5000000000000001 instead of 0.5"]),
        (replace(ACCURACY, chance=0.3), ["accuracy (chance) 0.3 instead of 0.1"]),
        (replace(ACCURACY, untrained=None), ["accuracy (untrained) None instead of 0.2"]),
        (replace(ACCURACY, controls={"other": 0.1}), ["(control majority) None", "(control other) 0.1"]),
        (replace(ACCURACY, references={"oracle": 0.9}), ["(reference oracle) 0.9 instead of 1.0"]),
        (replace(ACCURACY, name="recall"), ["other metrics"]),
        (replace(ACCURACY, ci95=None), []),
    ],
)
def test_every_number_is_compared_to_the_last_digit(other: Metric, told: list[str]) -> None:
    found = list(changes(as_json(Report([ACCURACY], 1, 1)), as_json(Report([other], 1, 1))))
    assert len(found) == len(told)
    assert all(part in text for part, text in zip(told, found, strict=True))


def test_what_is_no_number_equals_itself() -> None:
    nan = as_json(Report([Metric("kl", math.nan, untrained=math.nan)], 1, 1))
    assert list(changes(nan, nan)) == []
    written = json.loads(json.dumps(nan).replace("NaN", "null"))
    assert list(changes(written, written)) == []
    assert list(changes(written, as_json(Report([Metric("kl", 0.0)], 1, 1)))) == ["kl 0.0 instead of None"]


def test_a_run_is_called_by_experiment_and_by_tag(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("shapes/20260101-000000-aa", "shapes/20260102-000000-bb", "other/20260103-000000-cc"):
        note_start(runs, saved(runs / name))
    (runs / "shapes" / "20260101-000000-aa" / "tags.txt").write_text("best\n\npaper table 2\n")
    (runs / "other" / "20260103-000000-cc" / "tags.txt").write_text("best\n")
    for text, meant in {
        "shapes": "20260102-000000-bb",
        "shapes/latest": "20260102-000000-bb",
        "shapes/20260101-000000-aa": "20260101-000000-aa",
        "paper table 2": "20260101-000000-aa",
        "best": "20260103-000000-cc",
        "latest": "20260103-000000-cc",
    }.items():
        assert find_run(text, runs).name == meant, text
    assert find_run("best", runs, "shapes").name == "20260101-000000-aa"
    with pytest.raises(DataError, match="did you mean 'shapes'"):
        find_run("shape", runs)
    with pytest.raises(DataError, match="no run 'other/20260101-000000-aa'"):
        find_run("other/20260101-000000-aa", runs)


def test_weights_are_taken_from_the_newest_run_that_finished(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    note_start(runs, saved(runs / "shapes" / "1"))
    for name, status in (("2", "interrupted"), ("3", "")):
        note_start(runs, saved(runs / "shapes" / name, status=status))
    assert [status_of(runs / "shapes" / name) for name in "123"] == ["completed", "interrupted", "unfinished"]
    assert find_run("shapes", runs).name == "3"
    assert find_run("shapes", runs, finished=True).name == "1"
    assert find_run("latest", runs, finished=True).name == "1"
    assert find_run("2", runs, finished=True).name == "2", "an id is taken as it is"
    note_start(runs, saved(runs / "other" / "4", status="failed"))
    with pytest.raises(
        DataError, match=r"no run of 'other' .* has finished: the last one, other/4, is failed; continue"
    ):
        find_run("other", runs, finished=True)


def test_a_run_that_was_resumed_has_not_finished_again(tmp_path: Path) -> None:
    folder = saved(tmp_path / "one")
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "start", "time": 5, "experiment": "shapes", "name": "one", "resumed": true}\n')
    assert status_of(folder) == "unfinished"
    assert status_of(tmp_path / "none") == "unknown"


@pytest.fixture
def plugins(tmp_path: Path) -> Any:
    """Plugins of which one brings a run of `echo`."""
    folder = tmp_path / "plugin" / "trained" / "echo"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: echo\n")
    (folder / "model.safetensors").write_bytes(b"weights")
    file = tmp_path / "plugin" / "experiments.yaml"
    return SimpleNamespace(experiment_files=lambda: [("echo", file), ("other", tmp_path / "other" / "x.yaml")])


def test_ones_own_run_comes_first(plugins: Any, tmp_path: Path) -> None:
    (theirs,) = shipped(plugins).values()
    runs = tmp_path / "runs"
    assert find_trained("echo", runs, lambda: plugins) == theirs
    own = runs / "echo" / "20260101-000000-aaaa"
    own.mkdir(parents=True)
    (own / "config.yaml").write_text("name: echo\n")
    (own / "journal.jsonl").write_text('{"event": "start", "time": 1.0}\n')
    assert find_trained("echo", runs, lambda: plugins) == theirs, "one's own has not finished"
    with (own / "journal.jsonl").open("a") as file:
        file.write('{"event": "status", "time": 2.0, "status": "completed", "error": ""}\n')
    assert find_trained("echo", runs, lambda: pytest.fail("needless")) == own
    with pytest.raises(DataError, match="no run 'ech' under"):
        find_trained("ech", runs, lambda: plugins)


def test_a_copy_is_a_run_like_any_other(plugins: Any, tmp_path: Path) -> None:
    (theirs,) = shipped(plugins).values()
    copied, new = copy_shipped(theirs, tmp_path / "runs")
    assert new and status_of(copied) == EXPORTED
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]
    assert find_trained("echo", tmp_path / "runs", lambda: pytest.fail("needless")) == copied
    (copied / "mine.txt").write_text("kept")
    assert copy_shipped(theirs, tmp_path / "runs") == (copied, False)
    assert (copied / "mine.txt").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        copy_shipped(theirs, tmp_path / "file")
