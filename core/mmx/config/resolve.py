"""Resolution of merged configurations: parts checked, origins kept, all problems reported at once, a frozen result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from mmx.config.component_check import PartChecker
from mmx.config.experiment import EncoderPart, Experiment, Paper, Part, Settings, Stage, Update
from mmx.config.merging import ENCODER_OWN, merge
from mmx.config.yaml_positions import Node, dump, item_names, leaves, marks, nearest, node_of
from mmx.errors import ConfigError, did_you_mean
from mmx.registry.registry import Kind, Registry
from mmx.registry.validation import explain
from mmx.support.redact import redact_tree

DEFAULT: Final = "default"
"""Origin of values that mmx itself decides."""

_SINGLE: Final[dict[str, Kind]] = {"corpus": "corpus", "fuser": "fuser", "task": "task"}
_SEVERAL: Final[dict[str, Kind]] = {"encoders": "encoder", "heads": "head"}
_IN_STAGES: Final[dict[str, Kind]] = {
    "corpus": "corpus",
    "objective": "objective",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "balance": "balance",
}


@dataclass(frozen=True)
class Resolved:
    """One experiment with nothing left open.

    Attributes:
        experiment: What a run is built from.
        config: The same as plain nested data, in the form of registry.yaml; `Catalog.restore` reads it back.
        origins: Dotted path -> where the value comes from: `registry.yaml:12:5`, `registry.yaml:40:9 (preset smoke)`,
            `override stages.probe.steps=5`, `--seed 3`, `default of soundnet/conv8 (model.py:40)`, `default`.
        tracking: The top-level `tracking` of the registry files.
    """

    experiment: Experiment
    config: dict[str, Any]
    origins: Mapping[str, str]
    tracking: Mapping[str, Any]

    def flat(self) -> dict[str, Any]:
        """Return dotted path -> value for every leaf; stages are called by name."""
        return {".".join(path): leaf.plain() for path, leaf in leaves(node_of(self.config, DEFAULT))}

    def to_yaml(self) -> str:
        """Return the configuration as YAML, without secrets."""
        return dump(redact_tree(self.config))


def resolve(
    tree: Node, registry: Registry, *, name: str, preset: str, tracking: Mapping[str, Any], problems: list[str]
) -> Resolved:
    """Check a merged experiment and complete it with all defaults.

    Args:
        tree: The experiment as merging left it, without `extends` and `presets`.
        registry: Where components are looked up.
        name: Name of the experiment.
        preset: Name of the preset that was laid on it.
        tracking: Passed on.
        problems: What merging found wrong already.

    Raises:
        ConfigError: Everything that is wrong, one line each.
    """
    checker = PartChecker(registry, problems)
    checked = _checked(tree, checker)
    _check_stages(checked, checker)
    head = {"name": name, "preset": preset}
    data = head | checked.plain()
    try:
        experiment = Experiment.model_validate(data)
    except ValidationError as error:
        for path, message in explain(error, data):
            checker.report(nearest(checked, path), _named(checked, path), message)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    whole = _complete(Node(node_of(head, DEFAULT).value | checked.value, checked.origin), _plain(experiment))
    return Resolved(experiment, whole.plain(), marks(whole), tracking)


def _checked(tree: Node, checker: PartChecker) -> Node:
    """Return the experiment with known keys only, its parts checked and completed."""
    entries = {}
    known = _known(tree, (Experiment,), (), checker, hidden=("name", "preset"))
    known["fuser"] = _with_default(known.get("fuser"), Experiment.model_fields["fuser"].default)
    for key, node in known.items():
        if key in _SINGLE:
            entries[key] = checker.part(node, _SINGLE[key], (key,))
        elif key in _SEVERAL and isinstance(node.value, dict):
            own = ENCODER_OWN if key == "encoders" else ()
            parts = {name: item for name, item in node.value.items() if item.value is not None}
            entries[key] = Node(
                {name: checker.part(item, _SEVERAL[key], (key, name), own) for name, item in parts.items()}, node.origin
            )
        elif key == "stages" and isinstance(node.value, list):
            names = item_names(node.value)
            stages = [_stage(*pair, checker) for pair in zip(names, node.value, strict=True)]
            entries[key] = Node(stages, node.origin)
        elif key in ("settings", "paper") and isinstance(node.value, dict):
            model = Settings if key == "settings" else Paper
            entries[key] = Node(_known(node, (model,), (key,), checker), node.origin)
        else:
            entries[key] = node
    return Node(entries, tree.origin)


def _stage(name: str, node: Node, checker: PartChecker) -> Node:
    if not isinstance(node.value, dict):
        return node
    path = ("stages", name)
    node = _flattened(node)
    updates = node.get("updates")
    if updates is None:
        entries = _with_optimizer(_known(node, (Stage, Update), path, checker, ("updates",)))
        return Node(_parts(entries, path, checker), node.origin)
    entries = _parts(_known(node, (Stage,), path, checker), path, checker)
    if isinstance(updates.value, list):
        several = [_update(item, (*path, "updates", str(index)), checker) for index, item in enumerate(updates.value)]
        entries["updates"] = Node(several, updates.origin)
    return Node(entries, node.origin)


def _flattened(node: Node) -> Node:
    """Return a stage that lists a single update in the flat form, which is what is shown, saved and overridden."""
    updates = node.get("updates")
    single = (
        updates.value[0]
        if updates is not None and isinstance(updates.value, list) and len(updates.value) == 1
        else None
    )
    if single is None or not isinstance(single.value, dict):
        return node
    over = {key: item for key, item in node.value.items() if key in Update.model_fields}
    update = merge(single, Node(over, node.origin), [])
    return Node({key: item for key, item in node.value.items() if key != "updates"} | update.value, node.origin)


def _update(node: Node, path: tuple[str, ...], checker: PartChecker) -> Node:
    if not isinstance(node.value, dict):
        return node
    return Node(_parts(_with_optimizer(_known(node, (Update,), path, checker)), path, checker), node.origin)


def _with_optimizer(entries: dict[str, Node]) -> dict[str, Node]:
    chosen = _with_default(entries.get("optimizer"), Update.model_fields["optimizer"].default)
    return {"optimizer": chosen} | {key: node for key, node in entries.items() if key != "optimizer"}


def _with_default(node: Node | None, default: Part) -> Node:
    """Return a part that may be left out, its name too: parameters without one are those of the default."""
    if node is None:
        return node_of(_plain(default), DEFAULT)
    if isinstance(node.value, dict) and "use" not in node.value:
        return Node({"use": Node(default.use, DEFAULT), **node.value}, node.origin)
    return node


def _parts(entries: dict[str, Node], path: tuple[str, ...], checker: PartChecker) -> dict[str, Node]:
    return {
        key: checker.part(node, _IN_STAGES[key], (*path, key)) if key in _IN_STAGES else node
        for key, node in entries.items()
    }


def _known(
    node: Node,
    models: Iterable[type[BaseModel]],
    path: tuple[str, ...],
    checker: PartChecker,
    hidden: Collection[str] = (),
) -> dict[str, Node]:
    """Return the entries that the models know; null unsets an entry, an unknown one is reported."""
    fields = {field for model in models for field in model.model_fields} - set(hidden)
    for key, item in node.value.items():
        if key not in fields:
            far = [f"settings.{key}"] if not path and key in Settings.model_fields else fields
            hint = did_you_mean(far[0] if isinstance(far, list) else key, far)
            checker.report(item, (*path, key), f"unknown key{hint or '; known: ' + ', '.join(sorted(fields))}")
    return {key: item for key, item in node.value.items() if key in fields and item.value is not None}


def _check_stages(tree: Node, checker: PartChecker) -> None:
    """Report stage names that occur twice, and trained parts that do not exist or never learn."""
    stages = tree.get("stages")
    if stages is None or not isinstance(stages.value, list):
        return
    seen: set[str] = set()
    trainable = list(_trainable(tree))
    for label, stage in zip(item_names(stages.value), stages.value, strict=True):
        name = stage.get("name")
        if name is not None and isinstance(name.value, str):
            if name.value in seen:
                checker.report(name, ("stages", label, "name"), f"a second stage named {name.value!r}")
            seen.add(name.value)
        for path, trains in _trains(stage, ("stages", label)):
            for item in trains.value:
                _check_trained(item, path, tree, trainable, checker)


def _check_trained(item: Node, path: tuple[str, ...], tree: Node, known: list[str], checker: PartChecker) -> None:
    if not isinstance(item.value, str):
        return
    kind, *inner = item.value.split(".")
    part = kind if kind in ("fuser", "objective") or not inner else f"{kind}.{inner[0]}"
    if part not in known or not all(inner):
        hint = did_you_mean(item.value, known, limit=1) or f"; there are: {', '.join(known)}"
        checker.report(item, path, f"no part {item.value!r}{hint}")
    elif part.startswith("encoders."):  # what is inside a part is known when it is built
        freeze = nearest(tree, [*part.split(".", 1), "freeze"])
        if freeze.value is True:
            checker.report(item, path, f"{part} is frozen ({freeze.origin}) and cannot learn")


def _trains(stage: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    updates = stage.get("updates")
    each = enumerate(updates.value) if updates is not None and isinstance(updates.value, list) else ()
    for place, update in [(path, stage), *(((*path, "updates", str(index)), update) for index, update in each)]:
        trains = update.get("trains")
        if trains is not None and isinstance(trains.value, list):
            yield (*place, "trains"), trains


def _trainable(tree: Node) -> Iterator[str]:
    for key in ("encoders", "heads"):
        node = tree.get(key)
        if node is not None and isinstance(node.value, dict) and node.value:
            yield key
            yield from (f"{key}.{name}" for name in node.value)
    yield from ("fuser", "objective")


def _named(tree: Node, path: Iterable[str]) -> tuple[str, ...]:
    """Return a path with list items called as `leaves` calls them."""
    named: list[str] = []
    for step in path:
        node = nearest(tree, named)
        if isinstance(node.value, list) and step.isdecimal() and int(step) < len(node.value):
            step = item_names(node.value)[int(step)]
        named.append(step)
    return tuple(named)


def _plain(value: Any) -> Any:
    """Return a validated value in the flat form of registry.yaml; optional keys without a value are left out."""
    if isinstance(value, Part):
        own = {key: getattr(value, key) for key in ENCODER_OWN} if isinstance(value, EncoderPart) else {}
        return {"use": value.use, **_without_none(own), **{key: _plain(item) for key, item in value.params.items()}}
    if isinstance(value, Stage):
        fields = {key: getattr(value, key) for key in type(value).model_fields if key != "updates"}
        updates = [_plain(update) for update in value.updates]
        return _plain(_without_none(fields)) | (updates[0] if len(updates) == 1 else {"updates": updates})
    if isinstance(value, BaseModel):
        fields = {key: getattr(value, key) for key in type(value).model_fields}
        return _plain(_without_none(fields))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in fields.items() if item is not None}


def _complete(node: Node, plain: Any) -> Node:
    """Return `node` with what `plain` has beyond it, in the order of `plain`."""
    if isinstance(node.value, dict) and isinstance(plain, Mapping):
        return Node(
            {
                key: _complete(node.value[key], item) if key in node.value else node_of(item, DEFAULT)
                for key, item in plain.items()
            },
            node.origin,
        )
    if isinstance(node.value, list) and isinstance(plain, list):
        return Node([_complete(*pair) for pair in zip(node.value, plain, strict=True)], node.origin)
    return node
