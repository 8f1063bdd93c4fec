"""Check of the components of an experiment: looked up, validated against their signature, completed with defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmx.config.yaml_positions import Node, nearest, node_of, where
from mmx.errors import MmxError
from mmx.registry import schema
from mmx.registry.registry import Kind, Registry, with_article
from mmx.registry.schema import Expression, Param, Signature
from mmx.registry.validation import problems

Path = tuple[str, ...]


class PartChecker:
    """Checks parts of one experiment and collects what is wrong with them.

    Args:
        registry: Where names are looked up.
        problems: Takes what is wrong, one line each.
    """

    def __init__(self, registry: Registry, problems: list[str]) -> None:
        self._registry = registry
        self._problems = problems

    def part(self, node: Node, kind: Kind, path: Path, own: Sequence[str] = ()) -> Node:
        """Return a part with its full name and every parameter that has a value, defaults included.

        Args:
            node: A name, or a mapping with `use`.
            kind: What is wanted there.
            path: Where it stands in the experiment.
            own: Keys beside `use` that belong to the experiment and not to the component.
        """
        if isinstance(node.value, str):
            node = Node({"use": node}, node.origin)
        use = node.get("use")
        if use is None or not isinstance(use.value, str):
            self.report(node, path, f"must be {with_article(kind)}: {{use: plugin/name, parameter: value, ...}}")
            return node_of({"use": "?"}, node.origin)
        try:
            entry = self._registry.lookup(kind, use.value)
            signature = schema.signature(entry.target)
        except MmxError as error:
            self.report(use, path, str(error))
            return Node({"use": use}, node.origin)
        if taken := sorted({"use", *own} & set(signature.params)):
            told = f"{entry.name} has a parameter {taken[0]!r}, which is a key of mmx's own there"
            self.report(use, path, f"{told}; its author must rename it")
        wired = {key: item for key, item in node.value.items() if key in own and item.value is not None}
        given = {key: item for key, item in node.value.items() if key != "use" and key not in own}
        params = self._params(given, signature, entry.name, Node(node.value, use.origin), path)
        return Node({"use": Node(entry.name, use.origin), **wired, **params}, node.origin)

    def report(self, node: Node, path: Iterable[str], what: str) -> None:
        """Add a problem with `node`, which stands at `path`."""
        self._problems.append(f"{where(node.origin)}: {'.'.join(path)}: {what}")

    def _params(
        self, given: dict[str, Node], signature: Signature, name: str, part: Node, path: Path
    ) -> dict[str, Node]:
        values = {
            key: self._value(item, signature.params.get(key), name, (*path, key))
            for key, item in given.items()
            if not _unsets(item, signature.params.get(key))
        }
        plain = {key: item.plain() for key, item in values.items()}
        for below, message in problems(signature, plain, name=name):
            steps = below.split(".")
            self.report(nearest(part, steps), (*path, *steps), message)
        defaults = {
            key: node_of(param.default, _origin(name, signature))
            for key, param in signature.params.items()
            if not param.required and not isinstance(param.default, Expression)
        }
        ordered = {key: values.get(key, defaults.get(key)) for key in signature.params}
        return {key: item for key, item in ordered.items() if item is not None} | values

    def _value(self, node: Node, param: Param | None, name: str, path: Path) -> Node:
        if node.append and param is not None and isinstance(param.default, list | tuple):
            return Node([*node_of(param.default, node.origin).value, *node.value], node.origin)
        if param is not None and param.kind is not None and not param.filled:
            return self._nested(node, param.kind, path)
        if param is not None and not param.filled and _has_part(node):
            self.report(node, path, f"{name} takes no component there")
        return node

    def _nested(self, node: Node, kind: Kind, path: Path) -> Node:
        """Check the parts inside a parameter that takes one, several in a list, or several by name."""
        if isinstance(node.value, str) or node.get("use") is not None:
            return self.part(node, kind, path)
        if isinstance(node.value, dict):
            items = {key: self._nested(item, kind, (*path, key)) for key, item in node.value.items()}
            return Node(items, node.origin, node.append)
        if isinstance(node.value, list):
            listed = [self._nested(item, kind, (*path, str(index))) for index, item in enumerate(node.value)]
            return Node(listed, node.origin, node.append)
        return node


def _unsets(node: Node, param: Param | None) -> bool:
    """Return whether a null removes the parameter rather than being its value."""
    return node.value is None and param is not None and not param.nullable


def _has_part(node: Node) -> bool:
    if isinstance(node.value, dict):
        return "use" in node.value or any(_has_part(item) for item in node.value.values())
    return isinstance(node.value, list) and any(_has_part(item) for item in node.value)


def _origin(name: str, signature: Signature) -> str:
    return f"default of {name} ({signature.file.name}:{signature.line})"
