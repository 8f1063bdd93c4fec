"""Page that compares runs: links to their reports, the tables of `mmx compare`, bars, curves, and media in rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmx.errors import MmxError
from mmx.media.video import video_seconds
from mmx.report.html import document
from mmx.report.inline_media import KINDS, Embedder, own_media
from mmx.report.items import duration
from mmx.report.svg import breakable, curves, value_bars
from mmx.support import run_files
from mmx.tracking import journal

if TYPE_CHECKING:
    from mmx.runs.history import Record

Rows = Iterable[Sequence[str]]


def comparison_page(
    headers: Sequence[str], tables: Iterable[tuple[str, Rows]], runs: Sequence[Record], at: Path
) -> str:
    """Return the whole page. Every text that is not this file's own is escaped.

    Args:
        headers: Names of the runs.
        tables: Title and rows, a name and a cell per run; one without rows is left out.
        runs: The runs; the media of their folders are shown.
        at: Where the page will be; media that are not embedded, and reports, are linked from there.
    """
    first, *others = [_section(title, _table(headers, list(rows))) for title, rows in tables] or [""]
    sections = [
        first,
        _section("First metric", _bars(headers, runs), scroll=False),
        *others,
        _section("Learning curves", _curves(headers, runs), scroll=False),
        _section("Images and players", _media(headers, runs, at)),
    ]
    title = f"{len(runs)} runs: {', '.join(dict.fromkeys(str(each.config.get('name')) for each in runs))}"
    head = f"<p class=kind>mmx compare</p>\n<h1>{escape(title)}</h1>\n{_reports(headers, runs, at)}"
    return document(title, f"<header>\n{head}</header>\n{''.join(sections)}", wide=True)


def _section(title: str, body: str, *, scroll: bool = True) -> str:
    inner = f"<div class=scroll>{body}</div>" if scroll else body
    return f"<section><h2>{escape(title)}</h2>{inner}</section>\n" if body else ""


def _reports(headers: Sequence[str], runs: Sequence[Record], at: Path) -> str:
    """Return a link to the report of each run that has one."""
    links = [
        f'<a href="{_link(run.folder / run_files.PAGE, at)}">report of {escape(header)}</a>'
        for header, run in zip(headers, runs, strict=True)
        if (run.folder / run_files.PAGE).is_file()
    ]
    return f"<p>{' · '.join(links)}</p>\n" if links else ""


def _bars(headers: Sequence[str], runs: Sequence[Record]) -> str:
    """Return the first metric of the first run that has one, as a bar per run."""
    metrics = [next(iter(run.metrics.values()), None) for run in runs]
    first = next((metric for metric in metrics if metric is not None), None)
    if first is None:
        return ""
    rows = [
        ("ours", header, run.metrics[first["name"]]["value"], run.metrics[first["name"]]["ci95"])
        for header, run in zip(headers, runs, strict=True)
        if first["name"] in run.metrics and run.metrics[first["name"]]["value"] is not None
    ]
    return value_bars(f"{first['name']}, {first['better']} is better", rows)


def _curves(headers: Sequence[str], runs: Sequence[Record]) -> str:
    """Return the losses that at least one run has, one plot each, with a line per run."""
    found = [journal.curves(run.folder / run_files.JOURNAL) for run in runs]
    keys = dict.fromkeys(key for each in found for key in each if key.endswith("/loss"))
    plots = [
        curves(
            key, {header: each[key] for header, each in zip(headers, found, strict=True) if len(each.get(key, ())) > 1}
        )
        for key in keys
    ]
    return f"<div class=grid>{''.join(plots)}</div>" if any(plots) else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    body = "".join(
        f"<tr><th scope=row{' class=under' if name.startswith(' ') else ''}>{breakable(name.strip())}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return f"<table>{_head(headers)}<tbody>{body}</tbody></table>"


def _media(headers: Sequence[str], runs: Sequence[Record], at: Path) -> str:
    """Return a table of media: files of one name stand in one row, each with its caption."""
    files = [{path.stem: path for path in own_media(run.folder)} for run in runs]
    captions = [_captions(run) for run in runs]
    names = dict.fromkeys(name for each in files for name in each)
    if not names:
        return ""
    embedder, body = Embedder(), ""
    for name in names:
        cells = ""
        for header, each, told in zip(headers, files, captions, strict=True):
            if name in each:
                caption = told.get(each[name].name, "")
                tag = embedder.tag(each[name], f"{caption or name} ({header})", _link(each[name], at))
                tag = f"<button class=zoom title=enlarge>{tag}</button>" if KINDS[each[name].suffix] == "image" else tag
                length = _length(each[name])
                words = f"<figcaption>{escape(caption)}{length}</figcaption>" if caption or length else ""
                cells += f"<td><figure class={KINDS[each[name].suffix]}>{tag}{words}</figure></td>"
            else:
                cells += "<td>-</td>"
        body += f"<tr><th scope=row>{escape(name.replace('_', ' '))}</th>{cells}</tr>"
    return f"<table class=sides>{_head(headers)}<tbody>{body}</tbody></table>"


def _length(path: Path) -> str:
    """Return how long audio or video is: a player shows 0:00 of what is under a second."""
    if KINDS[path.suffix] == "image":
        return ""
    try:
        return f" <small>{duration(video_seconds(path))}</small>"
    except MmxError:
        return ""  # damaged


def _captions(run: Record) -> Mapping[str, str]:
    """Return file name -> caption, as the report noted it."""
    media = run.report.get("media")
    pairs = media.items() if isinstance(media, dict) else ()
    return {name: caption for name, caption in pairs if isinstance(caption, str)}


def _link(path: Path, at: Path) -> str:
    return quote(Path(os.path.relpath(path, at.absolute().parent)).as_posix())


def _head(headers: Sequence[str]) -> str:
    columns = "".join(f"<th scope=col>{escape(header)}</th>" for header in headers)
    return f"<thead><tr><td></td>{columns}</tr></thead>"
