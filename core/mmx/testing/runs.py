"""Smoke runs of a plugin's experiments, in this process, from the first step to the report, twice."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmx.report.verdict import opponents
from mmx.report.write import as_json
from mmx.runs.history import changes
from mmx.runs.progress import Quiet
from mmx.runs.session import execute
from mmx.testing import Finding

if TYPE_CHECKING:
    from mmx.config.catalog import Resolved
    from mmx.plugins.loader import Plugins
    from mmx.runs.session import Result
    from mmx.types import Report


def check_run(resolved: Resolved, plugins: Plugins, cpu_seconds: float) -> Iterator[Finding]:
    """Yield findings about a whole run: it ends, its report can be believed, it costs what it may, it can be repeated.

    Args:
        resolved: The experiment, at its smoke preset.
        plugins: Where its parts are.
        cpu_seconds: CPU time that the run may take, over all threads.
    """
    name = f"run of {resolved.experiment.name} ({resolved.experiment.preset})"
    begun = time.process_time()
    result = _execute(resolved, plugins)
    seconds = time.process_time() - begun
    if result is None or not result.report.metrics:
        yield Finding(f"{name}: report", False, "it has no metric")
        return
    primary = result.report.metrics[0]
    beside = opponents(primary)
    lacks = [] if math.isfinite(primary.value) else [f"{primary.name} is {primary.value}"]
    lacks += (
        []
        if primary.chance is not None or primary.untrained is not None
        else ["neither a chance level nor the untrained network"]
    )
    lacks += [] if primary.controls else ["no control"]
    detail = "; ".join(lacks) or f"{primary.name} {primary.value:.4g} beside {', '.join(beside)}: {result.verdict}"
    yield Finding(f"{name}: report", not lacks, detail)
    broken = [record.problem for record in plugins.records if record.problem and record.phase.startswith("mmx_")]
    yield Finding(f"{name}: hooks", not broken, "; ".join(broken))
    affordable = seconds <= cpu_seconds
    yield Finding(f"{name}: CPU budget", affordable, f"{seconds:.1f} of {cpu_seconds:.0f} s")
    if affordable:
        again = _execute(resolved, plugins, write=False)
        changed = [] if again is None else list(_changes(result.report, again.report))
        detail = f"the second run gives {'; '.join(changed[:3])}; {_SEED}" if changed else "the second run is the first"
        yield Finding(f"{name}: same seed, same numbers", not changed, detail)


_SEED = "draw from torch's or numpy's global generators, which mmx seeds, or from one seeded with run.seed"


class _Silent(Quiet):
    """Shows nothing: that a run of a few steps has learned nothing yet is no news."""

    def warn(self, text: str) -> None:
        """Keep it to oneself."""


def _execute(resolved: Resolved, plugins: Plugins, *, write: bool = True) -> Result | None:
    with tempfile.TemporaryDirectory() as folder:
        return execute(resolved, plugins, Path(folder), _Silent(), tracking=False, write=write)


def _changes(one: Report, other: Report) -> Iterator[str]:
    """Yield what a second report says otherwise: metrics with all that stands beside them, and predictions."""
    yield from changes(as_json(one), as_json(other))
    if repr(one.predictions) != repr(other.predictions):
        yield "other predictions"
