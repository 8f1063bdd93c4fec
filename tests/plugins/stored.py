"""Numbers of stored results, for tests of a paper's gates."""

from __future__ import annotations

import json
from pathlib import Path

from mmx.studies import results


def stored(folder: Path, name: str, key: str) -> float:
    """Return the mean over at least three seeds of a number of `results/NAME.json` below a paper's folder."""
    numbers = results.values(json.loads((folder / "results" / f"{name}.json").read_text("utf-8")), key)
    assert len(numbers) >= 3, f"{name}: {key} has {len(numbers)} seeds"
    return sum(numbers) / len(numbers)
