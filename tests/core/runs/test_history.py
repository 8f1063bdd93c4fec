"""Runs on disk: found by what a person types, read as they were left, compared number by number."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.errors import ConfigError, DataError
from mmx.report.write import as_json
from mmx.runs.history import changes, find_run, read_run
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
    (folder / "config.yaml").write_text("name: shapes\ntask: {use: a/b, api_key: xyzzy}\n")
    record = read_run(folder)
    assert record.config["task.api_key"] == "[redacted]"


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


def test_an_experiment_means_its_last_run(tmp_path: Path) -> None:
    for name in ("20260101-1", "20260102-1"):
        folder = tmp_path / "runs" / "clip" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("name: clip")
    assert find_run("clip", tmp_path / "runs") == tmp_path / "runs" / "clip" / "20260102-1"
