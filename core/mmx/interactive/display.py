"""Display of runs and predictions in notebooks: the verdict, the first metric, and players and images in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmx.report.inline_media import KINDS, Embedder, own_media
from mmx.report.items import Shown, rows
from mmx.report.items import grouped as by_item
from mmx.report.svg import number
from mmx.report.write import write_clips
from mmx.runs.listed import best_beside
from mmx.support.files import plain
from mmx.types import Prediction

_ROWS = 20
"""Rows of a table of predictions that a notebook shows."""
_STYLE = (
    "<style>.mmx .item,.mmx .grid{display:flex;flex-wrap:wrap;gap:12px;align-items:center}.mmx figure{margin:4px 0}"
    ".mmx img{max-width:280px}.mmx video{max-width:280px}.mmx button{all:unset}.mmx th,.mmx td{text-align:left}</style>"
)


def run_html(folder: Path, report: Mapping[str, Any]) -> str:
    """Return a run for a notebook: verdict, metrics beside the best they are compared with, the media of its items."""
    name = f"{folder.parent.name}/{folder.name}"
    if not report:
        return f"<div class=mmx><b>{escape(name)}</b>: not judged</div>"
    lines = "".join(map(_metric, report.get("metrics", ())))
    head = "<tr><th>metric</th><th>value</th><th>best baseline</th></tr>"
    captions = report.get("media", {})
    media = [
        Shown(KINDS[path.suffix], path, path.stem, str(captions.get(path.name, "")))
        for path in _in_order(folder, list(captions))
    ]
    groups, _ = by_item(media)
    shown = rows(groups[:4], Embedder()) if groups else ""
    verdict = escape(str(report.get("verdict", "not judged")))
    return f"{_STYLE}<div class=mmx><b>{escape(name)}</b>: {verdict}<table>{head}{lines}</table>{shown}</div>"


@dataclass(frozen=True, slots=True)
class Answer(Prediction):
    """A prediction that a notebook shows with its table, images and players."""

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{_cell(row.get(column))}</td>' for column in columns)}</tr>"
            for row in self.rows[:_ROWS]
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        with TemporaryDirectory() as folder:
            files = write_clips(Path(folder), self.clips)
            media = [
                Shown(KINDS[path.suffix], path, clip.key, clip.caption)
                for path, clip in zip(files, self.clips, strict=True)
            ]
            shown = rows([{item.key: item} for item in media], Embedder()) if media else ""
        return f"{_STYLE}<div class=mmx><table><tr>{head}</tr>{body}</table>{shown}<ul>{notes}</ul></div>"


def answer(found: Prediction) -> Answer:
    """Return a prediction as one that notebooks show."""
    return Answer(found.rows, found.clips, found.notes, found.arrays, found.pages)


def _metric(metric: Mapping[str, Any]) -> str:
    name, beside = best_beside(metric)
    against = "" if beside is None else f"{escape(name)} {escape(number(beside))}"
    value = "" if metric["value"] is None else escape(number(metric["value"]))
    return f"<tr><th>{escape(metric['name'])}</th><td>{value}</td><td>{against}</td></tr>"


def _in_order(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the media of a run folder in the order of its report."""
    own = {path.name: path for path in own_media(folder)}
    return [own[name] for name in names if name in own]


def _cell(value: Any) -> str:
    value = plain(value)
    return escape(number(value) if isinstance(value, float) else "" if value is None else str(value))
