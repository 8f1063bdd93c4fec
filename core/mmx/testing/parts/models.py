"""Does the model of an experiment keep its promises as a whole: seeds, checkpoints, its fuser, and stated chances."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmx.model.build import Builder, build, places
from mmx.model.built import Built, BuiltUpdate
from mmx.support.seeding import derive
from mmx.testing import Finding
from mmx.testing.experiments import views
from mmx.testing.parts.fusers import check_fuser
from mmx.testing.parts.modules import reseeded, same
from mmx.testing.parts.objectives import check_objective
from mmx.training import checkpoint
from mmx.training.updates import trained

if TYPE_CHECKING:
    from mmx.config.experiment import Experiment
    from mmx.model.model import Model
    from mmx.registry.registry import Registry
    from mmx.types import Batch

SHOWN = 8
"""Views of a batch that a fuser is tried on, per objective."""


def examine_model(experiment: Experiment, registry: Registry) -> Iterator[Finding]:
    """Yield findings about the model as a whole: seeds, checkpoints, and the chance that its objectives state."""
    built, again = build(experiment, registry), build(experiment, registry)
    other = build(_reseeded(experiment), registry)
    yield from _fuser(experiment, built, registry)
    for stage in built.stages:
        name = f"{experiment.name}: stage {stage.spec.name}"
        needs = stage.needs()
        samples = stage.corpus.split(stage.spec.split)
        chosen = [samples[i] for i in range(min(stage.spec.batch_size, 8, len(samples)))]
        outputs = []
        for model in (built.model, again.model):
            batch = model.eval().prepare(chosen, model.plan(needs).encoders)
            with torch.no_grad():
                outputs.append(reseeded(model)(batch, needs))
        parts = [(each.encoded, each.fused, each.heads) for each in outputs]
        yield Finding(f"{name}: same seed, same numbers", same(parts[0], parts[1]))
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(Path(folder), built.model, {})
            checkpoint.load_weights(Path(folder), other.model)
        with torch.no_grad():
            loaded = reseeded(other.model.eval())(batch, needs)
        survived = same(parts[0], (loaded.encoded, loaded.fused, loaded.heads), 1e-6)
        yield Finding(f"{name}: weights survive a checkpoint", survived)
        for update in stage.updates:
            yield from _objective(update, built.model, batch, f"{name}: {update.spec.objective.use}")


def _fuser(experiment: Experiment, built: Built, registry: Registry) -> Iterator[Finding]:
    """Try the fuser on what the encoders give for a few samples, as they are and as the objectives show them."""
    model, samples = built.model.eval(), built.corpus.split(built.stages[0].spec.split if built.stages else "test")
    batch = model.prepare([samples[i] for i in range(min(4, len(samples)))])
    draw = [getattr(update.objective, "view", None) for stage in built.stages for update in stage.updates]
    shown = [batch, *(each for view in draw if view is not None for each in islice(views(view, batch), SHOWN))]
    with torch.no_grad():
        encoded = [{name: model.encode(name, each) for name in model.encoders} for each in shown]
    dims = {name: int(encoder.out_dim) for name, encoder in model.encoders.items()}  # type: ignore[arg-type]

    def make(seed: int) -> Any:
        about = {"dims": dims, "corpus": built.corpus, "classes": built.corpus.targets, "built": places(built.model)}
        return Builder(registry, seed).part(experiment.fuser, "fuser", "fuser", **about)

    what, others = f"{experiment.name}: fuser {experiment.fuser.use}", list(zip(encoded, shown, strict=True))[1:]
    yield from check_fuser(make, encoded[0], batch, others=others, what=what)


def _objective(update: BuiltUpdate, model: Model, batch: Batch, what: str) -> Iterator[Finding]:
    """Try an objective on what the model predicts, as it is shown the batch."""
    view = getattr(update.objective, "view", None)
    shown = batch if view is None else view(batch, torch.Generator().manual_seed(derive(0, "check")))
    with torch.no_grad():
        outputs = model(shown, update.needs)
    learning = trained(update, model)
    groups = {".".join(path.split(".")[:2]) for path in learning}
    fuses = any(path.startswith("fuser.") for path in learning)
    given = {name for name in model.encoders if not fuses and f"encoders.{name}" not in groups}
    given |= {
        name
        for name in model.heads
        if f"heads.{name}" not in groups and given.issuperset(model.plan([f"heads.{name}"]).encoders)
    }
    yield from check_objective(update.objective, outputs, shown, kept=given, what=what)


def _reseeded(experiment: Experiment) -> Experiment:
    settings = experiment.settings.model_copy(update={"seed": experiment.settings.seed + 1})
    return experiment.model_copy(update={"settings": settings})
