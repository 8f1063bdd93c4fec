"""Check of an experiment: everything is built, and one batch of each stage goes forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmx.errors import MmxError
from mmx.model import needed
from mmx.model.build import Builder, build
from mmx.model.built import Built, BuiltStage
from mmx.model.ports import loss_of
from mmx.support.seeding import derive
from mmx.support.text import describe, raised_at
from mmx.testing import Finding
from mmx.testing.parts.modules import reseeded, unreached
from mmx.training.engine import Engine
from mmx.training.updates import Updates, trained

if TYPE_CHECKING:
    from mmx.config.experiment import Experiment
    from mmx.model.model import Model
    from mmx.registry.registry import Registry
    from mmx.types import Batch, Losses

    View = Callable[[Batch, torch.Generator], Batch]

VIEWS = 24
"""Most views of a batch that are tried until a gradient has reached every weight."""
SHOWN = 5
"""Weights that a finding names; of the others it gives the number."""


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
    yield from examine_built(built, registry)


def examine_built(built: Built, registry: Registry) -> Iterator[Finding]:
    """Yield what `examine` finds about parts that are built already."""
    experiment = built.experiment
    total = sum(parameter.numel() for parameter in built.model.parameters())
    yield Finding("parts build and fit together", True, f"{total:,} parameters")
    short = needed.lacking(built)
    yield Finding("the data has what training and judging need", not short, "; ".join(short))
    able = [*built.model.parameters()]
    for update in (update for stage in built.stages for update in stage.updates):
        able += update.objective.parameters() if isinstance(update.objective, nn.Module) else ()
    able = [weight for weight in able if weight.requires_grad]  # as its author made it; stages change that
    engine = Engine(experiment.settings.model_copy(update={"device": "cpu"}))
    works = bool(built.stages)
    taught: set[int] = set()
    for stage in built.stages:
        for finding in _stage(stage, built.model, engine, Builder(registry, experiment.settings.seed), taught):
            works = works and finding.ok
            yield finding
    if works:
        yield _everything_learns(built, able)
    if works or not built.stages:
        from mmx.testing.judging import check_task

        yield check_task(built, registry, engine)


def _stage(stage: BuiltStage, model: Model, engine: Engine, builder: Builder, taught: set[int]) -> Iterator[Finding]:
    """Try a stage; `taught` are the weights that a gradient reached in earlier ones, and is added to."""
    name = f"stage {stage.spec.name}"
    try:
        updates = Updates(stage, model, engine, builder)
        samples = stage.corpus.split(stage.spec.split)
        size = min(stage.spec.batch_size, 8, len(samples))
        batch = model.prepare([samples[i] for i in range(size)], model.plan(stage.needs()).encoders)
    except MmxError as error:
        yield Finding(f"{name}: a batch of {stage.spec.split}", False, str(error))
        return
    yield Finding(f"{name}: a batch of {stage.spec.split}", True, f"{len(samples)} items")
    for index, update in enumerate(stage.updates):
        updates.select(index)
        model.train()
        view = getattr(update.objective, "view", None)
        shown = views(view, batch)
        said = f"{name}: loss of {update.spec.objective.use}"
        try:
            losses: Losses = reseeded(updates.modules[index])(next(shown))
            loss = loss_of(losses, f"stages.{stage.spec.name}.objective ({update.spec.objective.use})")
            chance = update.objective.chance(size)
        except MmxError as error:
            yield Finding(said, False, str(error))
            continue
        except Exception as error:
            yield Finding(said, False, told(error, model, batch, update.needs))
            continue
        beside = "" if chance is None else f", chance {chance:.4g}"
        finite = bool(torch.isfinite(loss))
        yield Finding(said, finite, f"{loss.item():.4g}{beside}")
        _backward(loss)
        yield _gradients(name, updates.learning[index], partial(_learn, updates, index, view, batch), taught)
        model.zero_grad(set_to_none=True)


def told(error: Exception, model: Model, batch: Batch, needs: Sequence[str] | None) -> str:
    """Return what was raised, in which part of the model and where, and the shapes of what that part reads."""
    part, shapes = _part_at_fault(error, model), ", ".join(_shapes(model, batch, needs or ()))
    inside = f"{part} " if part else ""
    return f"{inside}raises {describe(error)} ({raised_at(error)})" + (f"; it reads {shapes}" if shapes else "")


def _part_at_fault(error: Exception, model: Model) -> str:
    """Return the part of the model in whose code an error was raised; "" where it was in none."""
    parts = {id(module): f"encoders.{name}" for name, module in model.encoders.items()}
    parts |= {id(module): f"heads.{name}" for name, module in model.heads.items()} | {id(model.fuser): "the fuser"}
    trace, found = error.__traceback__, ""
    while trace is not None:
        found = parts.get(id(trace.tb_frame.f_locals.get("self")), found)
        trace = trace.tb_next
    return found


def _shapes(model: Model, batch: Batch, needs: Sequence[str]) -> Iterator[str]:
    try:
        with torch.inference_mode():
            outputs = model(batch.to(model.device), needs)
    except Exception:  # whatever the model itself does not get through: as far as it gets
        yield from _encoded_shapes(model, batch, model.plan(needs).encoders)
        return
    there = {"encoded": outputs.encoded, "fused": outputs.fused, "heads": outputs.heads, "targets": batch.targets}
    for port in needs:
        kind, _, name = port.partition(".")
        value = there.get(kind, {}).get(name)
        value = getattr(value, "pooled_BD", value)
        for key, each in value.items() if isinstance(value, Mapping) else [("", value)]:
            if isinstance(each, torch.Tensor):
                yield f"{port}{key and '.'}{key} {tuple(each.shape)}"


def _encoded_shapes(model: Model, batch: Batch, encoders: Sequence[str]) -> Iterator[str]:
    """Yield what the fuser is given, or what an encoder is given that raises."""
    for name in encoders:
        try:
            with torch.inference_mode():
                features = model.encode(name, batch.to(model.device))
        except Exception:
            if name in batch.inputs:
                yield f"inputs.{name} {tuple(batch.inputs[name].shape)}"
            continue
        value = features.pooled_BD if features.tokens_BTD is None else features.tokens_BTD
        yield f"encoded.{name} {tuple(value.shape)}"


def views(view: View | None, batch: Batch) -> Iterator[Batch]:
    """Yield what the loss is shown: the batch, or one view of it after another where the objective draws them."""
    if view is None:
        yield batch
        return
    for draw in range(VIEWS):
        yield view(batch, torch.Generator().manual_seed(derive(0, "check", draw)))


def _learn(updates: Updates, index: int, view: View | None, batch: Batch) -> None:
    """Take gradients. A view may draw one of several losses (std/sampled): until every weight had its update."""
    for shown in views(view, batch):
        _backward(updates.modules[index](shown)["loss"])
        if all(parameter.grad is not None for parameter in updates.learning[index].values()):
            return


def _backward(loss: torch.Tensor) -> None:
    """Take the gradients of a loss; one that reads nothing that learns has none."""
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]


def _everything_learns(built: Built, able: Sequence[nn.Parameter]) -> Finding:
    """Tell whether every part that is read and could learn is trained by some stage, or frozen on purpose."""
    model = built.model
    plans = [model.plan(stage.needs()) for stage in built.stages] + [model.plan(getattr(built.task, "needs", ()))]
    updates = [(stage.spec.name, update) for stage in built.stages for update in stage.updates]
    waiting = {id(weight) for weight in able}
    learning: set[int] = set()
    for _, update in updates:
        learning.update(id(each) for each in trained(update, model).values())

    def idle(part: Any) -> bool:
        weights = {id(each) for each in part.parameters()} & waiting if isinstance(part, nn.Module) else set()
        return bool(weights) and not weights & learning

    told = [
        f"encoders.{name}: name it in trains of a stage, or freeze: true"
        for name, encoder in model.encoders.items()
        if any(name in plan.encoders for plan in plans) and idle(encoder)
    ]
    heads = {name for plan in plans for name in plan.heads}
    others = {"fuser": model.fuser} if any(plan.fuse for plan in plans) else {}
    others |= {f"heads.{name}": model.heads[name] for name in sorted(heads)}
    told += [f"{path}: name it in trains of a stage" for path, part in others.items() if idle(part)]
    told += [
        f"objective of stage {stage} ({update.spec.objective.use}): add objective to its trains"
        for stage, update in updates
        if idle(update.objective)
    ]
    return Finding("every part that can learn is trained or frozen", not told, "; ".join(told))


def _gradients(
    name: str, learning: Mapping[str, nn.Parameter], backward: Callable[[], None], taught: set[int]
) -> Finding:
    """Tell whether the gradients that are there are finite, and whether one reaches every weight.

    A weight that an earlier stage taught may rest here: what stands for a hidden word has nothing to do in fine-tuning.
    """
    broken = [path for path, parameter in learning.items() if parameter.grad is not None and _bad(parameter.grad)]
    missed = set(unreached(learning, backward))
    without = [path for path, weight in learning.items() if path in missed and id(weight) not in taught]
    taught.update(id(weight) for path, weight in learning.items() if path not in missed)
    faults = [_silent(name, learning, without)] if without else []
    faults += [f"not finite: {', '.join(broken[:5])}"] if broken else []
    detail = "; ".join(faults) or f"{len(learning)} tensors"
    return Finding(f"{name}: gradients reach what it trains", not faults, detail)


def _silent(stage: str, learning: Iterable[str], without: Sequence[str]) -> str:
    """Name the weights that no gradient reaches, and the two ways out: train less, or freeze."""
    more = f" and {len(without) - SHOWN} more" if len(without) > SHOWN else ""
    learns = list(dict.fromkeys(_part(path) for path in learning if path not in without))
    left_out = bool(learns) and any(_part(path) not in learns for path in without)
    first = f"name what learns in trains of {stage}: [{', '.join(learns)}]" if left_out else "let its loss read them"
    second = "freeze them (an encoder: freeze: true; a layer: requires_grad_(False))"
    return f"no gradient reaches {', '.join(without[:SHOWN])}{more}; {first}, or {second}"


def _part(path: str) -> str:
    """Return the part that a weight belongs to, as `trains` names it."""
    kind, _, rest = path.partition(".")
    return f"{kind}.{rest.partition('.')[0]}" if kind in ("encoders", "heads") else kind


def _bad(gradient: torch.Tensor) -> bool:
    return not bool(torch.isfinite(gradient).all())
