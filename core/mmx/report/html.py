"""The page `report.html`: one self-contained file, readable without mmx, a server or a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmx.report.inline_media import Embedder, Kind
from mmx.report.svg import curve, metric_bars, number
from mmx.report.verdict import gap_text
from mmx.support.files import plain

if TYPE_CHECKING:
    from mmx.types import Card, Metric, Report

ROWS: Final = 200
"""Rows of the table of predictions that are shown; all are in predictions.json."""

_CELL: Final = 200
_BESIDE: Final = {
    "chance": "chance level",
    "untrained": "untrained",
    "baseline": "baselines",
    "control": "controls",
    "reference": "references",
    "paper": "paper",
}
"""Kind of a number beside a metric -> heading of its column."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A written image or clip: its kind, file, key and caption."""

    kind: Kind
    path: Path
    key: str
    caption: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Contents of the page beside the report itself.

    Attributes:
        verdict: The verdict in a few words.
        learned: Whether the verdict is that the model learned.
        reason: The reason in one sentence.
        summary: The content of report.json.
        config: The resolved configuration as YAML.
        command: What repeats the run.
        folder: Name of the run folder.
    """

    verdict: str
    learned: bool
    reason: str
    summary: Mapping[str, Any]
    config: str
    command: str
    folder: str


def page(
    facts: Facts,
    report: Report,
    shown: Sequence[Shown],
    *,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    card: Card | None,
    caveats: Sequence[str] = (),
) -> str:
    """Return the whole page. Every text that is not this file's own is escaped."""
    embedder = Embedder()
    images = [item for item in shown if item.kind == "image"]
    players = [item for item in shown if item.kind != "image"]
    sections = [
        _section("Metrics", _metrics(report.metrics)),
        _section("Notes", _list(report.notes)),
        _section("Caveats: what it must not be used or trusted for", _list(caveats)),
        _section("Learning curves", _curves(curves)),
        _section("Images", "".join(_media(item, embedder) for item in images), grid=True),
        _section("Audio and video", "".join(_media(item, embedder) for item in players), grid=True),
        _section("Predictions by item", _predictions(report.predictions)),
        _section("Source", "" if card is None else _card(card)),
        _section("How to repeat it", _repeat(facts)),
        _section("Configuration", f"<pre>{escape(facts.config)}</pre>" if facts.config else "", fold=True),
        _section("Environment", _pairs(facts.summary["environment"]), fold=True),
    ]
    title = f"{facts.summary['experiment']}: {facts.verdict}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>\n{bundled('report.css')}</style>\n</head>\n<body>\n<main>\n{_header(facts)}\n{''.join(sections)}</main>\n"
        f"<script>\n{bundled('report.js')}</script>\n</body>\n</html>\n"
    )


def _header(facts: Facts) -> str:
    summary = facts.summary
    items = summary["items"]
    cells = {
        "preset": summary["preset"],
        "seed": summary["seed"],
        "items judged": f"{items['used']:,} of {items['expected']:,}",
        "time": _duration(summary["seconds"]),
        "memory": f"{summary['peak_rss_mb']:,.0f} MB",
        "parameters": f"{summary['params']:,}",
    }
    shown = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(str(value))}</dd></div>" for key, value in cells.items())
    tone = "good" if facts.learned else "bad"
    return (
        f"<header>\n<p class=kind>mmx report</p>\n<h1>{escape(summary['experiment'])}</h1>\n"
        f'<div class="verdict {tone}" role=status><strong>{escape(facts.verdict)}</strong>'
        f"<span>{escape(facts.reason)}</span></div>\n<dl class=facts>{shown}</dl>\n</header>"
    )


def _section(title: str, body: str, *, grid: bool = False, fold: bool = False) -> str:
    if not body:
        return ""
    inner = f"<div class=grid>{body}</div>" if grid else body
    if fold:
        return f"<section><details><summary><h2>{title}</h2></summary>{inner}</details></section>\n"
    return f"<section><h2>{title}</h2>{inner}</section>\n"


def _metrics(metrics: Sequence[Metric]) -> str:
    if not metrics:
        return ""
    rows = "".join(_metric_row(metric, primary=index == 0) for index, metric in enumerate(metrics))
    columns = ("metric", "value", "95 % interval", *_BESIDE.values())
    head = "".join(f"<th scope=col>{name}</th>" for name in columns)
    bars = "".join(metric_bars(metric) for metric in metrics)
    return (
        f"<div class=scroll><table class=metrics><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        "<p class=hint>Chance level: guessing without the input. Untrained: the network before training. "
        "Baselines: simple methods on the same items. Controls: an input that should matter, removed or shuffled. "
        "References: oracles, original weights. In brackets: the 95 % interval of the distance by which the model is "
        "better, paired over the units that are named.</p>"
        f"<div class=bars>{bars}</div>"
    )


def _metric_row(metric: Metric, *, primary: bool) -> str:
    interval = "" if metric.ci95 is None else f"{_number(metric.ci95[0])} – {_number(metric.ci95[1])}"
    if metric.units is not None:
        interval += f"<br><small>{metric.units:,} {escape(metric.unit)}</small>"
    arrow = "↑" if metric.better == "higher" else "↓"
    name = f"{escape(metric.name)} <abbr title='{metric.better} is better'>{arrow}</abbr>"
    cells = [f"<strong>{_number(metric.value)}</strong>", interval, *_beside(metric)]
    mark = " class=primary" if primary else ""
    return f"<tr{mark}><th scope=row>{name}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _beside(metric: Metric) -> list[str]:
    """Return one cell per column of `_BESIDE`."""
    cells: dict[str, list[str]] = {kind: [] for kind in _BESIDE}
    for each in metric.beside():
        gap = gap_text(metric, each.label)
        shown = f" <small>{escape(gap.strip())}</small>" if gap else ""
        cells[each.kind].append(f"{escape(each.name)} {_number(each.value)}{shown}".strip())
    if metric.paper is not None:
        cells["paper"].append(f"<small>{escape(metric.paper.scale)}</small>")
    return ["<br>".join(lines) for lines in cells.values()]


def _curves(curves: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    chance = {key.rpartition("/")[0]: points[-1][1] for key, points in curves.items() if key.endswith("/chance")}
    drawn = {key: points for key, points in curves.items() if len(points) > 1 and not key.endswith("/chance")}
    losses = [key for key in drawn if key.endswith("/loss")]
    rest = [key for key in drawn if key not in losses]
    first = "".join(curve(key, drawn[key], chance.get(key.rpartition("/")[0])) for key in losses)
    more = "".join(curve(key, drawn[key]) for key in rest)
    body = f"<div class=grid>{first}</div>" if first else ""
    if rest:
        body += f"<details><summary>{len(rest)} more curves</summary><div class=grid>{more}</div></details>"
    return body


def _media(item: Shown, embedder: Embedder) -> str:
    tag = embedder.tag(item.path, item.caption or item.key, f"media/{item.path.name}")
    return f"<figure class={item.kind}>{tag}<figcaption>{escape(item.caption)}</figcaption></figure>"


def _predictions(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(dict.fromkeys(["id", *(key for row in rows[:ROWS] for key in row)]))
    head = "".join(f"<th scope=col>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(column))}</td>" for column in columns) + "</tr>" for row in rows[:ROWS]
    )
    more = f"The first {ROWS} of {len(rows):,} items" if len(rows) > ROWS else f"{len(rows):,} items"
    return (
        f"<p class=hint>{more}; all of them are in predictions.json. "
        "<label>Search <input type=search id=search autocomplete=off></label> <output id=found></output></p>"
        f"<div class='scroll tall'><table id=items><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return _number(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _CELL else f"{text[:_CELL]} …")


def _card(card: Card) -> str:
    link = f' <a href="{escape(card.url, quote=True)}">{escape(card.url)}</a>' if card.url.startswith("http") else ""
    made = ", ".join(part for part in (card.authors, str(card.year or "")) if part)
    text = f"<p><strong>{escape(card.title)}</strong> {escape(made)}{link}</p><p>{escape(card.summary)}</p>"
    if card.synthetic:
        text += "<p>The data are made by a program.</p>"
    if card.deviations:
        text += f"<h3>Deviations from the paper</h3>{_list(card.deviations)}"
    if card.caveats:
        text += f"<h3>Caveats</h3>{_list(card.caveats)}"
    return text + f"<p class=hint>Licence: {escape(card.licence)}</p>"


def _repeat(facts: Facts) -> str:
    commit = facts.summary.get("git_commit")
    dirty = facts.summary["environment"].get("git_dirty") == "yes"
    changes = " with changes (git.diff)" if dirty else ""
    at = f"<p>At commit <code>{escape(commit)}</code>{changes}.</p>" if commit else ""
    again = f"mmx rerun {facts.folder}"
    return f"<pre>{escape(facts.command)}\n{escape(again)}</pre>{at}"


def _pairs(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in values.items()
    )
    return f"<table>{rows}</table>" if rows else ""


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{seconds:.1f} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _number(value: float | None) -> str:
    return "" if value is None else escape(number(value))


def bundled(name: str) -> str:
    """Return the text of a file in this folder: the style sheet or the script of pages."""
    return Path(__file__).with_name(name).read_text("utf-8")
