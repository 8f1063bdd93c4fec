"""Runs at a glance: what is taken from a report, and what is said of runs without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.runs.history import note_start
from mmx.runs.listed import age, best_beside, summaries, summary_of
from mmx.types import Metric
from tests.core.runs.test_history import ACCURACY
from tests.core.saved import CONFIG, saved


def test_the_newest_start_comes_first(tmp_path: Path) -> None:
    for name in ("shapes/20260102-1", "other/20260101-2"):
        note_start(tmp_path, saved(tmp_path / name, [ACCURACY]))
    assert [each.folder.name for each in summaries(tmp_path)] == ["20260101-2", "20260102-1"]
    assert [each.folder.name for each in summaries(tmp_path, "shapes")] == ["20260102-1"]


def test_a_judged_run_has_its_first_metric_beside_the_best_it_must_beat(tmp_path: Path) -> None:
    found = summary_of(saved(tmp_path / "shapes" / "1", [ACCURACY, Metric("loss", 2.0)]))
    assert (found.experiment, found.preset, found.seed, found.status) == ("shapes", "default", 0, "completed")
    assert (found.metric, found.value, found.beside, found.beside_value) == ("accuracy", 0.5, "untrained", 0.2)
    assert found.verdict == "learned"
    assert found.as_json()["id"] == "1"
    assert found.as_json()["tags"] == []


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        ({"baselines": {"linear": 0.05, "nearest": 0.07}}, ("baseline nearest", 0.07)),
        ({"baselines": {"linear": 0.05, "nearest": 0.07}, "better": "lower"}, ("baseline linear", 0.05)),
        ({"baselines": {"broken": None}}, ("untrained", 0.2)),
        ({"chance": None, "untrained": None, "controls": {}}, ("", None)),
    ],
)
def test_baselines_come_before_what_must_be_beaten(changes: dict[str, object], best: tuple[str, float | None]) -> None:
    metric = {
        "name": "accuracy",
        "value": 0.5,
        "better": "higher",
        "chance": 0.1,
        "untrained": 0.2,
        "baselines": {},
        "controls": {"majority": 0.15},
    }
    assert best_beside({**metric, **changes}) == best


def test_a_run_without_a_report_is_told_from_its_configuration(tmp_path: Path) -> None:
    config = {**CONFIG, "preset": "smoke", "settings": {"seed": 3}}
    found = summary_of(saved(tmp_path / "shapes" / "1", config=config, status="interrupted"))
    assert (found.preset, found.seed, found.status, found.verdict) == ("smoke", 3, "interrupted", "not judged")
    assert found.value is found.seconds is None
    (tmp_path / "shapes" / "1" / "config.yaml").write_text("[")
    (tmp_path / "shapes" / "1" / "report.json").write_text("{")
    found = summary_of(tmp_path / "shapes" / "1")
    assert (found.preset, found.seed, found.verdict) == ("", None, "not judged")


def test_age_is_told_in_its_largest_unit() -> None:
    told = [age(0.0, now) for now in (0, 59, 60, 3599, 7200, 86_400 * 3 + 5)]
    assert told == ["0 s", "59 s", "1 min", "59 min", "2 h", "3 d"]
    assert age(None) == ""
    assert age(10.0, 5.0) == "0 s", "a clock that went back"
