"""Which runs a sweep has, how each ended, and their table."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import ConfigError
from mmx.studies.sweep import PARENT, Axis, Outcome, Plan, Range, Sweep, Trial, markdown, read_plan, rows, split
from mmx.support import redact


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("1,2,3", ["1", "2", "3"]),
        ("[1,2],[3,4]", ["[1,2]", "[3,4]"]),
        ("{a: 1, b: 2}", ["{a: 1, b: 2}"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("one", ["one"]),
        ("", [""]),
    ],
)
def test_commas_in_brackets_and_quotes_part_nothing(value: str, parts: list[str]) -> None:
    assert split(value) == parts


def test_a_plan_is_read() -> None:
    plan = read_plan(["a.b=1,2", "c=log(1e-4,1e-1)", "d=[1,2]", "e=int(1,8)"], "default,flat", "0,3")
    assert plan == Plan(
        ("default", "flat"), ["d=[1,2]"], [Axis("a.b", ["1", "2"])],
        [Range("c", "log", 1e-4, 1e-1), Range("e", "int", 1.0, 8.0)], [0, 3],
    )  # fmt: skip
    assert read_plan([], "", "") == Plan(("default",), [], [], [], [None])


@pytest.mark.parametrize(
    ("texts", "seeds", "said"),
    [
        (["a"], "", "override a: must be key=value"),
        (["a=1,,2"], "", "an empty value between commas"),
        (["a=1,2", "a=3,4"], "", "a: given twice"),
        (["a=log(0,1)"], "", "above 0"),
        (["a=uniform(2,1)"], "", "a lower and a higher number"),
        (["a=int(x,1)"], "", "must be numbers"),
        ([], "one", "--seeds one"),
    ],
)
def test_mistakes_are_told(texts: list[str], seeds: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_plan(texts, "", seeds)


def test_the_grid_is_every_combination_with_every_seed() -> None:
    plan = read_plan(["a=1,2", "b=x,y", "c=7"], "p,q", "0,1")
    trials = plan.trials(10, 0)
    assert len(trials) == 2 * 2 * 2 * 2
    assert [trial.number for trial in trials] == list(range(1, 17))
    assert len({(trial.preset, tuple(trial.overrides), trial.seed) for trial in trials}) == 16
    assert trials[0].shown == {"preset": "p", "a": "1", "b": "x"}
    assert trials[0].overrides == ("c=7", "a=1", "b=x")


def test_draws_are_those_of_the_seed_and_within_range() -> None:
    plan = read_plan(["a=log(1e-4,1e-1)", "b=int(1,3)", "c=uniform(-1,1)", "d=1,2"], "", "")
    one, again, other = plan.trials(40, 0), plan.trials(40, 0), plan.trials(40, 1)
    assert one == again
    assert one != other
    assert len(one) == 80
    assert {trial.shown["b"] for trial in one} == {"1", "2", "3"}
    values = [float(trial.shown["a"]) for trial in one]
    assert min(values) >= 1e-4
    assert max(values) <= 1e-1
    assert sum(value < math.sqrt(1e-4 * 1e-1) for value in values) == pytest.approx(40, abs=16)  # even in the logarithm
    assert [trial.shown["a"] for trial in one[:40]] == [trial.shown["a"] for trial in one[40:]]  # the same for each d


def outcome(number: int, shown: Mapping[str, str], value: float | None, error: str = "", cpu: float = 1.0) -> Outcome:
    report: Any = None if value is None else {"metrics": [{"name": "accuracy", "value": value}], "verdict": "learned"}
    return Outcome(Trial(number, "default", (), number, shown), None, report, error, cpu)


def test_the_table_has_mean_and_spread_over_seeds() -> None:
    found = [
        outcome(1, {"a": "1"}, 0.2, cpu=2.0),
        outcome(2, {"a": "1"}, 0.4, cpu=4.0),
        outcome(3, {"a": "2"}, 0.5),
        outcome(4, {"a": "2"}, None, "it broke"),
    ]
    table = list(rows(found, []))
    assert table[0] == ["a", "runs", "accuracy", "verdict", "CPU s"]
    assert table[1] == ["1", "2/2", "0.300 ± 0.141", "learned", "3"]
    assert table[2] == ["2", "1/2", "0.500", "learned; it broke", "1"]
    assert list(rows(found, ["loss"]))[1][2] == "-"
    assert markdown([["a", "b"], ["1|2", "3"]]) == "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |\n"


class Fake(Sweep):
    """Runs a small program instead of mmx."""

    program: str = ""

    def command(self, trial: Trial) -> list[str]:
        # The program goes by the command line: runs that start together must not write one file.
        return [sys.executable, "-c", self.program, str(trial.number), str(self.folder)]


PROGRAM = """
import json, os, pathlib, sys
number, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
if number == 2:
    print("error: the loss became nan"); sys.exit(1)
if number == 3:
    os.kill(os.getpid(), 9)
own = folder / f"run{number}"; own.mkdir()
(own / "report.json").write_text(json.dumps({"metrics": [], "verdict": os.environ.get("MMX_PARENT_RUN", "")}))
sum(range(3_000_000))
print("verdict: learned"); print(f"report:  {own}/report.html")
"""


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_fails_or_dies_stops_no_other(tmp_path: Path, jobs: int) -> None:
    sweep = Fake("x", tmp_path, tmp_path, parent="abc", jobs=jobs)
    sweep.program = PROGRAM
    told: list[int] = []
    trials = [Trial(number, "default", (), None, {}) for number in range(1, 5)]
    found = sweep.run(trials, lambda each: told.append(each.trial.number))
    assert sorted(told) == [1, 2, 3, 4]
    assert [each.trial.number for each in found] == [1, 2, 3, 4]
    assert [bool(each.error) for each in found] == [False, True, True, False]
    assert found[1].error == "the loss became nan"
    assert found[2].error == "killed by signal 9"
    assert found[0].report is not None
    assert found[0].report["verdict"] == "abc"
    assert found[0].folder == tmp_path / "run1"
    assert found[0].cpu_seconds > 0
    assert PARENT not in os.environ
    assert (tmp_path / "002.log").read_text().startswith("$ mmx")


def test_after_a_stop_nothing_begins(tmp_path: Path) -> None:
    sweep = Fake("x", tmp_path, tmp_path)
    sweep.program = PROGRAM
    sweep.stopped = True
    found = sweep.run([Trial(1, "default", (), None, {})], lambda each: None)
    assert found[0].error == "not started"


def test_the_command_line_of_a_run(tmp_path: Path) -> None:
    sweep = Sweep("toy", tmp_path, Path("runs"), (["--strict-plugins"], ["--no-tracking"]))
    command = sweep.command(Trial(1, "flat", ("a=1", "b=2"), 3, {}))
    assert command[1:5] == ["-P", "-m", "mmx", "--strict-plugins"]
    assert command[5:] == [
        "run",
        "toy",
        "a=1",
        "b=2",
        "--preset",
        "flat",
        "--seed",
        "3",
        "--runs",
        "runs",
        "--plain",
        "--no-tracking",
    ]
    assert "--preset" not in sweep.command(Trial(1, "default", (), None, {}))


def test_tokens_are_in_no_log_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in its command line nor in what the run prints away from the key."""
    monkeypatch.setattr(redact, "_remembered", set())
    sweep = Fake("x", tmp_path, tmp_path)
    sweep.program = "print('login with xyzzy-plugh-1, error: xyzzy-plugh-2')"
    tokens = [f"corpus.hub_token=xyzzy-plugh-{number}" for number in (1, 2)]
    sweep.run([Trial(number, "default", tokens, None, {}) for number in (1, 2)], lambda each: None)
    for number in (1, 2):
        log = (tmp_path / f"00{number}.log").read_text()
        assert ("xyzzy" in log, "login with [redacted], error: [redacted]" in log) == (False, True), log


def test_a_broken_report_is_no_result(tmp_path: Path) -> None:
    sweep = Fake("x", tmp_path, tmp_path)
    sweep.program = "print('report:  nowhere/report.html')"
    (found,) = sweep.run([Trial(1, "default", (), None, {})], lambda each: None)
    assert found.report is None
    assert found.error == "exit code 0, and no report"
