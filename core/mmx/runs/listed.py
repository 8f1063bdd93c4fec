"""All runs of a folder at a glance: one summary per run, read from its report and the ends of its journal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx.config.saved import read_saved
from mmx.errors import MmxError
from mmx.runs.history import read_report, read_tags, run_folders, status_of
from mmx.support import run_files
from mmx.support.text import printable
from mmx.tracking import journal
from mmx.types import Metric

NOT_JUDGED: Final = "not judged"
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of a list of runs.

    Attributes:
        folder: The run folder.
        experiment: What was run.
        preset: Its preset; empty where it cannot be read.
        seed: Its seed; None where it cannot be read.
        status: How it ended (`mmx.runs.history.status_of`).
        verdict: The verdict of its report, "not judged" without one.
        metric: Name of the first metric; empty without a report.
        value: Its value.
        better: Which direction is better.
        beside: Name of the best baseline, or else of the best of what the metric must beat; empty where there is none.
        beside_value: Its value.
        seconds: Wall time; None without a report.
        begun: Wall-clock seconds of its first start; None where the journal does not say.
        tags: Names that a person gave it.
    """

    folder: Path
    experiment: str
    preset: str
    seed: int | None
    status: str
    verdict: str
    metric: str
    value: float | None
    better: str
    beside: str
    beside_value: float | None
    seconds: float | None
    begun: float | None
    tags: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return plain values by the names of the attributes; the folder as text, with the run's id beside it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {"id": self.folder.name, **values, "folder": str(self.folder), "tags": list(self.tags)}


def summaries(runs: Path, experiment: str | None = None) -> Iterator[Summary]:
    """Yield the runs below a folder, the newest start first."""
    for folder in reversed(run_folders(runs, experiment)):
        yield summary_of(folder)


def summary_of(folder: Path) -> Summary:
    """Return what is known of one run; what cannot be read is left empty."""
    try:
        report: Mapping[str, Any] = read_report(folder)
    except MmxError:
        report = {}
    metric: Mapping[str, Any] = next(iter(report.get("metrics", ())), {})
    name, value = best_beside(metric) if metric else ("", None)
    begun = next((entry.time for entry in journal.read(folder / run_files.JOURNAL)), None)
    preset, seed = _asked(folder, report)
    return Summary(
        folder=folder,
        experiment=folder.parent.name,
        preset=printable(preset),
        seed=seed,
        status=status_of(folder),
        verdict=printable(str(report.get("verdict", NOT_JUDGED))),
        metric=printable(str(metric.get("name", ""))),
        value=metric.get("value"),
        better=str(metric.get("better", "higher")),
        beside=printable(name),
        beside_value=value,
        seconds=report.get("seconds"),
        begun=begun,
        tags=read_tags(folder),
    )


def best_beside(metric: Mapping[str, Any]) -> tuple[str, float | None]:
    """Return the best baseline of a metric of `report.json`; without one, the best of chance, untrained, controls."""
    named = {key: metric[key] for key in ("chance", "untrained", "baselines", "controls")}
    beside = Metric(metric["name"], metric["value"], **named).beside()
    known = [each for each in beside if each.value is not None]
    chosen = [each for each in known if each.kind == "baseline"] or known
    if not chosen:
        return "", None
    best = (max if metric["better"] == "higher" else min)(chosen, key=lambda each: each.value)
    return best.label, best.value


def age(begun: float | None, now: float | None = None) -> str:
    """Return how long ago something was, in its largest unit: "3 d", "20 min", "5 s"; empty where it is not known."""
    if begun is None:
        return ""
    passed = max(0.0, (time.time() if now is None else now) - begun)
    size, unit = next(((size, unit) for size, unit in _UNITS if passed >= size), (1, "s"))
    return f"{int(passed // size)} {unit}"


def _asked(folder: Path, report: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return preset and seed, from the report or else from the configuration."""
    if "preset" in report and "seed" in report:
        return str(report["preset"]), int(report["seed"])
    try:
        root = read_saved(folder / run_files.CONFIG, str(folder / run_files.CONFIG)).plain()
    except MmxError:
        return "", None
    settings = root.get("settings")
    seed = settings.get("seed") if isinstance(settings, dict) else None
    return str(root.get("preset", "default")), seed if isinstance(seed, int) else None
