"""What has changed since a run was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.experiment import Settings
from mmx.runs.history import Record
from mmx.studies.environment_diff import since
from mmx.tracking import provenance

CLEAN = provenance.GitState("a" * 40, "")


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("mmx.tracking.provenance.git_state", lambda: CLEAN)
    return CLEAN


def record(**changes: str | None) -> Record:
    noted = provenance.environment(CLEAN) | {"threads": str(torch.get_num_threads())} | changes
    return Record(
        Path("one"), {}, {"environment": {key: value for key, value in noted.items() if value}}, "completed", None
    )


def test_nothing_changed_and_nothing_is_said(git: Any) -> None:
    assert list(since(record(), Settings())) == []


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({"git_commit": "b" * 40}, {}, f"commit {'a' * 12}, the run was at {'b' * 12}"),
        ({"git_commit": None}, {}, f"commit {'a' * 12}, the run was at unknown"),
        ({"git_dirty": "yes"}, {}, "the run has changes that are not committed"),
        ({"torch": "2.0.0"}, {}, f"torch {torch.__version__}, the run had 2.0.0"),
        ({"polars": "1.0"}, {}, "polars missing, the run had 1.0"),
        ({"threads": "7"}, {"threads": 1}, "1 threads, the run had 7"),
    ],
)
def test_each_change_is_a_line(git: Any, changes: dict[str, str | None], settings: dict[str, int], said: str) -> None:
    assert list(since(record(**changes), Settings(**settings))) == [said]


def test_changes_of_the_checkout_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmx.tracking.provenance.git_state", lambda: provenance.GitState("a" * 40, "diff"))
    assert list(since(record(), Settings())) == ["this checkout has changes that are not committed"]


def test_a_report_from_before_threads_were_noted(git: Any) -> None:
    assert list(since(record(threads=None), Settings(threads=99))) == []
