from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from mmx.report.svg import Bar, apart, curve, curves, metric_bars, number, sparkline, value_bars
from mmx.types import Metric, PaperValue


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123456, "0.1235"), (3.0, "3"), (14352713, "14,352,713"), (12345.67, "12,345.7"), (1e-7, "1e-07"),
     (float("nan"), "not a number"), (float("inf"), "inf"), (-0.5, "-0.5")],
)  # fmt: skip
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


def drawing(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def test_bars_are_as_long_as_their_values() -> None:
    metric = Metric("a", 0.8, chance=0.2, controls={"c": 0.4}, references={"r": 1.0}, paper=PaperValue(0.6, ""))
    bars = {each.get("class"): float(each.get("width", 0)) for each in drawing(metric_bars(metric)).iter("rect")}
    unit = bars["reference"]
    assert bars["ours"] == pytest.approx(0.8 * unit, abs=0.2)
    assert bars["chance"] == pytest.approx(0.2 * unit, abs=0.2)
    assert bars["control"] == pytest.approx(0.4 * unit, abs=0.2)
    assert bars["paper"] == pytest.approx(0.6 * unit, abs=0.2)


def test_the_interval_stands_around_the_end_of_our_bar() -> None:
    image = drawing(metric_bars(Metric("a", 0.8, ci95=(0.7, 0.9), chance=0.2)))
    ours = next(each for each in image.iter("rect") if each.get("class") == "ours")
    end = float(ours.get("x", 0)) + float(ours.get("width", 0))
    low, high = re.findall(r"M([\d.]+) 12H([\d.]+)", next(image.iter("path")).get("d", ""))[0]
    assert float(low) < end < float(high)
    assert end - float(low) == pytest.approx(float(high) - end, abs=0.3)


def test_negative_values_go_to_the_left_of_zero() -> None:
    bars = list(drawing(metric_bars(Metric("a", 1.0, chance=-1.0))).iter("rect"))
    ours, chance = bars
    assert float(chance.get("x", 0)) + float(chance.get("width", 0)) == pytest.approx(float(ours.get("x", 0)), abs=0.2)


def test_a_value_alone_or_without_numbers_is_not_drawn() -> None:
    assert metric_bars(Metric("a", 1.0)) == ""
    assert metric_bars(Metric("a", 1.0, chance=float("nan"))) == ""
    assert metric_bars(Metric("a", 0.0, chance=0.0)) != ""


def points(text: str) -> list[tuple[float, float]]:
    line = next(each for each in drawing(text).iter("path") if each.get("class") == "line").get("d", "")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in line[1:].split("L"))]


def test_a_falling_loss_falls_from_corner_to_corner() -> None:
    line = points(curve("train/loss", [(0, 4.0), (50, 2.0), (100, 0.0)]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y0 < y1 < y2
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


def test_chance_lies_where_its_value_is() -> None:
    text = curve("train/loss", [(0, 4.0), (100, 0.0)], chance=2.0)
    (_, top), (_, bottom) = points(text)
    level = next(each for each in drawing(text).iter("path") if each.get("class") == "chance").get("d", "")
    assert float(level.split()[1].split("H")[0]) == pytest.approx((top + bottom) / 2, abs=0.2)


def test_long_curves_are_thinned_to_their_end_and_gaps_are_left_out() -> None:
    line = points(curve("a", [(step, float(step % 7)) for step in range(10_001)]))
    assert len(line) <= 402
    assert line[-1][0] == max(x for x, _ in line)
    assert len(points(curve("a", [(0, 1.0), (1, float("nan")), (2, 3.0)]))) == 2


@pytest.mark.parametrize("values", [[], [(0, float("nan"))]])
def test_nothing_to_draw_is_nothing(values: list[tuple[int, float]]) -> None:
    assert curve("a", values) == ""


def test_flat_and_single_points_are_drawn() -> None:
    assert points(curve("a", [(3, 1.0), (9, 1.0)]))
    assert points(curve("a", [(3, 1.0)]))


def test_bars_have_their_own_intervals_and_skip_what_is_no_number() -> None:
    rows: list[Bar] = [
        ("ours", "a", 0.5, (0.4, 0.6)),
        ("ours", "b", float("nan"), None),
        ("ours", "c", 1.0, (None, 1.0)),
    ]
    image = drawing(value_bars("t", rows))
    assert len(list(image.iter("rect"))) == 2
    assert len(list(image.iter("path"))) == 1
    assert value_bars("t", [rows[1]]) == ""


def test_several_lines_share_their_axes() -> None:
    text = curves("loss", {"one": [(0, 4.0), (10, 2.0)], "two": [(0, 2.0), (20, 0.0)], "none": []})
    paths = [each.get("d", "") for each in drawing(text).iter("path") if (each.get("class") or "").startswith("line")]
    ends = [[tuple(map(float, pair.split())) for pair in path[1:].split("L")] for path in paths]
    assert len(ends) == 2
    assert ends[0][1][1] == ends[1][0][1], "the value 2 is at one height"
    assert ends[0][1][0] - ends[0][0][0] == pytest.approx((ends[1][1][0] - ends[1][0][0]) / 2, abs=0.2)
    assert "two ends at 0" in text


def test_a_sparkline_falls_as_its_numbers_do() -> None:
    (path,) = drawing(sparkline("loss", [(step, 100.0 - step) for step in range(101)])).iter("path")
    heights = [float(pair.split()[1]) for pair in path.get("d", "")[1:].split("L")]
    assert heights == sorted(heights) and heights[0] == 2.0
    assert sparkline("loss", [(0, 1.0), (1, float("nan"))]) == ""


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["short", "other"], ["short", "other"]),
        (["a" * 10 + "1", "a" * 10 + "2"], ["aaaa…aa1", "aaaa…aa2"]),
        (["aaaa1aaaaaa", "aaaa2aaaaaa"], ["aaaa1aaaaaa", "aaaa2aaaaaa"]),
    ],
)
def test_labels_are_cut_only_where_they_stay_apart(texts: list[str], shown: list[str]) -> None:
    assert apart(texts, 8) == shown
