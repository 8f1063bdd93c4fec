"""The configuration that a run saves, marked with the version of mmx that introduced its form."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mmx.config.merging import without
from mmx.config.yaml_positions import Node, dump, leaves, read
from mmx.errors import ConfigError
from mmx.support.redact import REDACTED

KEY: Final = "mmx"
"""Top-level key of the mark."""
FORM: Final = "0.2"
"""First version that writes configurations of this form; raised only when the form changes."""
_UNMARKED: Final = "0.1"
"""The version that marked nothing."""
_WORDS: Final = frozenset({"summary", "paper"})
"""Top-level keys that nothing is built from."""


def marked(text: str) -> str:
    """Return the configuration of a run as it is saved: the mark, then the YAML `text`."""
    return dump({KEY: FORM}) + text


def read_saved(file: Path, label: str) -> Node:
    """Read the configuration that a run saved and return it without its mark.

    Args:
        file: The run's `config.yaml`.
        label: How the file is called in origins and errors.

    Raises:
        ConfigError: The file cannot be read, is no saved configuration, or has the form of another version.
    """
    root = read(file, label)
    name, mark = root.get("name"), root.get(KEY)
    if name is None or not isinstance(name.value, str):
        raise ConfigError([f"{root.origin}: name: is missing; this is no config.yaml of a run"])
    version = _UNMARKED if mark is None else str(mark.value)
    if version != FORM:
        told = f"{label}: written by mmx {version}, which this version cannot read"
        raise ConfigError([f"{told}; run it again, or use mmx=={version}"])
    return without(root, (KEY,))


def left_out(tree: Node) -> list[str]:
    """Return a line for each value that the run had and its folder has not: secrets are not saved."""
    return [
        f"{leaf.origin}: {'.'.join(path)}: was a secret, which no run folder keeps; write it there for this command, "
        f"or for mmx eval: {'.'.join(path)}=VALUE"
        for path, leaf in leaves(tree)
        if path and path[0] not in _WORDS and REDACTED in str(leaf.plain())
    ]
