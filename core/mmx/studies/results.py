"""Results that are kept beside the code: one file per preset, with the reports of all its seeds.

A file is the `report.json` of the first seed with one more entry, `seeds`: for every seed its number, the commit, the
seconds, the verdict, and every metric with what stands beside it.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mmx.errors import UserError
from mmx.studies.sweep import Outcome
from mmx.support import files

FOLDER: Final = "results"
BESIDE: Final = ("chance", "untrained", "baselines", "controls", "references")
"""What may stand beside a metric's value."""
_KEPT: Final = ("value", "ci95", "better", *BESIDE, "gaps", "units", "unit")


def file_name(experiment: str, plugin: str, preset: str) -> str:
    """Return the name of a preset's file: `default.json`, or `NAME-default.json` of a plugin's other experiments."""
    bare = experiment.rpartition(":")[2]
    return f"{preset}.json" if bare == plugin else f"{bare}-{preset}.json"


def merged(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one content for a file from the reports of a preset, one per seed."""
    first, *_ = reports
    return {**first, "seeds": [_seed(report) for report in reports]}


def write(folder: Path, experiment: str, plugin: str, outcomes: Sequence[Outcome]) -> list[Path]:
    """Write a file per preset and return them.

    Raises:
        UserError: A run gave no report, or its commit is unknown, so that nobody could repeat it.
    """
    presets: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        presets.setdefault(outcome.trial.preset, []).append(_sound(outcome))
    written = []
    for preset, reports in presets.items():
        text = json.dumps(merged(reports), indent=2, ensure_ascii=False) + "\n"
        written.append(files.write_text(folder / FOLDER / file_name(experiment, plugin, preset), text))
    return written


def changed_code(diff: str) -> list[str]:
    """Return the files that a working tree's changes are in, without stored results and documentation.

    Args:
        diff: Of the tree against its commit, with a line `# untracked: NAME` per new file.
    """
    named = re.findall(r"^(?:diff --git a/.+ b/|# untracked: )(.+)$", diff, re.MULTILINE)
    return [name for name in named if FOLDER not in name.split("/")[:-1] and not name.startswith("docs/")]


def values(content: Mapping[str, Any], key: str) -> list[float]:
    """Return one number per seed; nothing where the file has no such number.

    Args:
        content: Of a file; one without `seeds` is the report of a single seed.
        key: A metric, or `METRIC/chance`, `METRIC/controls/NAME` and so on for what stands beside it.
    """
    name, *path = key.split("/")
    found = []
    for seed in content.get("seeds") or [_seed(content)]:
        value: Any = seed["metrics"].get(name)
        for step in path or ["value"]:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, int | float):
            found.append(float(value))
    return found


def spread(numbers: Sequence[float]) -> str:
    """Return mean and standard deviation with each number, or the only one."""
    if len(numbers) == 1:
        return f"{numbers[0]:.3g}"
    each = ", ".join(f"{number:.3g}" for number in numbers)
    return f"{statistics.mean(numbers):.3g} ± {statistics.stdev(numbers):.2g} ({each})"


def _seed(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: report.get(name) for name in ("seed", "git_commit", "seconds", "verdict", "command")},
        "metrics": {
            metric["name"]: {name: metric[name] for name in _KEPT if metric.get(name) not in (None, {}, [])}
            for metric in report["metrics"]
        },
    }


def _sound(outcome: Outcome) -> Mapping[str, Any]:
    """Return the report of a run that others can repeat."""
    report, what = outcome.report, f"preset {outcome.trial.preset}, seed {outcome.trial.seed}"
    if report is None:
        raise UserError(f"nothing is written: {what} gave no result: {outcome.error or 'see its output'}")
    if not report.get("git_commit"):
        raise UserError(f"nothing is written: {what} ran outside a git repository, so its code has no name")
    return report
