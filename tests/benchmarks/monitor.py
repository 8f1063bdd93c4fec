"""What the monitor of modalities costs: the same training with and without it, in turn, as a ratio of CPU time.

    python tests/benchmarks/monitor.py [--experiment early_fusion] [--steps 1000] [--repeats 5]

CPU time of the process, not wall time: other processes do not count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from tests.core.parts import Watcher

from mmx.config.catalog import Catalog
from mmx.model.build import Builder, build
from mmx.support.signals import Interrupt
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer


def seconds(catalog: Catalog, experiment: str, steps: int, every: int, overrides: list[str]) -> float:
    """Return the CPU seconds of the first stage of an experiment."""
    plain = catalog.resolve(experiment, overrides=overrides).experiment
    stage = plain.stages[0].name
    given = [*overrides, f"stages.{stage}.steps={steps}", f"settings.monitor_every={every}", "settings.threads=1"]
    spec = catalog.resolve(experiment, overrides=given, settings={"device": "cpu"}).experiment
    built = build(spec, catalog.plugins.registry)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            built.model, built.stages[:1], cache_keys=dict.fromkeys(built.model.encoders, ""),
            engine=Engine(spec.settings), builder=Builder(catalog.plugins.registry, 0), settings=spec.settings,
            observer=Watcher(), interrupt=Interrupt(), folder=Path(folder), store=None,
        )  # fmt: skip
        begun = time.process_time()
        trainer.fit()
        return time.process_time() - begun


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment", default="early_fusion")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    catalog = Catalog.open(Path.cwd())
    ratios, without, with_it = [], [], []
    for _ in range(asked.repeats):
        without.append(seconds(catalog, asked.experiment, asked.steps, 0, asked.overrides))
        with_it.append(seconds(catalog, asked.experiment, asked.steps, 50, asked.overrides))
        ratios.append(with_it[-1] / without[-1])
    each = statistics.median(without) / asked.steps * 1e3
    print(f"{asked.experiment}: {each:.2f} ms a step without it; with it {statistics.median(ratios):.4f}x (median)")
    print("each repeat: " + ", ".join(f"{ratio:.4f}" for ratio in ratios))


if __name__ == "__main__":
    main()
