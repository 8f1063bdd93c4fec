"""The table at the end of a run."""

from __future__ import annotations

import pytest
from rich.console import Console

from mmx.report.terminal import brief, rows, tables
from mmx.types import Metric, PaperValue, Report

METRIC = Metric(
    "accuracy",
    0.61234,
    ci95=(0.5, 0.7),
    chance=0.25,
    untrained=0.4,
    controls={"shuffled": 0.3},
    references={"oracle": 0.9},
    paper=PaperValue(0.742, "ESC-50"),
)


def test_every_comparison_stands_below_the_value() -> None:
    assert list(rows(METRIC)) == [
        ("this run", "0.612", "95 % interval 0.5 to 0.7"),
        ("chance", "0.25", "chance level"),
        ("untrained", "0.4", "the network before training"),
        ("shuffled", "0.3", "control"),
        ("oracle", "0.9", "reference"),
        ("paper", "0.742", "ESC-50"),
    ]


def test_the_best_baseline_and_the_paired_intervals_are_shown() -> None:
    metric = Metric(
        *("error", 0.5, "lower"),
        baselines={"line": 0.7, "nearest": 0.6},
        gaps={"baseline nearest": (-0.1, 0.25), "reference person": (-0.2, -0.1)},
        references={"person": 0.35},
        **{"ci95": (0.4, 0.6), "units": 12, "unit": "speakers"},
    )
    assert list(rows(metric)) == [
        ("this run", "0.5", "95 % interval 0.4 to 0.6, 12 speakers"),
        ("line", "0.7", "baseline"),
        ("nearest", "0.6", "the best baseline; this run is better by [-0.1 to +0.25]"),
        ("person", "0.35", "reference; this run is worse by [0.1 to 0.2]"),
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert list(rows(Metric("loss", 2.0, better="lower"))) == [("this run", "2", "")]


def printed(width: int, report: Report, *, every: bool = False) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(*tables(report, every=every))
    return [line.rstrip() for line in captured.get().splitlines() if line.strip(" ─")]


def test_the_first_metric_is_shown_in_full_and_each_further_one_on_a_line() -> None:
    further = Metric("loss", 2.0, "lower", chance=4.0, baselines={"a": 3.0, "b": 2.5}, references={"oracle": 0.0})
    report = Report([METRIC, further], used=3, expected=4)
    lines = printed(80, report)
    assert len(lines) == 6 + 2
    assert lines[-2].split() == ["metric", "this", "run", "chance", "untrained", "baseline", "control"]
    assert lines[-1].split() == ["loss", "↓", "2", "4", "2.5"]
    assert len(printed(80, report, every=True)) == 6 + 5
    assert len(printed(80, Report([METRIC], 1, 1))) == 6
    assert brief(Metric("loss", 2.0)) == ["", "", "", ""]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_names_are_whole_at_every_width(width: int) -> None:
    names = [f"l{number}_recall_at_10_of_24_people_of_one_sex_and_age" for number in (1, 2)]
    lines = printed(width, Report([Metric(name, 0.5, chance=0.25) for name in names], 1, 1))
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= width


def test_the_table_fits_a_narrow_terminal_and_shows_markup_as_text() -> None:
    lines = printed(72, Report([Metric("[red]x", 1.0), METRIC], used=3, expected=4), every=True)
    text = "\n".join(lines)
    assert "[red]x ↑" in text
    assert "95 % interval 0.5 to 0.7" in text
    assert max(map(len, text.splitlines())) <= 72
