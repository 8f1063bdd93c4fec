"""The page `index.html` in a folder of runs: every run with its verdict, first metric, losses and an image."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mmx.report.html import document
from mmx.report.inline_media import EMBED_ONE, is_own
from mmx.report.svg import number, sparkline
from mmx.report.verdict import LEARNED
from mmx.runs.history import STARTED
from mmx.runs.listed import NOT_JUDGED, Summary, summaries
from mmx.support import run_files
from mmx.support.files import write_text
from mmx.tracking import journal

SHOWN: Final = 500
"""Runs on the page, the newest; all are in `mmx runs`."""

_COLUMNS: Final = (
    "", "run", "preset", "seed", "verdict", "first metric", "best baseline", "losses", "seconds", "started", "tags",
)  # fmt: skip
_JOURNAL: Final = 4_000_000
"""Bytes of the largest journal whose curves are drawn."""


def update_index(folder: Path) -> None:
    """Write the page anew after a run in `folder`, where it lies in a folder of runs.

    Raises:
        OSError: It cannot be written.
    """
    runs = folder.absolute().parent.parent
    if (runs / STARTED).is_file():
        write_index(runs)


def write_index(runs: Path) -> Path | None:
    """Write the page over all runs below `runs` and return its path; None where there are no runs.

    Raises:
        OSError: It cannot be written.
    """
    found = list(islice(summaries(runs), SHOWN))
    if not found:
        (runs / run_files.INDEX).unlink(missing_ok=True)
        return None
    head = "".join(f"<th scope=col>{name or '<span class=quiet>image</span>'}</th>" for name in _COLUMNS)
    body = "".join(f"<tr>{''.join(_cells(runs, each))}</tr>" for each in found)
    learned = sum(each.verdict == LEARNED for each in found)
    names = {each.experiment for each in found}
    told = f"{len(found)} runs of {len(names)} experiments, {learned} with the verdict “{LEARNED}”"
    content = (
        f"<header><p class=kind>mmx runs</p><h1>{escape(runs.absolute().name)}</h1><p>{told}.</p>"
        "<p class=hint>A heading sorts. The best baseline is the best of chance, untrained and controls where a report "
        "has no baselines. <label>Search <input type=search data-rows='#items' autocomplete=off></label> "
        "<output></output></p></header>"
        f"<section><div class=scroll><table id=items class='sortable runs'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div></section>"
    )
    return write_text(runs / run_files.INDEX, document(f"runs in {runs.absolute().name}", content, wide=True))


def _cells(runs: Path, run: Summary) -> Iterator[str]:
    relative = quote(run.folder.relative_to(runs).as_posix())
    page = run.folder / run_files.PAGE
    called = f"{escape(run.experiment)}<small>{escape(run.folder.name)}</small>"
    link = f'<a href="{relative}/{run_files.PAGE}">{called}</a>' if page.is_file() else called
    tone = "good" if run.verdict == LEARNED else "none" if run.verdict == NOT_JUDGED else "bad"
    ended = "" if run.status == "completed" else f"<small>{escape(run.status)}</small>"
    arrow = "↑" if run.better == "higher" else "↓"
    value = "" if run.value is None else f"<strong>{escape(number(run.value))}</strong>"
    metric = f"{run.metric} {arrow}" if run.metric else ""
    yield f"<td>{_image(run.folder, run.experiment)}</td>"
    yield f"<td data-value='{escape(run.experiment, quote=True)}'>{link}</td>"
    yield f"<td>{escape(run.preset)}</td>"
    yield f"<td>{'' if run.seed is None else run.seed}</td>"
    yield f"<td><span class='mark {tone}'>{escape(run.verdict)}</span>{ended}</td>"
    yield f"<td data-value='{_sorting(run.value)}'>{value}<small>{escape(metric)}</small></td>"
    beside = "" if run.beside_value is None else escape(number(run.beside_value))
    name = escape(run.beside.replace("_", " "))
    yield f"<td data-value='{_sorting(run.beside_value)}'>{beside}<small>{name}</small></td>"
    yield f"<td>{''.join(_losses(run.folder))}</td>"
    yield f"<td data-value='{_sorting(run.seconds)}'>{'' if run.seconds is None else f'{run.seconds:,.0f}'}</td>"
    begun = "" if run.begun is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(run.begun))
    yield f"<td data-value='{_sorting(run.begun)}'>{begun}</td>"
    yield f"<td>{escape(', '.join(run.tags))}</td>"


def _sorting(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _image(folder: Path, label: str) -> str:
    path = folder / run_files.THUMBNAIL
    try:
        if not is_own(folder, path) or path.stat().st_size > EMBED_ONE:
            return ""
        content = path.read_bytes()
    except OSError:
        return ""
    data = base64.b64encode(content).decode()
    return f'<img class=thumbnail src="data:image/png;base64,{data}" alt="from {escape(label, quote=True)}">'


def _losses(folder: Path) -> Sequence[str]:
    path = folder / run_files.JOURNAL
    if not path.is_file() or path.stat().st_size > _JOURNAL:
        return ()
    curves = journal.curves(path)
    return [
        sparkline(key, points) for key, points in curves.items() if key.startswith("train/") and key.endswith("/loss")
    ][:4]
