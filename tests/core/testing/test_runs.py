"""A smoke run, judged: its report must be believable and its price small."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.testing.runs import check_run
from mmx.testing.usage import smallest
from tests.core.testing.packages import opened, package


def test_a_run_and_its_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = opened(package(tmp_path, "runs_idea"))
    small = smallest(catalog, "runs_idea")
    assert [each.ok for each in check_run(small, catalog.plugins, 60.0)] == [True] * 4
    *_, budget = check_run(small, catalog.plugins, 0.001)
    assert not budget.ok
    assert "of 0 s" in budget.detail
    assert capsys.readouterr().err == "", "that a few steps teach nothing is no news"


def test_a_run_that_cannot_be_repeated(tmp_path: Path) -> None:
    folder = package(tmp_path, "runs_dice")
    model = folder / "mmx_runs_dice" / "model.py"
    text = model.read_text()
    assert "self.layers(x)" in text
    dice = "self.layers(x + torch.rand(x.shape, generator=torch.Generator().manual_seed(id(x))))"
    model.write_text(text.replace("self.layers(x)", dice.replace("id(x)", "__import__('time').time_ns()")))
    catalog = opened(folder)
    *_, repeated = check_run(smallest(catalog, "runs_dice"), catalog.plugins, 60.0)
    assert repeated.what == "run of runs_dice (smoke): same seed, same numbers"
    assert not repeated.ok
    assert "the second run gives " in repeated.detail and "run.seed" in repeated.detail
