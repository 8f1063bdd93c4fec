"""Differences item by item: against sums made by hand, and what is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.report.statistics import mean_interval
from mmx.runs.history import read_run
from mmx.studies.pairing import doubts, paired, read_items, shared
from mmx.tracking.tracker import table
from tests.core.saved import CONFIG, saved


def rows(folder: Path, items: list[dict[str, Any]]) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "predictions.json").write_text(json.dumps(table(items)))
    return read_items(folder)


def numbers(cell: str) -> list[float]:
    """`+0.5 (+0.1 to +0.9), 14 items` -> the three numbers."""
    return [float(part) for part in re.findall(r"[+-]\d[\d.e-]*", cell.partition(",")[0])]


def test_few_items_have_no_interval(tmp_path: Path) -> None:
    """Intervals of 2, 3 and 5 items were wrong in 50, 28 and 14 of 100 runs that did not differ."""
    one = rows(tmp_path / "a", [{"id": f"i{n}", "score": float(n)} for n in range(9)])
    two = rows(tmp_path / "b", [{"id": f"i{n}", "score": n + 0.5 + n % 2} for n in range(9)])
    (_, beside) = paired([one, two])
    assert beside[2] == "+0.944 (no interval: 9 units, 10 are needed), 9 items"


def test_items_of_one_unit_count_together(tmp_path: Path) -> None:
    """Three items of each recording differ alike: the interval is that of twelve differences, not of 36."""
    gaps = np.random.default_rng(1).normal(0.5, 1.0, 12)
    base = [{"id": f"i{n}", "unit": f"r{n % 12}", "score": float(n)} for n in range(36)]
    one = rows(tmp_path / "a", base)
    two = rows(tmp_path / "b", [{**row, "score": row["score"] + gaps[n % 12]} for n, row in enumerate(base)])
    (_, beside) = paired([one, two])
    assert beside[2].endswith(", 36 items of 12 units")
    assert numbers(beside[2])[1:] == pytest.approx(mean_interval(gaps, range(12)), rel=0.01)


def test_the_interval_is_that_of_the_differences(tmp_path: Path) -> None:
    """Items differ by far more than the runs do: paired, a difference of a tenth is sure, unpaired it would not be."""
    generator = np.random.default_rng(0)
    hard = generator.normal(0, 10, 60)
    gaps = generator.normal(0.1, 0.05, 60)
    one = rows(tmp_path / "a", [{"id": f"i{n}", "score": float(hard[n])} for n in range(60)])
    two = rows(tmp_path / "b", [{"id": f"i{n}", "score": float(hard[n] + gaps[n])} for n in reversed(range(60))])
    own, beside = paired([one, two])
    assert own == ["score", f"{hard.mean():.4g}", f"{(hard + gaps).mean():.4g}"]
    assert beside[:2] == ["  beside the first", ""]
    middle, low, high = numbers(beside[2])
    assert middle == pytest.approx(gaps.mean(), abs=1e-3)
    half = 1.96 * gaps.std(ddof=1) / 60**0.5  # the normal interval of a mean of 60 differences
    assert (low, high) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=0.25 * half)
    assert beside[2].endswith(", 60 items")


def test_items_that_not_all_have_and_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    one = rows(tmp_path / "a", [{"id": "x", "hit": True, "n": 1}, {"id": "y", "hit": False, "n": 2}, {"id": "z"}])
    two = rows(tmp_path / "b", [{"id": "y", "hit": True, "n": None}, {"id": "x", "hit": True, "n": 1}])
    assert shared([one, two]) == ["x", "y"]
    found = list(paired([one, two]))
    assert [row[0] for row in found] == ["hit", "  beside the first"], "n is a number in both for one item only"
    assert found[0][1:] == ["0.5", "1"]
    assert numbers(found[1][2])[0] == 0.5


def test_what_is_the_same_everywhere_says_nothing(tmp_path: Path) -> None:
    items = [{"id": name, "start": number, "label": "cat", "guess": number} for number, name in enumerate("xyz")]
    one = rows(tmp_path / "a", items)
    two = rows(tmp_path / "b", [{**row, "guess": 2} for row in items])
    three = rows(tmp_path / "c", items)
    assert list(paired([one, three])) == []
    found = list(paired([one, two, three]))
    assert [row[0] for row in found] == ["guess", "  beside the first"]
    assert numbers(found[1][3]) == [0]


def test_runs_without_items(tmp_path: Path) -> None:
    one = rows(tmp_path / "a", [{"id": "x", "n": 1}, {"id": "y", "n": 2}])
    assert read_items(tmp_path / "nothing") == {}
    assert list(paired([one, {}])) == list(paired([{}, one])) == list(paired([])) == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"columns": ["id"]}',
        '{"columns": ["n"], "data": [[1]]}',
        '{"columns": ["id", "n"], "data": [["x"]]}',
    ],
)
def test_a_table_that_was_tampered_with_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "predictions.json").write_text(text)
    with pytest.raises(DataError, match=r"predictions\.json: cannot be read as a table of items"):
        read_items(tmp_path)


def test_other_data_is_a_doubt(tmp_path: Path) -> None:
    other = {**CONFIG, "corpus": {"use": "worlds/shapes", "clips": 64}, "task": {"use": "std/classification"}}
    records = [read_run(saved(tmp_path / name, config=config)) for name, config in (("a", CONFIG), ("b", other))]
    assert doubts([records[0], records[0]]) == []
    assert doubts(records) == ["corpus", "task"]
