"""Overfitting one batch with each stage: a loss that does not fall on eight items will not fall on eight thousand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmx.model.build import Builder, build
from mmx.model.built import Built, BuiltStage
from mmx.model.ports import loss_of
from mmx.support.seeding import seed_all
from mmx.support.signals import Interrupt
from mmx.testing import Finding
from mmx.testing.experiments import views
from mmx.training.engine import Engine
from mmx.training.trainer import STUCK, Trainer
from mmx.training.updates import Step

if TYPE_CHECKING:
    from mmx.config.experiment import Experiment
    from mmx.registry.registry import Registry
    from mmx.types import Sample

ITEMS = 8
STEPS = 100
"""Steps that a stage may take on its few items; its schedule is that of a stage of so many."""


class Few:
    """A corpus of which every split is its first few samples.

    Args:
        corpus: The whole.
        count: How many.
    """

    def __init__(self, corpus: Any, count: int) -> None:
        self._corpus = corpus
        self._count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._corpus, name)

    def split(self, name: str) -> Sequence[Sample]:
        """Return the first samples."""
        samples = self._corpus.split(name)
        return [samples[index] for index in range(min(self._count, len(samples)))]


class _Nobody:
    """An observer that is told everything and does nothing."""

    def track(self, items: Iterable[int], label: str, total: int | None = None) -> Iterable[int]:
        """Return the items."""
        return items

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *told: None


def check_overfit(experiment: Experiment, registry: Registry) -> Iterator[Finding]:
    """Train every stage on its first items only, one after another, and tell whether its loss on them falls.

    The loss is taken before and after, on the same items, shown in the same ways, without dropout. It must fall by more
    than the share of it that passes for standing still while training. Stages without steps are left out; updates that
    play against each other need not lower their losses, so that nothing is said about them.

    Args:
        experiment: The resolved experiment.
        registry: Where its components are.
    """
    seed_all(experiment.settings.seed)
    engine = Engine(experiment.settings)
    built = build(experiment, registry)
    try:
        for stage in built.stages:
            if stage.spec.steps:
                yield _stage(_few(stage), built, engine, registry)
    finally:
        engine.close()


def _few(stage: BuiltStage) -> BuiltStage:
    items = min(ITEMS, stage.spec.batch_size)
    spec = stage.spec.model_copy(update={"steps": STEPS, "batch_size": items, "accumulate": 1, "starts_from": None})
    return replace(stage, spec=spec, corpus=Few(stage.corpus, items))


def _stage(stage: BuiltStage, built: Built, engine: Engine, registry: Registry) -> Finding:
    what = f"stage {stage.spec.name}: overfits one batch"
    changed = {"checkpoint_every": STEPS, "workers": 0, "cache_samples": ITEMS, "validate_every": 0}
    settings = built.experiment.settings.model_copy(update=changed)
    before = _loss(stage, built, engine)
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(registry, settings.seed)
        cache_keys = {name: part.use for name, part in built.experiment.encoders.items()}
        trainer = Trainer(
            built.model,
            [stage],
            cache_keys=cache_keys,
            engine=engine,
            builder=builder,
            settings=settings,
            observer=_Nobody(),
            interrupt=Interrupt(),
            folder=Path(folder),
            store=None,
        )
        trainer.fit()
    after = _loss(stage, built, engine)
    told = f"loss {before:.4g} before, {after:.4g} after {STEPS} steps on {stage.spec.batch_size} items"
    if len(stage.updates) > 1:
        return Finding(what, True, f"{told}; its updates may play against each other", skipped=True)
    return Finding(what, before - after > STUCK * abs(before), told)


def _loss(stage: BuiltStage, built: Built, engine: Engine) -> float:
    """Return the mean loss of the first update on the stage's few items, as the objective shows them."""
    update, model = stage.updates[0], built.model.to(engine.device).eval()
    samples = stage.corpus.split(stage.spec.split)
    batch = model.prepare(samples, model.plan(stage.needs()).encoders).to(engine.device)
    step = Step(model, update).to(engine.device).eval()
    shown = views(getattr(update.objective, "view", None), batch)
    with torch.no_grad():
        losses = [float(loss_of(step(each), f"stages.{stage.spec.name}.objective")) for each in shown]
    return sum(losses) / len(losses)
