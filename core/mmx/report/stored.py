"""The page of a report that lies there as `report.json` alone: of a run that was given away, or whose page is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from mmx.errors import MmxError
from mmx.media.video import video_seconds
from mmx.report.html import page
from mmx.report.inline_media import KINDS, own_media
from mmx.report.items import Shown, of_an_item
from mmx.report.write import WIDE, facts
from mmx.support import run_files
from mmx.support.files import write_text
from mmx.tracking import journal
from mmx.types import Metric, PaperValue, Report

if TYPE_CHECKING:
    from mmx.types import Card

_TOLD: Final = "What was not stored with the run (media, curves, predictions) is not here; mmx eval judges again."


def write_page(
    folder: Path, record: Mapping[str, Any], place: Path, *, card: Card | None, caveats: Sequence[str]
) -> Path:
    """Write the page of a run from what its folder holds, and return it; nothing is judged.

    Args:
        folder: The run folder.
        record: The usable content of its `report.json` (`mmx.runs.history.read_report`).
        place: Where the page goes.
        card: Of the paper or plugin.
        caveats: What the experiment must not be used or trusted for.

    Raises:
        OSError: It cannot be written.
    """
    shown = list(_media(folder, record.get("media", {})))
    curves = journal.curves(folder / run_files.JOURNAL)
    rows = _predictions(folder / run_files.PREDICTIONS)
    notes = [*record.get("notes", ()), *([] if shown and curves and rows else [_TOLD])]
    items = record.get("items", {"used": 0, "expected": 0})
    metrics = [metric(each) for each in record["metrics"]]
    report = Report(metrics, items["used"], items["expected"], predictions=rows, notes=notes)
    options: dict[str, Any] = {"curves": curves, "card": card, "caveats": caveats}
    options["ablation"] = record.get("ablation", {})
    return write_text(place, page(facts(folder, report, record), report, shown, **options))


def metric(values: Mapping[str, Any]) -> Metric:
    """Return a metric of `report.json` as tasks make them."""
    paper, interval = values.get("paper"), values.get("ci95")
    named = {key: values[key] for key in ("baselines", "controls", "references")}
    return Metric(
        values["name"],
        _finite(values["value"]),
        better=values["better"],
        ci95=None if interval is None else _pair(interval),
        chance=values["chance"],
        untrained=values["untrained"],
        **{key: {name: _finite(value) for name, value in given.items()} for key, given in named.items()},
        paper=PaperValue(paper["value"], paper["scale"]) if isinstance(paper, dict) else None,
        gaps={label: _pair(gap) for label, gap in (values.get("gaps") or {}).items()},
        units=values.get("units"),
        unit=values.get("unit") or "items",
    )


def _finite(value: float | None) -> float:
    """Return a number of a JSON file, which has no NaN."""
    return float("nan") if value is None else value


def _pair(interval: Sequence[float | None]) -> tuple[float, float]:
    return _finite(interval[0]), _finite(interval[1])


def _predictions(file: Path) -> list[dict[str, Any]]:
    """Return the rows of `predictions.json`; none where it is not there, or not what mmx wrote."""
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []


def _media(folder: Path, captions: Mapping[str, str]) -> Iterator[Shown]:
    """Yield the media that a report names, in its order."""
    there = {path.name: path for path in own_media(folder)}
    for name, caption in captions.items():
        path = there.get(name)
        if path is None:
            continue
        kind, key = KINDS[path.suffix], path.stem
        try:
            if kind == "image":
                with Image.open(path) as opened:
                    wide = opened.width > WIDE
                yield Shown(kind, path, key, caption, figure=wide or not of_an_item(key), wide=wide)
            else:
                yield Shown(kind, path, key, caption, video_seconds(path))
        except (MmxError, OSError):
            continue  # damaged: the rest of the page stands
