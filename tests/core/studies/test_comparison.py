"""Rows of a comparison, from folders as runs leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.runs.history import Record, read_run
from mmx.studies.comparison import differences, facts, metrics
from mmx.types import Metric
from tests.core.saved import CONFIG, saved

ACCURACY = Metric("accuracy", 0.5, ci95=(0.4, 0.6), chance=0.1, controls={"majority": 0.15})


def changed(**parts: object) -> dict[str, object]:
    return {**CONFIG, **parts}


def test_facts_of_a_run_and_of_one_that_failed(tmp_path: Path) -> None:
    one = read_run(saved(tmp_path / "one", [ACCURACY], environment={"git_dirty": "yes"}))
    two = read_run(saved(tmp_path / "two", status="failed"))
    found = {name: cells for name, *cells in facts([one, two])}
    assert found["commit"] == ["0123456789ab with changes", "-"]
    assert found["seconds"] == ["2.5", "-"]
    assert found["parameters"] == ["1,234", "-"]
    assert found["items judged"] == ["16 of 16", "-"]
    assert found["status"] == ["completed", "failed"]
    assert found["verdict"] == ["learned", "not judged"]


def test_only_what_differs_is_listed(tmp_path: Path) -> None:
    other = changed(preset="wide", encoders={"image": {"use": "std/conv2d", "widths": [8]}}, settings={"seed": 3})
    records = [read_run(saved(tmp_path / "one")), read_run(saved(tmp_path / "two", config=other))]
    assert list(differences(records)) == [["encoders.image.widths", "[4]", "[8]"]]
    assert list(differences([records[0], records[0]])) == []


def test_a_part_that_is_not_everywhere_is_one_line(tmp_path: Path) -> None:
    more = {"image": CONFIG["encoders"]["image"], "audio": {"use": "std/mel", "bands": 64, "front": {"use": "std/log"}}}
    three = changed(encoders=more, stages=[])
    records = [read_run(saved(tmp_path / name, config=config)) for name, config in (("a", CONFIG), ("b", three))]
    assert list(differences(records)) == [
        ["stages.fit.name", "'fit'", "-"],
        ["encoders.audio.use", "-", "'std/mel'"],
        ["stages", "-", "[]"],
    ]
    louder = changed(encoders={**more, "audio": {"use": "std/mel", "bands": 128}})
    records.append(read_run(saved(tmp_path / "c", config=louder)))
    assert ["encoders.audio.bands", "-", "64", "128"] in list(differences(records))


def test_long_values_that_differ_at_the_end_differ(tmp_path: Path) -> None:
    long = [changed(corpus={"use": "a/b", "items": [*range(60), last]}) for last in (1, 2)]
    records = [read_run(saved(tmp_path / str(number), config=config)) for number, config in enumerate(long)]
    assert [row[0] for row in differences(records)] == ["corpus.items"]


@pytest.mark.parametrize(
    ("value", "interval", "said"),
    [
        (0.7, (0.65, 0.8), "+0.2, intervals apart"),
        (0.55, (0.45, 0.65), "+0.05, intervals overlap"),
        (0.45, None, "-0.05"),
        (0.5, (0.4, 0.6), "the same"),
    ],
)
def test_the_distance_from_the_first_run(
    tmp_path: Path, value: float, interval: tuple[float, float] | None, said: str
) -> None:
    other = Metric("accuracy", value, ci95=interval, chance=0.1)
    records = [read_run(saved(tmp_path / "a", [ACCURACY])), read_run(saved(tmp_path / "b", [other]))]
    own, beside, *rest = metrics(records)
    assert own[:2] == ["accuracy ↑", "0.5 (0.4 to 0.6)"]
    assert beside == ["  beside the first", "", said]
    assert rest == [["  chance", "0.1", "0.1"], ["  control majority", "0.15", "-"]]


def test_metrics_that_not_all_runs_have(tmp_path: Path) -> None:
    records: list[Record] = [
        read_run(saved(tmp_path / "a", [Metric("kl", 1.0, "lower")])),
        read_run(saved(tmp_path / "b", [ACCURACY])),
    ]
    rows = {name: cells for name, *cells in metrics(records)}
    assert rows["kl ↓"] == ["1", "-"]
    assert rows["accuracy ↑"] == ["-", "0.5 (0.4 to 0.6)"]
