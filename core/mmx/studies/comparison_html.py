"""Page that compares runs: the tables of `mmx compare`, then every image and player in a row of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mmx.report.html import bundled
from mmx.report.inline_media import KINDS, Embedder
from mmx.support import run_files

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
        at: Where the page will be; media that are not embedded are linked from there.
    """
    sections = [_section(title, _table(headers, list(rows))) for title, rows in tables]
    sections.append(_section("Images and players", _media(headers, runs, at)))
    title = f"{len(runs)} runs: {', '.join(dict.fromkeys(str(each.config.get('name')) for each in runs))}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>\n{bundled('report.css')}</style>\n</head>\n<body>\n<main class=wide>\n<header>\n"
        f"<p class=kind>mmx compare</p>\n<h1>{escape(title)}</h1>\n</header>\n{''.join(sections)}"
        "</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2><div class=scroll>{body}</div></section>\n" if body else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    body = "".join(
        f"<tr><th scope=row{' class=under' if name.startswith(' ') else ''}>{escape(name.strip())}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return f"<table>{_head(headers)}<tbody>{body}</tbody></table>"


def _media(headers: Sequence[str], runs: Sequence[Record], at: Path) -> str:
    """Return a table of media: files of one name stand in one row."""
    files = [_shown(run.folder) for run in runs]
    names = dict.fromkeys(name for each in files for name in each)
    if not names:
        return ""
    embedder, body = Embedder(), ""
    for name in names:
        cells = ""
        for header, each in zip(headers, files, strict=True):
            if name in each:
                link = quote(Path(os.path.relpath(each[name], at.absolute().parent)).as_posix())
                tag = embedder.tag(each[name], f"{name} of {header}", link)
                cells += f"<td><figure class={KINDS[each[name].suffix]}>{tag}</figure></td>"
            else:
                cells += "<td>-</td>"
        body += f"<tr><th scope=row>{escape(name)}</th>{cells}</tr>"
    return f"<table class=sides>{_head(headers)}<tbody>{body}</tbody></table>"


def _shown(run: Path) -> dict[str, Path]:
    """Return name -> file of the media of a run, without links."""
    found = sorted((run / run_files.MEDIA).iterdir()) if (run / run_files.MEDIA).is_dir() else []
    return {path.stem: path for path in found if path.suffix in KINDS and path.is_file() and not path.is_symlink()}


def _head(headers: Sequence[str]) -> str:
    columns = "".join(f"<th scope=col>{escape(header)}</th>" for header in headers)
    return f"<thead><tr><td></td>{columns}</tr></thead>"
