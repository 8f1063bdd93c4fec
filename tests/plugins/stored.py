"""Numbers of stored results, for tests of a paper's gates."""

from __future__ import annotations

import json
from pathlib import Path

from mmx.studies import results


def stored(folder: Path, name: str, key: str, least: int = 3) -> float:
    """Return the mean over at least `least` seeds of a number of `results/NAME.json` below a paper's folder."""
    numbers = results.values(json.loads((folder / "results" / f"{name}.json").read_text("utf-8")), key)
    assert len(numbers) >= least, f"{name}: {key} has {len(numbers)} seeds"
    return sum(numbers) / len(numbers)
