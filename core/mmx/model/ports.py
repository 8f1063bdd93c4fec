"""Check of ports: names and modalities are compared before anything is computed; all misfits are reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from mmx.errors import PortError, did_you_mean
from mmx.interfaces import Fuser, Head

if TYPE_CHECKING:
    from torch import Tensor

    from mmx.interfaces import Corpus
    from mmx.model.built import Built, BuiltUpdate
    from mmx.model.model import Model


def check_fields(encoders: Mapping[str, tuple[str, str]], corpus: Corpus, corpus_name: str) -> None:
    """Raise unless the corpus has the field of each encoder: encoder -> (field, component).

    Raises:
        PortError: One line per encoder whose field the corpus lacks.
    """
    offered = _offer(corpus)
    faults = [
        f"encoders.{name} ({component}) reads field {field!r}, which corpus {corpus_name} does not have"
        f"{did_you_mean(field, corpus.fields)}; it offers {offered}; set encoders.{name}.field or another corpus"
        for name, (field, component) in encoders.items()
        if field not in corpus.fields
    ]
    _raise(faults)


def check(built: Built) -> None:
    """Raise unless every part finds the ports that it reads.

    Raises:
        PortError: One line per misfit: who reads what, what there is, and what would fit.
    """
    model, corpus = built.model, built.corpus
    faults = list(_modalities(model, corpus))
    for name, head in model.heads.items():
        faults += _needs(f"heads.{name}", cast(Head, head).needs, model, corpus, heads=False)
    for stage in built.stages:
        if stage.corpus is not corpus:
            faults += _modalities(model, stage.corpus, _read(model, stage.needs()), f"stages.{stage.spec.name}: ")
        if stage.spec.balanced:
            port = f"targets.{stage.spec.balanced}"
            faults += _needs(f"stages.{stage.spec.name}.balanced", (port,), model, stage.corpus)
        for update in stage.updates:
            faults += _needs(f"stages.{stage.spec.name}.objective", update.needs or (), model, stage.corpus)
            faults += _inside(f"stages.{stage.spec.name}.trains", update, model)
    faults += _needs("task", getattr(built.task, "needs", ()), model, corpus)
    _raise(faults)


def within(path: str, name: str) -> bool:
    """Return whether a parameter's path is `name`, or lies inside it: `fuser.gate.weight` is in `fuser.gate`."""
    return path == name or path.startswith(f"{name}.")


def loss_of(losses: Any, who: str) -> Tensor:
    """Return the loss out of what an objective returned.

    Raises:
        PortError: It returned something else than a mapping with a `loss`.
    """
    if isinstance(losses, Mapping) and "loss" in losses:
        loss: Tensor = losses["loss"]
        return loss
    returned = f"a mapping without it ({', '.join(map(str, losses))})" if isinstance(losses, Mapping) else type(losses)
    told = returned if isinstance(returned, str) else returned.__name__
    raise PortError(f'{who} returned {told}; it must return {{"loss": scalar, "<term>": scalar, ...}}')


def check_learns(loss: Tensor, who: str, trains: Sequence[str]) -> None:
    """Raise unless a loss depends on something that the update trains.

    Raises:
        PortError: Nothing would change.
    """
    if not loss.requires_grad:
        raise PortError(
            f"{who} reads nothing that learns: trains is [{', '.join(trains)}]; name what its loss goes through"
        )


def _inside(who: str, update: BuiltUpdate, model: Model) -> Iterator[str]:
    """Yield a fault for each name in `trains` that goes into a part in which there is nothing of that name."""
    for name in update.spec.trains:
        steps = name.split(".")
        part = ".".join(steps[: 1 if steps[0] in ("fuser", "objective") else 2])
        if part == name:
            continue
        paths = [path for path, _ in model.named_parameters()]
        if part == "objective" and isinstance(update.objective, nn.Module):
            paths = [f"objective.{path}" for path, _ in update.objective.named_parameters()]
        if not any(within(path, name) for path in paths):
            inner = [path.split(".") for path in paths if within(path, part)]
            known = sorted({".".join(path[: len(steps)]) for path in inner})
            told = did_you_mean(name, known) or f"; there are: {', '.join(known) or f'no weights in {part}'}"
            yield f"{who}: no part {name!r}{told}"


def _modalities(model: Model, corpus: Corpus, encoders: Iterable[str] | None = None, where: str = "") -> Iterator[str]:
    for name in model.encoders if encoders is None else encoders:
        field, modality = model.fields[name], str(model.encoders[name].modality)
        offered = corpus.fields.get(field)
        if offered is None:
            yield f"{where}encoders.{name} reads field {field!r}; the corpus offers {_offer(corpus)}"
        elif offered != modality:
            fitting = [other for other, kind in corpus.fields.items() if kind == modality]
            advice = (
                f"set encoders.{name}.field={fitting[0]}"
                if fitting
                else f"use an encoder of {offered} (mmx ls encoders)"
            )
            yield f"{where}encoders.{name} takes {modality}, but field {field!r} is {offered}; {advice}"


def _needs(who: str, needs: Sequence[str], model: Model, corpus: Corpus, *, heads: bool = True) -> Iterator[str]:
    there: dict[str, Iterable[str]] = {
        "encoded": list(model.encoders),
        "fused": list(cast(Fuser, model.fuser).dims),
        "heads": list(model.heads) if heads else [],
        "targets": list(corpus.targets),
    }
    for port in needs:
        kind, _, name = port.partition(".")
        if kind not in there:
            yield f"{who} reads {port!r}: ports are encoded.NAME, fused.NAME, heads.NAME, targets.NAME"
        elif name not in there[kind]:
            known = ", ".join(f"{kind}.{each}" for each in there[kind]) or "none"
            yield f"{who} reads {port!r}, which is not there{did_you_mean(name, there[kind])}; there is: {known}"


def _read(model: Model, needs: Sequence[str] | None) -> Iterable[str]:
    return model.plan(needs).encoders if needs is None or not _unknown(model, needs) else ()


def _unknown(model: Model, needs: Sequence[str]) -> bool:
    return any(port.startswith("heads.") and port.partition(".")[2] not in model.heads for port in needs)


def _offer(corpus: Corpus) -> str:
    return ", ".join(f"{name} ({modality})" for name, modality in sorted(corpus.fields.items())) or "nothing"


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise PortError("\n".join(dict.fromkeys(faults)))
