"""The page `report.html`: one self-contained file, readable without mmx, a server or a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mmx.report import items, learning_curves, metrics_html, modalities
from mmx.report.inline_media import Embedder
from mmx.report.items import Shown
from mmx.report.svg import number
from mmx.support.files import plain
from mmx.support.text import visible

if TYPE_CHECKING:
    from mmx.types import Card, Report

ROWS: Final = 200
"""Rows of the table of predictions that are shown; all are in predictions.json."""

OPEN_NOTES: Final = 5
"""Notes that are read at once; more are folded."""

_CELL: Final = 200
_LISTED: Final = 16


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
    ablation: metrics_html.Ablation = MappingProxyType({}),
) -> str:
    """Return the whole page. Every text that is not this file's own is escaped.

    The order is that of a reader's questions: did it learn, what does it do, how good is it beside what, and only then
    the curves, the other figures, every item, and where it comes from.
    """
    embedder = Embedder()
    groups, single = items.grouped(shown)
    clips = [item for item in single if not item.figure]
    figures = [item for item in single if item.figure]
    others = f"{len(report.metrics)} {'metric' if len(report.metrics) == 1 else 'metrics'} in full"
    sections = [
        _section("What it does", (items.rows(groups, embedder) if groups else "") + items.grid(clips, embedder)),
        _section(*metrics_html.primary(report.metrics)),
        _section(others, metrics_html.full(report.metrics), fold=True),
        _section("What each modality contributes", metrics_html.contributions(report.metrics, ablation)),
        _section("Notes", _list(report.notes, OPEN_NOTES)),
        _section("Modalities", modalities.section(curves, facts.summary.get("modalities"))),
        _section("Learning curves", learning_curves.plots(curves)),
        _section("Figures", items.grid(figures, embedder, items.opened(figures))),
        _section("Predictions by item", _predictions(report.predictions)),
        _section("Caveats: what it must not be used or trusted for", _list(caveats), anchor="caveats"),
        "<div class=pair>",
        _section("Source", "" if card is None else _card(card, caveats)),
        _section("How to repeat it", _repeat(facts)),
        "</div>",
    ]
    title = f"{facts.summary['experiment']}: {facts.verdict}"
    return document(title, f"{_header(facts, len(caveats))}\n{''.join(sections)}")


def document(title: str, content: str, *, wide: bool = False) -> str:
    """Return a self-contained page around its content, which is markup already."""
    return visible(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>\n{bundled('report.css')}</style>\n</head>\n<body>\n<main{' class=wide' if wide else ''}>\n{content}"
        f"</main>\n<script>\n{bundled('report.js')}</script>\n</body>\n</html>\n"
    )


def _header(facts: Facts, caveats: int) -> str:
    summary = facts.summary
    cells: dict[str, tuple[str, Callable[[Any], str]]] = {
        "preset": ("preset", str),
        "seed": ("seed", str),
        "items judged": ("items", lambda judged: f"{judged['used']:,} of {judged['expected']:,}"),
        "time": ("seconds", items.duration),
        "memory": ("peak_rss_mb", lambda used: f"{used:,.0f} MB"),
        "parameters": ("params", lambda count: f"{count:,}"),
    }
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(told(summary[key]))}</dd></div>"
        for name, (key, told) in cells.items()
        if key in summary  # a run that was given away says nothing of the machine
    )
    if caveats:
        shown += f"<div><dt>read first</dt><dd><a href='#caveats'>{_counted(caveats, 'caveat')}</a></dd></div>"
    tone = "good" if facts.learned else "bad"
    return (
        f"<header>\n<p class=kind>mmx report</p>\n<h1>{escape(summary['experiment'])}</h1>\n"
        f'<div class="verdict {tone}" role=status><strong>{escape(facts.verdict)}</strong>'
        f"<span>{escape(facts.reason)}</span></div>\n<dl class=facts>{shown}</dl>\n</header>"
    )


def _section(title: str, body: str, *, fold: bool = False, anchor: str = "") -> str:
    if not body:
        return ""
    name = f" id={anchor}" if anchor else ""
    if fold:
        return f"<section{name}><details><summary><h2>{title}</h2></summary>{body}</details></section>\n"
    return f"<section{name}><h2>{title}</h2>{body}</section>\n"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
        "<label>Search <input type=search data-rows='#items' autocomplete=off></label> <output></output></p>"
        f"<div class='scroll tall'><table id=items class=sortable><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></div>"
    )


def _cell(value: Any, depth: int = 0) -> str:
    """Return a value for a table: a mapping as lines of names and values, a list with commas; deep ones as JSON."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict) and depth < 2:
        lines = (f"<dt>{escape(str(key))}</dt><dd>{_cell(inner, depth + 1)}</dd>" for key, inner in value.items())
        return f"<dl>{''.join(lines)}</dl>"
    if isinstance(value, list) and depth < 2 and len(value) <= _LISTED:
        return ", ".join(_cell(inner, depth + 1) for inner in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _CELL else f"{text[:_CELL]} …")


def _card(card: Card, told: Sequence[str]) -> str:
    link = f' <a href="{escape(card.url, quote=True)}">{escape(card.url)}</a>' if card.url.startswith("http") else ""
    made = ", ".join(part for part in (card.authors, str(card.year or "")) if part)
    text = f"<p><strong>{escape(card.title)}</strong> {escape(made)}{link}</p><p>{escape(card.summary)}</p>"
    if card.synthetic:
        text += "<p>The data are made by a program.</p>"
    if card.deviations:
        text += f"<details><summary>Deviations from the paper</summary>{_list(card.deviations)}</details>"
    caveats = [line for line in card.caveats if line not in told]
    if caveats:
        text += f"<details><summary>{_counted(len(caveats), 'caveat')} of the data</summary>{_list(caveats)}</details>"
    return text + f"<p class=hint>Licence: {escape(card.licence)}</p>"


def _repeat(facts: Facts) -> str:
    commit, environment_of = facts.summary.get("git_commit"), facts.summary.get("environment", {})
    dirty = environment_of.get("git_dirty") == "yes"
    changes = " with changes (git.diff)" if dirty else ""
    at = f"<p>At commit <code>{escape(commit)}</code>{changes}.</p>" if commit else ""
    again = f"mmx rerun {facts.folder}"
    config = _folded("Configuration", f"<pre>{escape(facts.config)}</pre>" if facts.config else "")
    environment = _folded("Environment", _pairs(environment_of))
    return f"<pre>{escape(facts.command)}\n{escape(again)}</pre>{at}{config}{environment}"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>{body}</details>" if body else ""


def _pairs(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in values.items()
    )
    return f"<div class=scroll><table>{rows}</table></div>" if rows else ""


def _list(lines: Iterable[str], opened: int | None = None) -> str:
    marked = [f"<li>{escape(line)}</li>" for line in lines]
    if not marked:
        return ""
    folded = marked[opened:] if opened is not None else []
    more = _folded(f"{len(folded)} more", f"<ul>{''.join(folded)}</ul>") if folded else ""
    return f"<ul>{''.join(marked[:opened])}</ul>{more}"


def _number(value: float | None) -> str:
    return "" if value is None else escape(number(value))


def bundled(name: str) -> str:
    """Return the text of a file in this folder: the style sheet or the script of pages."""
    return Path(__file__).with_name(name).read_text("utf-8")
