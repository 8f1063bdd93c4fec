"""The table at the end of a run."""

from __future__ import annotations

from rich.console import Console

from mmx.report.terminal import rows, table
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
        gaps={"baseline nearest": (-0.1, 0.25)},
        **{"ci95": (0.4, 0.6), "units": 12, "unit": "speakers"},
    )
    assert list(rows(metric)) == [
        ("this run", "0.5", "95 % interval 0.4 to 0.6, 12 speakers"),
        ("line", "0.7", "baseline"),
        ("nearest", "0.6", "the best baseline; this run is better by [-0.1 to +0.25]"),
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert list(rows(Metric("loss", 2.0, better="lower"))) == [("this run", "2", "")]


def test_the_table_fits_a_narrow_terminal_and_shows_markup_as_text() -> None:
    console = Console(width=72, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(table(Report([Metric("[red]x", 1.0), METRIC], used=3, expected=4)))
    text = captured.get()
    assert "[red]x ↑" in text
    assert "95 % interval 0.5 to 0.7" in text
    assert max(map(len, text.splitlines())) <= 72
