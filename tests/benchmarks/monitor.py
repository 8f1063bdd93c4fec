"""What the monitor of modalities costs: steps at which it looks, and the steps between them, of one and the same run.

    python tests/benchmarks/monitor.py [early_fusion av_emotion ...] [--steps 240]

CPU time of the process, not wall time, and medians: other processes and single slow steps do not count. A look costs
the median of the steps with one less that of the others; its share of training is that over as many steps as lie
between two looks by default (`settings.monitor_every`). The exit code is 1 above `GOAL`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from tests.core.parts import Watcher

from mmx.config.catalog import Catalog
from mmx.config.experiment import Settings
from mmx.model.build import Builder, build
from mmx.support.signals import Interrupt
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer

GOAL = 0.02
"""Share of training that the monitor may cost."""
EVERY = 7
"""Steps from one look to the next here: some looks in few steps, and none beside a validation or a logged step."""


class Clock(Watcher):
    """An observer that reads the clock after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.read = [time.process_time()]

    def stepped(self, done: int) -> None:
        """Note the CPU time."""
        self.read.append(time.process_time())


def cost(catalog: Catalog, experiment: str, steps: int) -> tuple[float, float]:
    """Return the median CPU seconds of steps without a look, and with one, in the last stage of an experiment."""
    last = catalog.resolve(experiment).experiment.stages[-1].name
    given = [f"stages.{last}.steps={steps}", "settings.threads=1", f"settings.monitor_every={EVERY}"]
    given += [f"settings.{name}={steps + 1}" for name in ("log_every", "validate_every", "checkpoint_every")]
    spec = catalog.resolve(experiment, overrides=given, settings={"device": "cpu"}).experiment
    built, clock = build(spec, catalog.plugins.registry), Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            built.model, built.stages[-1:], cache_keys=dict.fromkeys(built.model.encoders, ""),
            engine=Engine(spec.settings), builder=Builder(catalog.plugins.registry, 0), settings=spec.settings,
            observer=clock, interrupt=Interrupt(), folder=Path(folder), store=None,
        )  # fmt: skip
        trainer.fit()
    each = [after - before for before, after in zip(clock.read, clock.read[1:], strict=False)]
    kept = list(enumerate(each))[steps // 3 : -1]  # samples are drawn and kept in the first steps
    looks = [seconds for step, seconds in kept if step % EVERY == 0]
    return statistics.median(seconds for step, seconds in kept if step % EVERY), statistics.median(looks)


def main() -> int:
    """Print a line for each experiment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("experiments", nargs="*", default=["early_fusion"])
    parser.add_argument("--steps", type=int, default=240)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    catalog, worst = Catalog.open(Path.cwd()), 0.0
    default = int(Settings().monitor_every)
    for name in asked.experiments:
        plain, looked = cost(catalog, name, asked.steps)
        share = (looked - plain) / (plain * default)
        worst = max(worst, share)
        print(
            f"{name}: a step {plain * 1e3:.2f} ms, with a look {looked * 1e3:.2f} ms; every {default} steps that is "
            f"{share:.2%} of training",
            flush=True,
        )
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
