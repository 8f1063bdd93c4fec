"""Run folders as a run leaves them, without running anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmx.config.saved import marked
from mmx.report.write import as_json
from mmx.support import files
from mmx.tracking.journal import Journal
from mmx.types import Metric, Report

CONFIG: Mapping[str, Any] = {
    "name": "shapes",
    "preset": "default",
    "summary": "Name shapes",
    "corpus": {"use": "worlds/shapes", "clips": 32},
    "encoders": {"image": {"use": "std/conv2d", "widths": [4]}},
    "stages": [{"name": "fit", "steps": 3, "objective": {"use": "std/cross-entropy", "target": "object"}}],
    "settings": {"seed": 0},
}


def saved(
    folder: Path,
    metrics: Sequence[Metric] | None = None,
    *,
    config: Mapping[str, Any] = CONFIG,
    commit: str = "0123456789abcdef",
    status: str = "completed",
    **facts: Any,
) -> Path:
    """Write a run folder; without metrics one that was never judged."""
    files.write_text(folder / "config.yaml", marked(yaml.safe_dump(dict(config), sort_keys=False)))
    if metrics is not None:
        report = as_json(Report(metrics, 16, 16))
        report |= {"experiment": config["name"], "preset": config["preset"], "seed": 0, "params": 1234}
        report |= {"items": {"used": 16, "expected": 16}, "seconds": 2.5, "peak_rss_mb": 300.0}
        report |= {"git_commit": commit, "environment": {"git_commit": commit, "git_dirty": "no"}}
        files.write_json(folder / "report.json", report | facts)
    journal = Journal(folder / "journal.jsonl")
    journal.write("start", experiment=config["name"], name=folder.name, resumed=False)
    if status:
        journal.write("status", status=status, error="")
    journal.close()
    return folder
