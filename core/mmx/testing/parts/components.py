"""The contract of any registered component, tried by itself on what it says that it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmx.config.experiment import Part, nested
from mmx.errors import AssetError, MmxError
from mmx.model.build import Builder
from mmx.registry import schema
from mmx.support.text import describe
from mmx.testing import Finding
from mmx.testing.parts.corpora import check_corpus
from mmx.testing.parts.encoders import check_encoder
from mmx.testing.parts.fusers import WIDTHS, check_fuser, check_head, random_features
from mmx.testing.parts.modules import seeded
from mmx.testing.parts.objectives import check_objective, random_ports
from mmx.testing.usage import smallest, used_with
from mmx.types import Card, Sample

if TYPE_CHECKING:
    from mmx.config.catalog import Catalog
    from mmx.config.experiment import Experiment
    from mmx.registry.registry import Entry

CLASSES: Mapping[str, Sequence[str] | None] = {"label": ("one", "two", "three")}
"""What parts without an experiment are told about the truth."""
IN_PLACE = ("fuser", "head", "objective", "task")
"""Kinds that are tried inside the experiment that has them, on what its other parts give."""
LARGE = 20_000_000
"""Parameters above which a component is tried only with parameters that somebody chose."""


class Words:
    """A corpus of a few texts, for parts that read one when they are built (a tokenizer)."""

    fields: Mapping[str, str] = {"text": "text"}
    targets = CLASSES
    card = Card(title="words", summary="A few words for tests.", licence="CC0-1.0", synthetic=True)
    digest = "words-1"

    def split(self, name: str) -> Sequence[Sample]:
        """Return the same three samples, whatever the split."""
        texts = ("a small red circle", "a large blue cross", "two words")
        return [Sample(f"w{index}", {"text": text}, {"label": index}) for index, text in enumerate(texts)]


def check_component(
    catalog: Catalog,
    entry: Entry,
    experiments: Sequence[str],
    cases: Mapping[str, Mapping[str, Any]],
    raws: Mapping[str, Sequence[Any]],
) -> Iterator[Finding]:
    """Yield findings about one component.

    Args:
        catalog: Where it and the parts inside it are.
        entry: The component.
        experiments: Experiments whose parameters for it are as good as any.
        cases: Component name -> parameters to try it with instead.
        raws: Modality -> raw values to try encoders on.
    """
    name = f"{entry.kind} {entry.name}"
    use = used_with(catalog, experiments).get(entry.name)
    if use is None and entry.kind in ("encoder", "corpus"):  # somebody else's experiment knows as well what they take
        use = used_with(catalog, catalog.names()).get(entry.name)
    if use is not None and entry.name not in cases and entry.kind in IN_PLACE:
        yield Finding(f"{name}: contract", True, f"see experiment {use.experiment}")
        return
    if use is None and entry.kind == "objective":  # as another preset has it; it is tried by itself
        use = used_with(catalog, experiments, everywhere=True).get(entry.name)
    known = schema.signature(entry.target)
    given = _case(entry, cases, known) or (use.params if use else None)
    missing = [param.name for param in known.params.values() if param.required and not param.filled]
    missing = [each for each in missing if each not in (given or {})]
    if missing:
        yield _skip(name, f"needs {', '.join(missing)}; give them: cases={{{entry.name!r}: {{...}}}}")
        return
    experiment = smallest(catalog, use.experiment).experiment if use and entry.name not in cases else None
    make = _maker(catalog, entry, Part(use=entry.name, params=nested(given or {})), experiment)
    try:
        built = seeded(make, 0)
    except AssetError as error:
        yield _skip(name, str(error))
        return
    except MmxError as error:
        if given is not None and use is not None and entry.name not in cases and "built" in known.params:
            yield _skip(name, f"takes something from parts beside it ({error}); check {use.experiment} with its preset")
        elif given is not None:
            yield Finding(f"{name}: builds", False, str(error))
        else:
            yield _skip(name, f"its defaults do not build by themselves ({error}); give a case, or an experiment")
        return
    size = sum(parameter.numel() for parameter in built.parameters()) if isinstance(built, nn.Module) else 0
    if given is None and size > LARGE:
        yield _skip(name, f"has {size:,} parameters by default; give a smaller case, or an experiment")
        return
    yield Finding(f"{name}: builds", True)
    try:
        yield from _contract(catalog, entry, make, experiment, raws)
    except MmxError as error:
        if given is not None:
            raise
        yield _skip(name, f"refuses what it is tried on ({error}); give a case, or an experiment")


def _contract(
    catalog: Catalog,
    entry: Entry,
    make: Callable[[int], Any],
    experiment: Experiment | None,
    raws: Mapping[str, Sequence[Any]],
) -> Iterator[Finding]:
    name = f"{entry.kind} {entry.name}"
    if entry.kind == "encoder":
        modality = getattr(make(0), "modality", "")
        values = raws.get(modality) or _raws_of(catalog, entry, experiment)
        yield from check_encoder(make, values, what=name)
    elif entry.kind == "fuser":
        yield from check_fuser(make, what=name)
    elif entry.kind == "head":
        fused = random_features({**WIDTHS, "joint": 7})
        yield from check_head(make, fused, what=name)
    elif entry.kind == "objective":
        yield from _objective(name, make(0))
    elif entry.kind == "corpus":
        yield from check_corpus(make, what=name)
    elif entry.kind == "optimizer":
        yield _optimizer(name, make)
    elif entry.kind == "schedule":
        yield _schedule(name, make)


def _maker(catalog: Catalog, entry: Entry, part: Part, experiment: Experiment | None) -> Callable[[int], Any]:
    """Return what builds a component, told about the data of its experiment where it has one."""
    widths = WIDTHS if entry.kind != "head" else {**WIDTHS, "joint": 7}
    registry = catalog.plugins.registry
    corpus = Words() if experiment is None else Builder(registry, 0).part(experiment.corpus, "corpus", "corpus")

    def make(seed: int) -> Any:
        fills: dict[str, Any] = {
            "dims": widths,
            "classes": corpus.targets,
            "corpus": corpus,
            "built": {},
            "trained": lambda name: None,
            "total_steps": 10,
        }
        if entry.kind == "optimizer":
            fills["params"] = [("weight", nn.Parameter(torch.ones(3)))]
        return Builder(registry, seed).part(part, entry.kind, "check", **fills)

    return make


def _raws_of(catalog: Catalog, entry: Entry, experiment: Experiment | None) -> Sequence[Any] | None:
    """Return raw values that the experiment gives to this encoder; None where it is only part of another one."""
    if experiment is None:
        return None
    for key, part in experiment.encoders.items():
        if part.use == entry.name:
            corpus = Builder(catalog.plugins.registry, 0).part(experiment.corpus, "corpus", "corpus")
            samples = corpus.split("train")
            looked = (samples[index].fields.get(part.field or key) for index in range(min(12, len(samples))))
            return list(islice((value for value in looked if value is not None), 3)) or None
    return None


def _objective(name: str, objective: Any) -> Iterator[Finding]:
    """Try an objective on random values of the ports that it names, classes as in `CLASSES`."""
    needs = getattr(objective, "needs", None)
    if needs is None:
        yield _skip(name, "names no ports (needs) to try it on; check an experiment that has it")
        return
    outputs, batch = random_ports(needs)
    # Beside a head, features are what it is compared with: a teacher's.
    kept = {*outputs.encoded, *outputs.fused} if outputs.heads else set()
    try:
        with torch.no_grad():
            objective(outputs, batch)
    except Exception as error:
        yield _skip(name, f"cannot take what mmx makes up for it ({describe(error)}); check an experiment that has it")
        return
    yield from check_objective(objective, outputs, batch, kept=kept, what=name)


def _optimizer(name: str, make: Callable[[int], Any]) -> Finding:
    optimizer = make(0)
    weight = optimizer.param_groups[0]["params"][0]
    before = weight.detach().clone()
    weight.sum().backward()
    optimizer.step()
    moved = bool((weight.detach() < before).all())
    return Finding(f"{name}: a step goes downhill", moved, f"{type(optimizer).__name__}")


def _schedule(name: str, make: Callable[[int], Any]) -> Finding:
    factor = make(0)
    values = [float(factor(step)) for step in range(11)]
    fine = all(math.isfinite(value) and value >= 0 for value in values)
    return Finding(f"{name}: factors are finite", fine, f"{values[0]:.3g} ... {values[-1]:.3g}")


def _case(entry: Entry, cases: Mapping[str, Mapping[str, Any]], known: schema.Signature) -> Mapping[str, Any] | None:
    """Return the case for a component; a head and a schedule may share a name, but hardly their parameters."""
    case = cases.get(entry.name)
    return case if case is not None and (known.extra or set(case) <= set(known.params)) else None


def _skip(name: str, reason: str) -> Finding:
    return Finding(f"{name}: contract", True, reason, skipped=True)
