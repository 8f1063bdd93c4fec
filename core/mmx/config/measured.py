"""Seconds that shipped experiments took when their results were recorded: `results/*.json` near their YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

RESULTS: Final = "results"
_LARGEST: Final = 1_000_000
"""Bytes of a report that is read."""


def measured(files: Iterable[Path]) -> Mapping[tuple[str, str], float]:
    """Return (experiment, preset) -> seconds of the recorded runs; a file that cannot be read tells nothing.

    Args:
        files: Files of experiments; recorded reports lie in `results` or `docs/results` beside each.
    """
    found: dict[tuple[str, str], float] = {}
    for file in files:
        folders = [file.parent / RESULTS, file.parent / "docs" / RESULTS]  # the second beside the front door
        for path in sorted(path for folder in folders for path in folder.glob("*.json")):
            try:
                told = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _LARGEST else {}
                found[str(told["experiment"]), str(told["preset"])] = float(told["seconds"])
            except (OSError, ValueError, TypeError, KeyError, RecursionError):
                continue
    return found
