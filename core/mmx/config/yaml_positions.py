"""YAML values with their positions, read by the rules of YAML 1.2.

PyYAML follows YAML 1.1, where `1e-3` is a word, `on` a boolean, `0123` octal and `1:30` ninety. Here scalars follow the
core schema of YAML 1.2, in files and in overrides alike. Files are written by people and may come from strangers:
duplicate keys, anchors and tags, and too much depth, size or number of values, are errors of one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mmx.errors import ConfigError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50
MAX_NODES: Final = 10_000

Place = Callable[[int, int], str]
"""Line and column, from 1, to the origin that is kept and shown."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FORBIDDEN: Final = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it comes from.

    Attributes:
        value: None, bool, int, float, str, `dict[str, Node]` or `list[Node]`.
        origin: `file:line:column` of the key or list item, `override text`, `default of ...`.
        append: A list that is added to the one below, instead of replacing it.
    """

    value: Any
    origin: str
    append: bool = False

    def plain(self) -> Any:
        """Return the value as nested dicts and lists, without origins."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def get(self, key: str) -> Node | None:
        """Return the entry `key` of a mapping; None where there is none or this is no mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None


def read(file: Path, label: str) -> Node:
    """Read a YAML file whose top level is a mapping.

    Args:
        file: What to read.
        label: How the file is called in origins and errors.

    Raises:
        ConfigError: One line, `label:line:column: what`.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{label}: cannot be read: {error.strerror or error}"]) from error
    if len(content) > MAX_BYTES:
        raise ConfigError([f"{label}:1:1: larger than {MAX_BYTES // 1_000_000} MB"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        line, column = _position(before)
        raise ConfigError([f"{label}:{line}:{column}: not UTF-8: byte 0x{content[error.start]:02x}"]) from error
    node = compose(text, lambda line, column: f"{label}:{line}:{column}")
    if node.value is None:
        return Node({}, node.origin)
    if not isinstance(node.value, dict):
        raise ConfigError([f"{node.origin}: the top level must be a mapping, `key: value`"])
    return node


def compose(text: str, place: Place) -> Node:
    """Read YAML text as nodes.

    Args:
        text: One YAML document.
        place: Makes the origin of each node.

    Raises:
        ConfigError: One line: syntax, a duplicate key, an anchor, a tag, or more than the limits allow.
    """
    try:
        forbidden = _FORBIDDEN.search(text)
        if forbidden:
            raise _Fault(*_position(text[: forbidden.start()]), f"character {forbidden.group()!r} is not allowed")
        return _Composer(text, place).document()
    except _Fault as fault:
        raise ConfigError([f"{where(place(fault.line, fault.column))}: {fault.what}"]) from fault
    except yaml.YAMLError as error:
        line, column, what = _syntax(error, text)
        raise ConfigError([f"{where(place(line, column))}: {what}"]) from error


def scalar(text: str) -> bool | int | float | str | None:
    """Return the value of an unquoted scalar by the core schema of YAML 1.2.

    Raises:
        ValueError: A number of more digits than Python converts.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def dump(data: Any) -> str:
    """Return `data` as YAML that `compose` reads back as the same values."""
    text: str = yaml.dump(
        data, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return text


def node_of(value: Any, origin: str) -> Node:
    """Return plain data as nodes that all have the same origin."""
    if isinstance(value, Mapping):
        return Node({str(key): node_of(item, origin) for key, item in value.items()}, origin)
    if isinstance(value, list | tuple):
        return Node([node_of(item, origin) for item in value], origin)
    return Node(value, origin)


def leaves(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield `(path, node)` for every value that is not divided further: scalars, lists of scalars, empty mappings.

    Items of a list of mappings are called by their `name` where all have one (stages), else by their index.
    """
    if isinstance(node.value, dict) and node.value:
        for key, item in node.value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(node.value, list) and any(isinstance(item.value, dict | list) for item in node.value):
        for key, item in zip(item_names(node.value), node.value, strict=True):
            yield from leaves(item, (*path, key))
    else:
        yield path, node


def marks(node: Node) -> dict[str, str]:
    """Return dotted path -> origin of every leaf."""
    return {".".join(path): leaf.origin for path, leaf in leaves(node)}


def item_names(items: Sequence[Node]) -> list[str]:
    """Return what the items of a list are called in a dotted path: their distinct names, else their indices."""
    names = [item.get("name") for item in items]
    words = [name.value for name in names if name is not None and isinstance(name.value, str)]
    if len(words) == len(items) == len(set(words)):
        return words
    return [str(index) for index in range(len(items))]


def nearest(node: Node, path: Sequence[str | int]) -> Node:
    """Return the deepest node on `path`: the one an error about `path` points at."""
    for step in path:
        below = _step(node, str(step))
        if below is None:
            return node
        node = below
    return node


def where(origin: str) -> str:
    """Return how an origin stands at the head of an error message."""
    kind, _, text = origin.partition(" ")
    return f"override {text!r}" if kind == "override" else origin


def _step(node: Node, step: str) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(step)
    if isinstance(node.value, list):
        names = item_names(node.value)
        if step in names:
            return node.value[names.index(step)]  # type: ignore[no-any-return]
        if step.isdecimal() and int(step) < len(node.value):
            return node.value[int(step)]  # type: ignore[no-any-return]
    return None


class _Fault(Exception):
    """Something that is wrong at a line and column, both from 1."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(what)
        self.line, self.column, self.what = line, column, what


class _Composer:
    """Events to nodes. Events come one at a time, so that a hostile text is left as soon as a limit is passed."""

    def __init__(self, text: str, place: Place) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._place = place
        self._count = 0

    def document(self) -> Node:
        found: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and found is not None:
                raise _fault(event, "a second document; one file holds one")
            if isinstance(event, yaml.NodeEvent):
                found = self._node(event, event, 1)
        return found if found is not None else Node(None, self._place(1, 1))

    def _node(self, event: Any, at: Any, depth: int) -> Node:
        """Build the node that begins with `event`; its origin is where `at` (its key, or itself) begins."""
        self._admit(event, depth)
        origin = self._place(at.start_mark.line + 1, at.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            return Node(_value(event), origin)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._items(depth), origin)
        return Node(self._entries(depth), origin)

    def _items(self, depth: int) -> list[Node]:
        items = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, event, depth + 1))
        return items

    def _entries(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self._admit(event, depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                raise _fault(event, "a key must be a plain word")
            if event.value in entries:
                raise _fault(event, f"key {event.value!r} is given twice")
            entries[event.value] = self._node(next(self._events), event, depth + 1)
        return entries

    def _admit(self, event: Any, depth: int) -> None:
        self._count += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _fault(
                event, "anchors and aliases (& and *) are not allowed; use `extends`, or write the value again"
            )
        if event.tag is not None:
            raise _fault(event, f"tag {event.tag!r} is not allowed")
        if depth > MAX_DEPTH:
            raise _fault(event, f"nested more than {MAX_DEPTH} levels deep")
        if self._count > MAX_NODES:
            raise _fault(event, f"more than {MAX_NODES} values")


def _value(event: Any) -> bool | int | float | str | None:
    if not event.implicit[0]:
        return str(event.value)
    try:
        return scalar(event.value)
    except ValueError as error:
        raise _fault(event, f"a number of {len(event.value)} digits") from error


def _fault(event: Any, what: str) -> _Fault:
    return _Fault(event.start_mark.line + 1, event.start_mark.column + 1, what)


def _position(before: str) -> tuple[int, int]:
    """Return line and column of the character that follows the text `before`."""
    lines = before.split("\n")
    return len(lines), len(lines[-1]) + 1


def _syntax(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return 1, 1, " ".join(str(error).split())
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return mark.line + 1, line.index("\t") + 1, "a tab in the indentation; use spaces"
    context, problem = getattr(error, "context", None), getattr(error, "problem", None)
    return mark.line + 1, mark.column + 1, ": ".join(part for part in (context, problem) if part)


class _PlainDumper(_DUMPER):  # type: ignore[misc]
    """Quotes what YAML 1.2 would not read as text, and never writes an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: Any, text: str) -> Any:
    try:
        plain = isinstance(scalar(text), str)
    except ValueError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else "'")


def _represent_mapping(dumper: Any, data: Mapping[str, Any]) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items())


_PlainDumper.add_representer(str, _represent_str)
_PlainDumper.add_multi_representer(Mapping, _represent_mapping)
