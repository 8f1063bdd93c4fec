"""Does an experiment of a plugin run? Its smoke preset, in this process, from the first step to the report."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmx.progress import Quiet
from mmx.report import baselines
from mmx.run import execute
from mmx.testing import Finding

if TYPE_CHECKING:
    from mmx.catalog import Resolved
    from mmx.plugins import Plugins


def check_run(resolved: Resolved, plugins: Plugins, cpu_seconds: float) -> Iterator[Finding]:
    """Yield findings about a whole run: it ends, its report can be believed, it costs what a smoke run may cost.

    Args:
        resolved: The experiment, at its smoke preset.
        plugins: Where its parts are.
        cpu_seconds: CPU time that the run may take, over all threads.
    """
    name = f"run of {resolved.experiment.name} ({resolved.experiment.preset})"
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        result = execute(resolved, plugins, Path(folder), Quiet(), tracking=False)
        seconds = time.process_time() - begun
    if result is None or not result.report.metrics:
        yield Finding(f"{name}: report", False, "it has no metric")
        return
    primary = result.report.metrics[0]
    beside = baselines(primary)
    lacks = [] if math.isfinite(primary.value) else [f"{primary.name} is {primary.value}"]
    lacks += [] if primary.chance is not None or primary.floor is not None else ["neither chance nor floor"]
    lacks += [] if primary.controls else ["no control"]
    detail = "; ".join(lacks) or f"{primary.name} {primary.value:.4g} beside {', '.join(beside)}: {result.verdict}"
    yield Finding(f"{name}: report", not lacks, detail)
    broken = [record.problem for record in plugins.records if record.problem and record.phase.startswith("mmx_")]
    yield Finding(f"{name}: hooks", not broken, "; ".join(broken))
    affordable = seconds <= cpu_seconds
    yield Finding(f"{name}: CPU budget", affordable, f"{seconds:.1f} of {cpu_seconds:.0f} s")
