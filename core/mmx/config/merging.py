"""Merging of configurations: mappings merge, lists replace, stages are addressed by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from mmx.config.overrides import parse_all
from mmx.config.yaml_positions import Node, item_names, where
from mmx.errors import ConfigError, UnknownNameError, did_you_mean
from mmx.registry.registry import STANDARD

_DOTTED: Final = re.compile(r"[\w-]+(\.[\w-]+){1,20}")

NO_PRESET: Final = "default"
"""The name of the experiment as it stands."""
PRESET_META: Final = ("summary",)
"""Keys of a preset that tell about it, and change nothing of the experiment."""
ENCODER_OWN: Final = ("field", "freeze")
"""Keys that wire an encoder into the experiment: they stay when another component is used."""


def merge(base: Node | None, over: Node, problems: list[str], path: tuple[str, ...] = ()) -> Node:
    """Return `base` with `over` laid on it.

    Mappings merge key by key. A mapping laid on a list addresses its items, by `name` or by index; null removes one.
    A list replaces, or is appended where it is marked so. Another `use` drops the parameters of the component before.
    A null stays, for the resolver to tell whether it unsets a value or is one.

    Args:
        base: What is below; None where it has nothing there.
        over: What is laid over it.
        problems: Takes what does not fit, one line each.
        path: Where both belong in the experiment.
    """
    if base is None or base.value is None:
        return over
    if over.append:
        return _append(base, over, problems, path)
    if isinstance(base.value, dict) and "use" in base.value and isinstance(over.value, str):
        over = _part(over)
    if not isinstance(over.value, dict):
        return over
    if isinstance(base.value, list):
        return _into_list(base, over, problems, path)
    if isinstance(base.value, str) and "use" not in over.value and " " not in base.value:
        base = _part(base)
    if not isinstance(base.value, dict):
        return over
    return _mappings(base, over, problems, path)


def expand_keys(node: Node, problems: list[str], path: tuple[str, ...] = ()) -> Node:
    """Return a mapping with its dotted keys (`encoders.audio.width: 2`) written as nested mappings."""
    dotted = [key for key in node.value if _DOTTED.fullmatch(key)] if isinstance(node.value, dict) else []
    if not dotted:
        return node
    result = Node({key: item for key, item in node.value.items() if key not in dotted}, node.origin)
    for key, item in node.value.items():
        if key in dotted:
            for step in reversed(key.split(".")):
                item = Node({step: item}, item.origin)
            result = merge(result, item, problems, path)
    return result


def full_name(use: object) -> str:
    """Return a component's name with its plugin: `adam` is `std/adam`."""
    text = str(use)
    return text if "/" in text else f"{STANDARD}/{text}"


def without(tree: Node, keys: Collection[str]) -> Node:
    """Return a mapping without some of its keys."""
    return Node({key: node for key, node in tree.value.items() if key not in keys}, tree.origin)


def with_preset(tree: Node, name: str, presets: Node | None, preset: str, problems: list[str]) -> Node:
    """Return an experiment with one of its presets laid on it.

    Raises:
        UnknownNameError: It has no such preset.
    """
    known = _presets(presets, problems)
    if preset not in known and preset != NO_PRESET:
        names = [NO_PRESET, *(key for key in known if key != NO_PRESET)]
        hint = did_you_mean(preset, names)
        raise UnknownNameError(f"experiment {name!r} has no preset {preset!r}{hint}; presets: {', '.join(names)}")
    over = known.get(preset)
    if over is None or over.value is None:
        return tree
    if not isinstance(over.value, dict):
        problems.append(f"{where(over.origin)}: presets.{preset}: must be a mapping")
        return tree
    return merge(tree, _marked(without(over, PRESET_META), f" (preset {preset})"), problems)


def _presets(presets: Node | None, problems: list[str]) -> Mapping[str, Node]:
    """Return the presets by name; note what is no mapping."""
    if presets is None or presets.value is None:
        return {}
    if not isinstance(presets.value, dict):
        problems.append(f"{where(presets.origin)}: presets: must be a mapping from names to what they change")
        return {}
    return presets.value


def inherited(parent: Node, child: Node) -> Node:
    """Return what a child takes over from its parent: all of it, but only the presets (and controls) that still apply.

    A preset applies where everything that it changes is still there: encoders, heads and stages of the names that it
    names, and, where it sets parameters of a component, the component that they belong to. A preset of the child's own
    with that name then stands alone.

    Args:
        parent: The parent, with its own parents merged in.
        child: The child as written.
    """
    presets = parent.get("presets")
    if presets is None or not isinstance(presets.value, dict):
        return parent
    merged = merge(without(parent, ("presets", "controls")), without(child, ("presets", "controls")), [])
    kept = {name: over for name, over in presets.value.items() if _applies(over, parent, merged)}
    entries = {**parent.value, "presets": Node(kept, presets.origin)}
    controls = parent.get("controls")
    if controls is not None and isinstance(controls.value, list):
        own = child.get("presets")
        known = {*kept, *(own.value if own is not None and isinstance(own.value, dict) else ())}
        there = [item for item in controls.value if item.value in known or item.value not in presets.value]
        entries["controls"] = Node(there, controls.origin)
    return Node(entries, parent.origin)


def _applies(over: Node, old: Node | None, new: Node | None) -> bool:
    """Return whether a change of `old` is one of `new` too: what it goes into is there, and of the same kind."""
    if not isinstance(over.value, dict) or old is None:
        return True
    if new is None or new.value is None:
        return False
    if "use" in over.value:  # a component of its own
        return True
    if _use(old) is not None and _use(old) != _use(new):
        return False
    if isinstance(new.value, list):
        names = item_names(new.value)
        places = {key: _index(key, names) for key in over.value}
        return all(
            place is not None and _applies(over.value[key], _item(old, key), new.value[place])
            for key, place in places.items()
            if over.value[key].value is not None or _item(old, key) is not None
        )
    if not isinstance(new.value, dict):
        return True
    return all(_applies(item, _item(old, key), new.get(key)) for key, item in over.value.items())


def _item(node: Node, key: str) -> Node | None:
    """Return the entry of a mapping, or the item of a list, that a key means."""
    if isinstance(node.value, list):
        place = _index(key, item_names(node.value))
        return None if place is None else node.value[place]
    return node.get(key) if isinstance(node.value, dict) else None


def _use(node: Node) -> str | None:
    """Return the component of a part, if it is one."""
    if isinstance(node.value, str):
        return full_name(node.value)
    use = node.get("use") if isinstance(node.value, dict) else None
    return None if use is None else full_name(use.value)


def check_controls(controls: Node | None, presets: Node | None, problems: list[str]) -> None:
    """Note which of the names under `controls` are no presets."""
    known = _presets(presets, problems)
    if controls is None or controls.value is None:
        return
    if not isinstance(controls.value, list):
        problems.append(f"{where(controls.origin)}: controls: must be a list of presets, e.g. [shuffled]")
        return
    for item in controls.value:
        if item.value not in known:
            hint = did_you_mean(str(item.value), known)
            problems.append(f"{where(item.origin)}: controls: no preset {item.value!r}{hint}")


def with_command_line(
    tree: Node, overrides: Sequence[str], settings: Mapping[str, Any] | None, problems: list[str]
) -> Node:
    """Return an experiment with overrides (`key=value`) and flags (setting -> value, None if absent) laid on it."""
    try:
        for over in parse_all(overrides):
            tree = merge(tree, over, problems)
    except ConfigError as error:
        problems.extend(error.problems)
    for over in _flags(settings or {}):
        tree = merge(tree, over, problems)
    return tree


def _mappings(base: Node, over: Node, problems: list[str], path: tuple[str, ...]) -> Node:
    kept, origin = dict(base.value), base.origin
    old, new = base.get("use"), over.get("use")
    if new is not None and old is not None and full_name(new.value) != full_name(old.value):
        own = ENCODER_OWN if len(path) == 2 and path[0] == "encoders" else ()
        kept, origin = {key: kept[key] for key in own if key in kept}, over.origin
        kept = {"use": new, **kept}
    for key, item in over.value.items():
        if key.endswith("+") and isinstance(item.value, list):  # as `KEY+=[...]` on the command line
            key, item = key[:-1], Node(item.value, item.origin, append=True)
        kept[key] = merge(kept.get(key), item, problems, (*path, key))
    return Node(kept, origin, base.append)


def _into_list(base: Node, over: Node, problems: list[str], path: tuple[str, ...]) -> Node:
    items: list[Node | None] = list(base.value)
    names = item_names(base.value)
    for key, item in over.value.items():
        index = _index(key, names)
        if index is None:
            known = f"; there are: {', '.join(names)}" if names else "; the list is empty"
            hint = did_you_mean(key, names) or known
            problems.append(f"{where(item.origin)}: {'.'.join((*path, key))}: no such item{hint}")
        elif item.value is None:
            items[index] = None
        else:
            items[index] = merge(base.value[index], item, problems, (*path, key))
    return Node([item for item in items if item is not None], base.origin, base.append)


def _index(key: str, names: Sequence[str]) -> int | None:
    if key in names:
        return names.index(key)
    return int(key) if key.isdecimal() and int(key) < len(names) else None


def _append(base: Node, over: Node, problems: list[str], path: tuple[str, ...]) -> Node:
    if not isinstance(base.value, list):
        problems.append(f"{where(over.origin)}: {'.'.join(path)}: += needs a list to append to")
        return base
    return Node([*base.value, *over.value], over.origin, base.append)


def _part(node: Node) -> Node:
    """Return a component given by its bare name as a mapping."""
    return Node({"use": node}, node.origin)


def _marked(node: Node, suffix: str) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _marked(item, suffix) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_marked(item, suffix) for item in value]
    return Node(value, node.origin + suffix, node.append)


def _flags(settings: Mapping[str, Any]) -> Iterator[Node]:
    for key, value in settings.items():
        if value is not None:
            origin = f"--{key.replace('_', '-')} {value}"
            yield Node({"settings": Node({key: Node(value, origin)}, origin)}, origin)
