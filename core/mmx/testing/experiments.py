"""Would an experiment work? Everything is built, and one batch of each stage goes forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from mmx.build import Builder, BuiltStage, build
from mmx.engine import Engine
from mmx.errors import MmxError
from mmx.seeding import derive
from mmx.testing import Finding
from mmx.turns import Turns

if TYPE_CHECKING:
    from mmx.experiment import Experiment
    from mmx.model import Model
    from mmx.registry import Registry
    from mmx.types import Losses


def examine(experiment: Experiment, registry: Registry) -> Iterator[Finding]:
    """Yield one finding per check, in the order in which a run would meet them; stops at what prevents the next.

    Args:
        experiment: The resolved experiment.
        registry: Where its components are.
    """
    try:
        built = build(experiment, registry)
    except MmxError as error:
        yield Finding("parts build and fit together", False, str(error))
        return
    total = sum(parameter.numel() for parameter in built.model.parameters())
    yield Finding("parts build and fit together", True, f"{total:,} parameters")
    engine = Engine(experiment.settings.model_copy(update={"device": "cpu"}))
    for stage in built.stages:
        yield from _stage(stage, built.model, engine, Builder(registry, experiment.settings.seed))


def _stage(stage: BuiltStage, model: Model, engine: Engine, builder: Builder) -> Iterator[Finding]:
    name = f"stage {stage.spec.name}"
    try:
        turns = Turns(stage, model, engine, builder)
        samples = stage.corpus.split(stage.spec.split)
        size = min(stage.spec.batch_size, 8, len(samples))
        batch = model.prepare([samples[i] for i in range(size)], model.plan(stage.needs()).encoders)
    except MmxError as error:
        yield Finding(f"{name}: a batch of {stage.spec.split}", False, str(error))
        return
    yield Finding(f"{name}: a batch of {stage.spec.split}", True, f"{len(samples)} items")
    for index, turn in enumerate(stage.turns):
        turns.select(index)
        model.train()
        view = getattr(turn.objective, "view", None)
        shown = batch if view is None else view(batch, torch.Generator().manual_seed(derive(0, "check")))
        losses: Losses = turns.modules[index](shown)
        loss = losses["loss"]
        chance = turn.objective.chance(size)
        beside = "" if chance is None else f", chance {chance:.4g}"
        finite = bool(torch.isfinite(loss))
        yield Finding(f"{name}: loss of {turn.spec.objective.use}", finite, f"{loss.item():.4g}{beside}")
        loss.backward()  # type: ignore[no-untyped-call]
        yield _gradients(name, turns.learning[index])
        model.zero_grad(set_to_none=True)


def _gradients(name: str, learning: Mapping[str, nn.Parameter]) -> Finding:
    without = [path for path, parameter in learning.items() if parameter.grad is None]
    broken = [path for path, parameter in learning.items() if parameter.grad is not None and _bad(parameter.grad)]
    faults = [f"no gradient reaches {', '.join(without[:5])}"] if without else []
    faults += [f"not finite: {', '.join(broken[:5])}"] if broken else []
    detail = "; ".join(faults) or f"{len(learning)} tensors"
    return Finding(f"{name}: gradients reach what it trains", not faults, detail)


def _bad(gradient: torch.Tensor) -> bool:
    return not bool(torch.isfinite(gradient).all())
