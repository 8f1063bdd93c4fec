"""Count how often a network that learned nothing is called learned: `python tests/benchmarks/null_runs.py soundnet`.

Every optimizer gets a learning rate of 1e-12, so that the weights stay as they were drawn; what training does besides
(statistics of normalisations, order of random numbers) it still does. Whatever follows NAME is an override. At most one
"learned" in twenty seeds is what an interval of 95 % allows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mmx.config.catalog import Catalog
from mmx.runs.progress import Quiet
from mmx.runs.session import execute

RATE = 1e-12


def main() -> None:
    """Run the seeds and print a row each, then the count of every verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="Experiment.")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="First seed.")
    parser.add_argument("--steps", type=int, help="Of every stage; default: the experiment's own.")
    parser.add_argument("--without", action="append", default=[], metavar="PACKAGE", help="As if not installed.")
    asked = parser.parse_intermixed_args()
    sys.modules.update(dict.fromkeys(asked.without))  # type: ignore[arg-type]
    catalog = Catalog.open(Path.cwd())
    stages = [stage.name for stage in catalog.resolve(asked.name, preset=asked.preset).experiment.stages]
    overrides = [f"stages.{name}.optimizer.lr={RATE}" for name in stages]
    overrides += [f"stages.{name}.steps={asked.steps}" for name in stages if asked.steps]
    overrides += asked.overrides
    verdicts: Counter[str] = Counter()
    print("| seed | metric | untrained | interval of the gap | verdict |\n| --- | --- | --- | --- | --- |")
    for seed in range(asked.first, asked.first + asked.seeds):
        resolved = catalog.resolve(asked.name, preset=asked.preset, overrides=overrides, settings={"seed": seed})
        with tempfile.TemporaryDirectory() as folder:
            found = execute(resolved, catalog.plugins, Path(folder), Quiet(), tracking=False, write=False)
        if found is None:
            continue
        primary = found.report.metrics[0]
        low, high = primary.gaps.get("untrained", (float("nan"), float("nan")))
        cells = (str(seed), f"{primary.value:.3f}", f"{primary.untrained:.3f}", f"{low:+.3f} to {high:+.3f}")
        print(f"| {' | '.join((*cells, found.verdict))} |", flush=True)
        verdicts[found.verdict] += 1
    for words, count in verdicts.most_common():
        print(f"\n{count} of {sum(verdicts.values())}: {words}")


if __name__ == "__main__":
    main()
