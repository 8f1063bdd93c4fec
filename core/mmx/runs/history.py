"""Runs on disk: lookup by name, configuration, outcome, and differences between two of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx.config.yaml_positions import leaves, read
from mmx.errors import DataError, did_you_mean
from mmx.support.redact import redact_values
from mmx.tracking import journal
from mmx.types import Metric

CONFIG: Final = "config.yaml"
REPORT: Final = "report.json"
_METRIC: Final = frozenset(
    ("name", "value", "ci95", "better", "chance", "untrained", "baselines", "controls", "references")
)
"""What a metric of a report has."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run as its folder tells it.

    Attributes:
        folder: The run folder.
        config: Dotted path -> value of the resolved experiment; stages are called by name, secrets are hidden.
        report: The content of `report.json`; empty where the run was not judged.
        status: "completed", "failed", "interrupted", or "unknown" where the journal does not say.
        begun: Wall-clock seconds, None where the journal does not say.
    """

    folder: Path
    config: Mapping[str, Any]
    report: Mapping[str, Any]
    status: str
    begun: float | None

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """The report's metrics by name."""
        return {metric["name"]: metric for metric in self.report.get("metrics", ())}


def find_run(text: str, runs: Path, experiment: str | None = None) -> Path:
    """Return the run folder that `text` means: a path, an id under `runs`, or "latest".

    Args:
        text: What was typed.
        runs: Where run folders are.
        experiment: Look among its runs only.

    Raises:
        DataError: There is no such run.
    """
    direct = Path(text)
    if text and (direct / CONFIG).is_file():
        return direct.absolute()
    found = sorted(runs.glob(f"{experiment or '*'}/*/{CONFIG}"), key=lambda path: path.parent.name)
    chosen = [path for path in found if text in ("latest", path.parent.name)]
    if not chosen:
        hint = did_you_mean(text, [path.parent.name for path in found])
        told = hint or f"; a run is a folder with {CONFIG} in it, e.g. {runs}/NAME/ID"
        raise DataError(f"no run {text!r} under {runs}{told}")
    return chosen[-1].parent.absolute()


def read_run(folder: Path) -> Record:
    """Read what a run left in its folder.

    Raises:
        ConfigError: Its configuration cannot be read.
        DataError: Its report cannot be read.
    """
    root = read(folder / CONFIG, str(folder / CONFIG))
    config = {".".join(path): leaf.plain() for path, leaf in leaves(root)}
    begun, status = None, "unknown"
    for entry in journal.read(folder / journal.NAME):
        begun = entry.time if begun is None else begun
        status = str(entry.fields["status"]) if entry.event == "status" else status
    return Record(folder, redact_values(config), _report(folder / REPORT), status, begun)


def changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `other` says differently from `one`, both as in `report.json`: every number beside every metric."""
    first, second = (list(each["metrics"]) for each in (one, other))
    if [metric["name"] for metric in first] != [metric["name"] for metric in second]:
        yield "other metrics"
    for before, after in zip(first, second, strict=False):
        mine, theirs = numbers(before), numbers(after)
        for key in [*mine, *(key for key in theirs if key not in mine)]:
            if not _equal(mine.get(key), theirs.get(key)):
                yield f"{before['name']}{key and f' ({key})'} {theirs.get(key)} instead of {mine.get(key)}"


def numbers(metric: Mapping[str, Any]) -> dict[str, float | None]:
    """Return a metric's value, under "", and all that stands beside it: "chance", "untrained", "control NAME", ..."""
    named = {key: metric[key] for key in ("chance", "untrained", "baselines", "controls", "references")}
    beside = Metric(metric["name"], metric["value"], **named).beside()
    return {"": metric["value"], **{each.label: each.value for each in beside}}


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def _report(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
        metrics = report.get("metrics") if isinstance(report, dict) else None
        if not isinstance(metrics, list) or not all(
            isinstance(each, dict) and each.keys() >= _METRIC for each in metrics
        ):
            raise ValueError("it is no report of a run")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a report: {error}") from error
    return dict(report)
