"""Overrides of the command line: `key=value`, `key+=[...]` to append, `key=null` to unset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mmx.config.yaml_positions import Node, compose, scalar
from mmx.errors import ConfigError

_KEY: Final = re.compile(r"[^\s.=+\[\]{}]+(\.[^\s.=+\[\]{}]+){0,20}")
_FILE = re.compile(r"[\[{][^\[\]{},]*[\]}].*\.[A-Za-z]\w{0,5}")
"""A name such as `[take 2].csv`, which is no list."""
_MAX_SHOWN: Final = 100


def parse(text: str) -> Node:
    """Return one override as nested mappings around its value: what is merged onto an experiment.

    Values follow YAML 1.2 as in files. Only what begins with a bracket or a quote is read as YAML; anything else is one
    scalar, so that paths and titles need no quoting beyond the shell's.

    Args:
        text: `stages.distill.steps=200`, `corpus={use: std/manifest, path: a.csv}`, `encoders.audio.layers+=[64]`,
            `heads.scene=null`.

    Raises:
        ConfigError: One line that shows the text.
    """
    origin = f"override {text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + '…'}"
    key, equals, value = text.partition("=")
    key, append = (key[:-1], True) if key.endswith("+") else (key, False)
    if not equals or not _KEY.fullmatch(key):
        raise _error(text, "must be key=value, key+=[...] or key=null, with a dotted key such as stages.distill.steps")
    if not value.strip():
        raise _error(text, f"has no value; {key}=null unsets it, {key}='\"\"' is the empty text")
    node = _value(text, value, origin)
    if append and not isinstance(node.value, list):
        raise _error(text, f"+= appends a list: {key}+=[{value}]")
    node = Node(node.value, origin, append)
    for step in reversed(key.split(".")):
        node = Node({step: node}, origin)
    return node


def parse_all(texts: Sequence[str]) -> list[Node]:
    """Return all overrides in the order in which they are merged.

    Those that choose a component come first, because another component means other parameters; so
    `corpus.path=clips corpus.use=std/manifest` means the same in either order.

    Raises:
        ConfigError: Every override that cannot be read, one line each.
    """
    nodes: list[Node] = []
    problems: list[str] = []
    for text in texts:
        try:
            nodes.append(parse(text))
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return sorted(nodes, key=lambda node: not _chooses(node))


def _value(text: str, value: str, origin: str) -> Node:
    if value.lstrip()[0] in "[{'\"" and not _FILE.fullmatch(value.strip()):
        return compose(value, lambda line, column: origin)
    try:
        return Node(scalar(value.strip()), origin)
    except ValueError as error:
        raise _error(text, f"a number of {len(value)} digits") from error


def _chooses(node: Node) -> bool:
    """Return whether an override chooses a component."""
    while isinstance(node.value, dict) and len(node.value) == 1:
        if "use" in node.value:
            return True
        node = next(iter(node.value.values()))
    return isinstance(node.value, dict) and "use" in node.value


def _error(text: str, what: str) -> ConfigError:
    shown = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return ConfigError([f"override {shown!r}: {what}"])
