"""What the training loop costs per step: the same tiny model, data, clipping and schedule in a raw loop and in mmx.

    python tests/benchmarks/loop.py [--steps 5000] [--repeats 5]

The loops run in turn, so that a slow moment of the machine hits all of them; medians over repeats are printed.
Lightning is measured beside them where it is installed (it is no dependency of mmx).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmx.config.experiment import Experiment
from mmx.model.build import Builder, build
from mmx.plugins.loader import load_plugins
from mmx.registry.registry import Registrar, Registry
from mmx.runs.context import RunContext
from mmx.runs.progress import Quiet
from mmx.support.signals import Interrupt
from mmx.tracking.tracker import Tracker
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer
from mmx.types import Batch, Card, Features, Losses, Outputs, Sample

WIDTH, BATCH = 16, 8


class Numbers(nn.Module):
    """Sixteen numbers to four features."""

    modality = "signal"
    out_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, 4)

    def prepare(self, raw: Tensor) -> Tensor:
        """Return the numbers."""
        return raw

    def forward(self, x: Tensor, mask_BT: Tensor | None = None) -> Features:
        """Encode."""
        return Features(self.linear(x))


class Line:
    """Random numbers and classes; already tensors, so that nothing but the loop is measured."""

    fields: Mapping[str, str] = {"x": "signal"}
    targets: Mapping[str, Sequence[str] | None] = {"label": ("a", "b", "c", "d")}
    card = Card(title="benchmark", summary="random numbers", licence="CC0-1.0", synthetic=True)
    digest = "benchmark"

    def __init__(self) -> None:
        torch.manual_seed(0)
        values, labels = torch.randn(512, WIDTH), torch.randint(0, 4, (512,)).tolist()
        self.samples = [Sample(str(i), {"x": values[i]}, {"label": labels[i]}) for i in range(512)]

    def split(self, name: str) -> Sequence[Sample]:
        """Return them all."""
        return self.samples


class Entropy:
    """Cross-entropy and nothing else, as in the raw loop."""

    needs = ("heads.label", "targets.label")

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss."""
        return {"loss": nn.functional.cross_entropy(outputs.heads["label"], batch.targets["label"])}

    def chance(self, batch_size: int) -> float | None:
        """Return nothing to compare with: the classes are random, so the loss stays where it is."""
        return None


class Nothing:
    """A task that is never asked."""

    needs: Sequence[str] = ()

    def evaluate(self, model: object, corpus: object, run: object) -> None:
        """Say nothing."""

    def predict(self, model: object, raw: object) -> None:
        """Say nothing."""


def _experiment(steps: int) -> Experiment:
    stage = {
        "name": "fit",
        "steps": steps,
        "batch_size": BATCH,
        "trains": ["encoders", "heads"],
        "objective": "bench/entropy",
        "optimizer": {"use": "std/adam", "lr": 1e-3},
        "schedule": {"use": "std/cosine"},
        "clip": 1.0,
    }
    return Experiment.model_validate(
        {
            "name": "benchmark",
            "summary": "cost of the loop",
            "corpus": "bench/line",
            "encoders": {"x": "bench/numbers"},
            "fuser": "std/none",
            "heads": {"label": {"use": "std/linear", "reads": "fused.x", "target": "label"}},
            "stages": [stage],
            "task": "bench/nothing",
            "settings": {"device": "cpu", "checkpoint_every": 10**9, "validate_every": 0, "cache": False},
        }
    )


def _registry() -> Registry:
    registry = load_plugins().registry
    registrar = Registrar(registry, "bench", "benchmark")
    registrar.encoder("bench/numbers", f"{__name__}:Numbers")
    registrar.corpus("bench/line", f"{__name__}:Line")
    registrar.objective("bench/entropy", f"{__name__}:Entropy")
    registrar.task("bench/nothing", f"{__name__}:Nothing")
    return registry


def mmx_loop(steps: int, tracked: bool) -> float:
    """Return seconds for `steps` of the mmx loop, alone or with journal, tracker and hooks."""
    plugins = load_plugins()
    spec, registry = _experiment(steps), _registry()
    built = build(spec, registry)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        tracker = None
        if tracked:
            tracker = Tracker.open(Path(folder) / "run", experiment="benchmark", run_name="loop", uri=None)
            tracker.start(params={}, tags={}, note="", dataset=("bench/line", "benchmark", Line.card))
            stack.callback(tracker.finish, "completed")
            while tracker.link is None:  # the import of mlflow happens once, in the tracker's own thread
                time.sleep(0.1)
        context = RunContext(
            id="benchmark", experiment="benchmark", seed=0, device=torch.device("cpu"), folder=Path(folder),
            display=Quiet(), plugins=plugins, tracker=tracker, build_model=lambda: built.model,
        )  # fmt: skip
        trainer = Trainer(
            built.model, built.stages, cache_keys={}, engine=Engine(spec.settings), builder=Builder(registry, 0),
            settings=spec.settings, observer=context, interrupt=Interrupt(), folder=Path(folder), store=None,
        )  # fmt: skip
        begun = time.perf_counter()
        trainer.fit()
        return time.perf_counter() - begun


def raw_loop(steps: int) -> float:
    """Return seconds for `steps` of a hand-written loop with the same batches, clipping and schedule."""
    torch.manual_seed(0)
    encoder, head = nn.Linear(WIDTH, 4), nn.Linear(4, 4)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    begun = time.perf_counter()
    for x, y in _batches(steps):
        loss = nn.functional.cross_entropy(head(encoder(x)), y)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
    return time.perf_counter() - begun


def _batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    samples = Line().samples
    order: list[int] = []
    for _ in range(steps):
        if len(order) < BATCH:
            order = torch.randperm(len(samples)).tolist()
        chosen = [samples[order.pop()] for _ in range(BATCH)]
        yield torch.stack([s.fields["x"] for s in chosen]), torch.tensor([s.targets["label"] for s in chosen])


def lightning_loop(steps: int) -> float:
    """Return seconds for `steps` of Lightning's trainer without loggers or checkpoints."""
    import lightning

    class Plain(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(WIDTH, 4), nn.Linear(4, 4))

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    samples = [(s.fields["x"], s.targets["label"]) for s in Line().samples]
    loader = torch.utils.data.DataLoader(samples, BATCH, shuffle=True)  # type: ignore[arg-type,var-annotated]
    trainer = lightning.Trainer(
        max_steps=steps, accelerator="cpu", gradient_clip_val=1.0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    model = Plain()
    begun = time.perf_counter()
    trainer.fit(model, loader)
    return time.perf_counter() - begun


def tracking_call(calls: int = 20000) -> float:
    """Return seconds per `Tracker.metrics` call with three numbers, as the training thread pays it."""
    with tempfile.TemporaryDirectory() as folder:
        tracker = Tracker.open(Path(folder) / "run", experiment="benchmark", run_name="call", uri=None)
        tracker.start(params={}, tags={}, note="", dataset=("bench/line", "benchmark", Line.card))
        begun = time.perf_counter()
        for step in range(calls):
            tracker.metrics(step, {"train/fit/loss": 1.0, "train/fit/lr": 1e-3, "train/fit/chance": 2.0})
        each = (time.perf_counter() - begun) / calls
        tracker.finish("completed")
    return each


def main() -> None:
    """Print one line per loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loops: dict[str, Callable[[int], float]] = {
        "raw loop": raw_loop,
        "mmx, no tracker": lambda steps: mmx_loop(steps, tracked=False),
        "mmx, everything on": lambda steps: mmx_loop(steps, tracked=True),
    }
    with contextlib.suppress(ImportError):
        import lightning  # noqa: F401

        loops["Lightning, no logging"] = lightning_loop
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.repeats):
        for name, loop in loops.items():
            seconds[name].append(loop(arguments.steps))
    raw = statistics.median(seconds["raw loop"])
    print(f"{arguments.steps} steps, median of {arguments.repeats}, one thread, torch {torch.__version__}")
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        each = middle / arguments.steps * 1e6
        added = (middle - raw) / arguments.steps * 1e6
        print(f"{name:24s} {each:8.1f} us/step  {added:+8.1f} us  {middle / raw:6.2f}x")
    print(f"{'Tracker.metrics':24s} {tracking_call() * 1e6:8.1f} us/call")


if __name__ == "__main__":
    main()
