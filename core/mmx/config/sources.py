"""Files of experiments: the shipped registry.yaml, the user's own, and those inside plugins."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.config.merging import expand_keys
from mmx.config.yaml_positions import Node, read, where
from mmx.errors import did_you_mean

FILE_NAME: Final = "registry.yaml"
SHIPPED: Final = "mmx"
"""The plugin that the shipped experiments belong to."""
USER: Final = "user"
"""What stands for a plugin at experiments that only the user's own file has."""
ALL_SECTIONS: Final = ("experiments", "suites", "plugins", "tracking", "defaults")
PLUGIN_SECTIONS: Final = ("experiments",)
"""What a plugin's file may hold: how runs are tracked and executed is not its business."""

_NAME: Final = re.compile(r"([a-z0-9][a-z0-9_-]*:)?[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """One file of experiments, read.

    Attributes:
        plugin: Who brought it: `mmx`, a plugin, `user`.
        label: How it is called in origins.
        experiments: Name -> body.
        sections: The other top-level keys.
    """

    plugin: str
    label: str
    experiments: Mapping[str, Node] = field(default_factory=dict)
    sections: Mapping[str, Node] = field(default_factory=dict)

    def section(self, name: str) -> Mapping[str, Node]:
        """Return a top-level mapping; empty where the file has none."""
        node = self.sections.get(name)
        return node.value if node is not None and isinstance(node.value, dict) else {}


def load(file: Path, plugin: str, folder: Path, sections: Collection[str], problems: list[str]) -> RegistryFile:
    """Read a file and check its outline.

    Args:
        file: What to read.
        plugin: Who brought it.
        folder: The current folder, which labels are relative to.
        sections: The top-level keys that it may have.
        problems: Takes what is wrong with the outline, one line each.

    Raises:
        ConfigError: The file is not readable YAML.
    """
    label = label_of(file, folder)
    root = expand_keys(read(file, label), problems)
    known: dict[str, Node] = {}
    for key, node in root.value.items():
        if key not in sections:
            hint = did_you_mean(key, sections) or f"; top-level keys: {', '.join(sections)}"
            problems.append(f"{where(node.origin)}: {key}: unknown key{hint}")
        elif node.value is not None:
            known[key] = node
    for key in ("experiments", "suites", "tracking", "defaults"):
        if key in known and not isinstance(known[key].value, dict):
            problems.append(f"{known[key].origin}: {key}: must be a mapping")
            del known[key]
    experiments = known.pop("experiments", None)
    bodies = _bodies(expand_keys(experiments, problems), problems) if experiments is not None else {}
    return RegistryFile(plugin, label, bodies, known)


def shipped_file() -> Path | None:
    """Return the registry.yaml beside the package (installed), else at the checkout's root."""
    package = Path(__file__).resolve().parents[1]
    return next((file for file in (package / FILE_NAME, package.parents[1] / FILE_NAME) if file.is_file()), None)


def user_file(folder: Path) -> Path | None:
    """Return the registry.yaml of the current folder, unless it is the shipped one (in the checkout itself)."""
    file, shipped = folder / FILE_NAME, shipped_file()
    if not file.is_file() or (shipped is not None and file.samefile(shipped)):
        return None
    return file


def label_of(file: Path, folder: Path) -> str:
    """Return a file's name for messages: relative to the current folder or to the import path where it is below one."""
    roots = [folder, *sorted((Path(entry) for entry in sys.path if entry), key=lambda root: -len(root.parts))]
    for root in roots:
        if file.is_relative_to(root) and len(root.parts) > 1:
            return file.relative_to(root).as_posix()
    return str(file)


def local_plugins(file: RegistryFile, folder: Path, problems: list[str]) -> list[Path]:
    """Return the folders that the file's `plugins` names, relative to its own folder."""
    node = file.sections.get("plugins")
    if node is None:
        return []
    folders: list[Path] = []
    for item in node.value if isinstance(node.value, list) else [node]:
        if not isinstance(item.value, str):
            problems.append(f"{item.origin}: plugins: must be a list of folders")
        elif not (folder / item.value).expanduser().is_dir():
            problems.append(f"{item.origin}: plugins: no folder {item.value!r}")
        else:
            folders.append((folder / item.value).expanduser())
    return folders


def _bodies(experiments: Node, problems: list[str]) -> dict[str, Node]:
    bodies: dict[str, Node] = {}
    for name, node in experiments.value.items():
        if not _NAME.fullmatch(name):
            problems.append(
                f"{node.origin}: experiments.{name[:80]}: a name is up to 64 of a-z, 0-9, _ and -, "
                "and begins with a letter or digit"
            )
        elif not isinstance(node.value, dict):
            problems.append(f"{node.origin}: experiments.{name}: must be a mapping")
        else:
            bodies[name] = _body(node, problems)
    return bodies


def _body(node: Node, problems: list[str]) -> Node:
    """Return an experiment with dotted keys written out, in the presets too."""
    body = expand_keys(node, problems)
    presets = body.get("presets")
    if presets is None or not isinstance(presets.value, dict):
        return body
    opened = {name: expand_keys(preset, problems) for name, preset in presets.value.items()}
    return Node({**body.value, "presets": Node(opened, presets.origin)}, body.origin)
