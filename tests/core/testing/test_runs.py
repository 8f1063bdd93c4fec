"""A smoke run, judged: its report must be believable and its price small."""

from __future__ import annotations

from pathlib import Path

from mmx.testing.runs import check_run
from mmx.testing.usage import smallest
from tests.core.testing.packages import opened, package


def test_a_run_and_its_budget(tmp_path: Path) -> None:
    catalog = opened(package(tmp_path, "runs_idea"))
    small = smallest(catalog, "runs_idea")
    assert [each.ok for each in check_run(small, catalog.plugins, 60.0)] == [True, True, True]
    *_, budget = check_run(small, catalog.plugins, 0.001)
    assert not budget.ok
    assert "of 0 s" in budget.detail
