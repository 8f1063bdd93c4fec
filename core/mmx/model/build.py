"""Building of parts from a frozen experiment: the only place that calls their constructors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import torch
from torch import nn

from mmx.assets import store
from mmx.config.experiment import Experiment, Part, Stage
from mmx.errors import MmxError, PluginError, PortError, UnknownNameError, UserError, did_you_mean
from mmx.interfaces import Balance, Corpus, Encoder, Fuser, Head, Objective, Task
from mmx.model import ports
from mmx.model.built import Built, BuiltStage, BuiltUpdate
from mmx.model.meaning import Meaning, Remembered
from mmx.model.milestones import Milestones
from mmx.model.model import Model, locked, widths
from mmx.registry.registry import Kind, Registry
from mmx.registry.schema import FILLED, Signature, signature
from mmx.support.seeding import derive
from mmx.support.text import describe, raised_at

INTERFACES: Mapping[str, type] = {
    "encoder": Encoder,
    "fuser": Fuser,
    "head": Head,
    "objective": Objective,
    "balance": Balance,
    "corpus": Corpus,
    "task": Task,
}
_OF_MODEL: Final = ("encoder", "fuser", "head")
"""Kinds of parts whose state is saved with the weights."""


class Builder:
    """Builds parts by name.

    Args:
        registry: Where names are looked up.
        seed: Each part's initial weights depend on it and on the part's place alone.
        meaning: Of the run whose model is built again: class names are its, and encoders, fuser and heads that take
            `corpus: Corpus | None` are given None and then the state that they had computed from the corpus.
        lazy: Corpora that other parts take are opened when they are used.
    """

    def __init__(self, registry: Registry, seed: int, meaning: Meaning | None = None, *, lazy: bool = False) -> None:
        self.registry = registry
        self.seed = seed
        self.meaning = meaning
        self.lazy = lazy
        self.readers: set[str] = set()

    def part(self, part: Part, kind: Kind, path: str, **fills: Any) -> Any:
        """Build one part and the parts inside it.

        Args:
            part: Name and parameters.
            kind: What it must be.
            path: Where it stands in the experiment; for messages and for its seed.
            fills: Values for constructor parameters that mmx fills in, by name.

        Raises:
            UserError: The constructor refuses its arguments.
            PluginError: The constructor raised something else.
            PortError: What was built lacks an attribute of its interface.
        """
        entry = self.registry.lookup(kind, part.use)
        known = signature(entry.target)
        arguments = {name: self._value(value, known, name, path, fills) for name, value in part.params.items()}
        for name, each in known.params.items():
            if each.filled and name in fills:
                arguments[name] = fills[name]
                if name == "corpus" and kind in _OF_MODEL:
                    self.readers.add(path)
                    arguments[name] = None if self.meaning is not None and each.nullable else fills[name]
        target = entry.load()
        torch.manual_seed(derive(self.seed, path))
        try:
            built = target(**arguments)
        except MmxError as error:
            error.args = (f"{path} ({entry.name}): {error}",)
            raise
        except (TypeError, ValueError) as error:
            raise UserError(f"{path} ({entry.name}): {error}; see: mmx show {entry.name}") from error
        except Exception as error:
            told = f"building it raised {describe(error)} ({raised_at(error)}){_looked_for(error, arguments)}"
            raise PluginError(f"{path} ({entry.name}): {told}") from error
        return self._checked(built, kind, path, entry.name)

    def _value(self, value: Any, known: Signature, name: str, path: str, fills: Mapping[str, Any]) -> Any:
        """Build the parts inside a parameter, and replace `asset:NAME` by the asset's local path."""
        if isinstance(value, Part):
            kind = known.params[name].kind
            if kind is None:
                raise UserError(f"{path}.{name}: takes a plain value, not a component ({value.use})")
            if kind == "corpus" and self.lazy:
                return Remembered(partial(self.part, value, kind, f"{path}.{name}", **fills))
            return self.part(value, kind, f"{path}.{name}", **fills)
        if isinstance(value, Mapping):
            return {key: self._value(item, known, name, f"{path}.{name}.{key}", fills) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, known, name, f"{path}.{name}.{i}", fills) for i, item in enumerate(value)]
        if isinstance(value, str) and value.startswith("asset:"):
            return self._asset(value.removeprefix("asset:"), f"{path}.{name}")
        return value

    def _asset(self, name: str, path: str) -> str:
        try:
            return str(store.locate_asset(store.named(self.registry, name)))
        except UnknownNameError as error:
            raise UnknownNameError(f"{path}: {error}") from error

    @staticmethod
    def _checked(built: Any, kind: Kind, path: str, name: str) -> Any:
        interface = INTERFACES.get(kind)
        if interface is not None and not isinstance(built, interface):
            wanted = sorted(set(getattr(interface, "__protocol_attrs__", ())) or _members(interface))
            missing = [member for member in wanted if not hasattr(built, member)]
            raise PortError(f"{path} ({name}): is no {kind}: it has no {', '.join(map(repr, missing))}")
        return built

    def model(self, experiment: Experiment, corpus: Corpus) -> Model:
        """Build encoders, fuser and heads; the same seed gives the same initial weights."""
        classes = corpus.targets if self.meaning is None else self.meaning.corpus.targets
        done: dict[str, Any] = {}
        about = {"corpus": corpus, "classes": classes, "built": done}
        encoders = {}
        for name, part in experiment.encoders.items():
            encoders[name] = done[f"encoders.{name}"] = self.part(part, "encoder", f"encoders.{name}", **about)
        dims = {name: encoder.out_dim for name, encoder in encoders.items()}
        fuser = done["fuser"] = self.part(experiment.fuser, "fuser", "fuser", dims=dims, **about)
        known = widths(dims, fuser.dims)
        heads = {}
        for name, head in experiment.heads.items():
            heads[name] = done[f"heads.{name}"] = self.part(head, "head", f"heads.{name}", dims=known, **about)
        for path, module in done.items():
            if not isinstance(module, nn.Module):
                raise PortError(f"{path}: {type(module).__name__} must be a torch.nn.Module")
        fields = {name: part.field or name for name, part in experiment.encoders.items()}
        frozen = [name for name, part in experiment.encoders.items() if part.freeze]
        model = Model(encoders, fuser, heads, fields, frozen)
        if self.meaning is not None:
            self.meaning.restore(model)
        return model

    def stage(self, stage: Stage, model: Model, corpus: Corpus, milestones: Milestones) -> BuiltStage:
        """Build a stage's corpus (where it has its own) and objectives."""
        path = f"stages.{stage.name}"
        if stage.corpus is not None:
            trained = partial(milestones.trained, stage.name)
            corpus = self.part(stage.corpus, "corpus", f"{path}.corpus", trained=trained)
            corpus = corpus if self.meaning is None else self.meaning.named(corpus, f"{path}.corpus")
        updates = []
        for number, update in enumerate(stage.updates):
            place = path if len(stage.updates) == 1 else f"{path}.updates.{number}"
            objective = self.part(
                update.objective,
                "objective",
                f"{place}.objective",
                dims=model.widths,
                classes=corpus.targets,
                corpus=corpus,
                built=places(model),
            )
            fixed = locked(objective) if isinstance(objective, nn.Module) else frozenset()
            balance = None if update.balance is None else self.part(update.balance, "balance", f"{place}.balance")
            updates.append(BuiltUpdate(update, objective, getattr(objective, "needs", None), fixed, balance))
        return BuiltStage(stage, corpus, tuple(updates))


def build(experiment: Experiment, registry: Registry, meaning: Meaning | None = None) -> Built:
    """Build every part and check that the parts fit together.

    Args:
        experiment: What to build.
        registry: Where names are looked up.
        meaning: Of the run whose model is built again; labels of the corpus are matched with its names.

    Raises:
        PortError: All the places where parts do not fit, one line each.
    """
    builder = Builder(registry, experiment.settings.seed, meaning)
    corpus = builder.part(experiment.corpus, "corpus", "corpus")
    return _built(builder, experiment, corpus if meaning is None else meaning.named(corpus), meaning)


def build_to_predict(experiment: Experiment, registry: Registry, meaning: Meaning) -> Built:
    """Build a run's model and task for a user's own input: no corpus is opened, unless a part asks for its samples.

    Raises:
        PortError: All the places where parts do not fit, one line each.
    """
    builder = Builder(registry, experiment.settings.seed, meaning, lazy=True)
    corpus = cast(Corpus, Remembered(partial(builder.part, experiment.corpus, "corpus", "corpus"), meaning.corpus))
    # What is read for training alone need not be there.
    built = _built(builder, experiment.model_copy(update={"stages": ()}), corpus, meaning)
    return replace(built, experiment=experiment)


def _built(builder: Builder, experiment: Experiment, corpus: Corpus, meaning: Meaning | None) -> Built:
    modalities = {
        name: (part.field or name, builder.registry.lookup("encoder", part.use).name)
        for name, part in experiment.encoders.items()
    }
    ports.check_fields(modalities, corpus, experiment.corpus.use)
    model = builder.model(experiment, corpus)
    milestones = Milestones(model, experiment.stages)
    stages = tuple(builder.stage(stage, model, corpus, milestones) for stage in experiment.stages)
    classes = corpus.targets if meaning is None else {**corpus.targets, **meaning.corpus.targets}
    task = builder.part(experiment.task, "task", "task", dims=model.widths, classes=classes, corpus=corpus)
    built = Built(experiment, model, corpus, stages, task, milestones, frozenset(builder.readers), meaning)
    ports.check(built)
    return built


def places(model: Model) -> Mapping[str, Any]:
    """Return the parts of a model by place."""
    encoders = {f"encoders.{name}": part for name, part in model.encoders.items()}
    return {**encoders, "fuser": model.fuser, **{f"heads.{name}": part for name, part in model.heads.items()}}


def _looked_for(error: Exception, arguments: Mapping[str, Any]) -> str:
    """Return what a mapping that mmx fills in has, if the error is that it lacks a key."""
    if not isinstance(error, KeyError) or not error.args:
        return ""
    for name in FILLED:
        known = arguments.get(name)
        if isinstance(known, Mapping) and error.args[0] not in known:
            names = [str(each) for each in known if "." not in str(each)]
            return f"{did_you_mean(str(error.args[0]), names)}; {name}: {', '.join(names) or 'nothing'}"
    return ""


def _members(interface: type) -> set[str]:
    return {name for name in [*vars(interface), *getattr(interface, "__annotations__", {})] if not name.startswith("_")}
