"""Stored results: one file per preset, read back by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import UserError
from mmx.studies import results
from mmx.studies.sweep import Outcome, Trial


def report(seed: int, value: float, **changed: Any) -> dict[str, Any]:
    metric = {"name": "accuracy", "value": value, "ci95": [0.1, 0.9], "better": "higher", "chance": 0.5}
    metric |= {"untrained": None, "controls": {"majority": value / 2}, "paper": None}
    metric |= {"baselines": {"nearest": value / 4}, "references": {"oracle": 1.0}}
    metric |= {"gaps": {"chance": [-0.4, 0.4]}, "units": 12, "unit": "videos"}
    return {"seed": seed, "git_commit": "abc", "seconds": 2.0, "verdict": "learned", "metrics": [metric], **changed}


def outcome(preset: str, seed: int, found: dict[str, Any] | None) -> Outcome:
    return Outcome(Trial(1, preset, [], seed, {}), None, found, "" if found else "it broke", 1.0)


def test_a_file_per_preset_holds_all_seeds(tmp_path: Path) -> None:
    outcomes = [outcome("default", 0, report(0, 0.6)), outcome("wide", 0, report(0, 0.1))]
    outcomes += [outcome("default", 1, report(1, 0.8)), outcome("wide", 1, report(1, 0.2))]
    written = results.write(tmp_path, "own:shapes", "shapes", outcomes)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["results/default.json", "results/wide.json"]
    content = json.loads(written[0].read_text())
    assert content["metrics"][0]["value"] == 0.6, "the first seed's report stands at the top"
    assert [seed["seed"] for seed in content["seeds"]] == [0, 1]
    assert content["seeds"][1]["metrics"]["accuracy"] == {
        **{"value": 0.8, "ci95": [0.1, 0.9], "better": "higher", "chance": 0.5},
        **{"baselines": {"nearest": 0.2}, "controls": {"majority": 0.4}, "references": {"oracle": 1.0}},
        **{"gaps": {"chance": [-0.4, 0.4]}, "units": 12, "unit": "videos"},
    }, "what paired intervals need is kept of every seed"
    assert results.values(content, "accuracy") == [0.6, 0.8]
    assert results.values(content, "accuracy/controls/majority") == [0.3, 0.4]
    assert results.values(content, "accuracy/chance") == [0.5, 0.5]
    assert results.values(content, "accuracy/untrained") == []
    assert results.values(content, "recall") == []
    assert results.values(report(0, 0.6), "accuracy") == [0.6], "the report of a single seed"
    assert results.file_name("shapes", "drawn", "wide") == "shapes-wide.json"


def test_what_cannot_be_repeated_is_not_written(tmp_path: Path) -> None:
    for found, said in ((None, "it broke"), (report(1, 0.5, git_commit=None), "outside a git repository")):
        with pytest.raises(UserError, match=f"preset wide, seed 1 .*{said}"):
            results.write(tmp_path, "x", "x", [outcome("default", 1, report(1, 0.5)), outcome("wide", 1, found)])
    assert list(tmp_path.iterdir()) == []


def test_spread_in_words() -> None:
    assert results.spread([0.5]) == "0.5"
    assert results.spread([0.5, 0.7, 0.9]) == "0.7 ± 0.2 (0.5, 0.7, 0.9)"


def test_changes_in_results_and_documentation_are_no_changes_of_code() -> None:
    diff = "# untracked: a/new.py\ndiff --git a/docs/x.md b/docs/x.md\n+x\n"
    diff += "diff --git a/p/results/d.json b/p/results/d.json\n"
    assert results.changed_code(diff) == ["a/new.py"]
    assert results.changed_code(diff + "diff --git a/core/b.py b/core/b.py\n") == ["a/new.py", "core/b.py"]
    assert results.changed_code("") == []
