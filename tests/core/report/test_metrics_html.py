"""Metrics on a page: a chart of the first, and one table with a column per kind of comparison."""

from __future__ import annotations

import re

from mmx.report import metrics_html
from mmx.types import Metric, PaperValue

FULL = Metric(
    "recall_at_1",
    0.5,
    ci95=(0.4, 0.6),
    chance=0.01,
    untrained=0.02,
    baselines={"word_matching": 0.3},
    controls={"shuffled": 0.1},
    references={"ceiling": 0.9},
    paper=PaperValue(0.4, "TVR <val>"),
    units=40,
    unit="videos",
)


def test_the_first_metric_is_a_chart_with_its_interval() -> None:
    title, body = metrics_html.primary([FULL, Metric("other", 0.1)])
    assert title == "recall_at_1"
    assert "<strong>0.5</strong>" in body and "0.4 – 0.6" in body
    for chart in body.split("<figure ")[1:]:
        assert chart.count("<rect") == 7, "ours and the six numbers beside it"
    assert re.findall(r"<figure class='bar (\w+)'", body) == ["wide", "narrow"], "the second one is for phones"
    assert "TVR &lt;val&gt;" in body and "<val>" not in body
    assert metrics_html.primary([]) == ("Metric", "")


def test_every_kind_has_its_column_and_the_papers_number_stands_next_to_ours() -> None:
    table = metrics_html.full([FULL])
    heads = re.findall(r"<th scope=col>([^<]+)", table)
    assert heads[:3] == ["metric", "value", "paper"]
    cells = re.findall(r"<td data-of='([^']+)'>(.*?)</td>", table)
    assert [name for name, _ in cells] == heads[1:], "a phone shows a cell without its column"
    shown = dict(cells)
    assert "40 videos" in shown["value"]
    assert "word matching 0.3" in shown["baselines"] and "shuffled 0.1" in shown["controls"]
    assert "0.01" in shown["chance level"] and "ceiling 0.9" in shown["references"]
    assert metrics_html.full([]) == ""
