"""Discovery of plugins: entry points of the group `mmx` and local folders. Reads metadata, imports nothing.

Only the two files that matter are opened (`entry_points.txt`, and of distributions that have our group `METADATA`), so
that a scan costs about as much as listing the folders. Order and precedence are those of `sys.path`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

GROUP: Final = "mmx"
"""The entry-point group of plugins."""
CORE: Final = "mmx"
"""The distribution whose plugins are built in."""
LOCAL: Final = "local folder"
"""What stands in place of a distribution for a plugin that was not installed."""
PREFIX: Final = "mmx_"
"""Import packages of plugins are named `mmx_NAME`."""


class EntryPoint(NamedTuple):
    """A plugin that was found, not yet imported.

    Attributes:
        name: The plugin's name; its components are `NAME/...`.
        module: Import name of its package.
        distribution: Name of the distribution, or `LOCAL`.
        version: Version of the distribution, empty for a local folder.
        metadata: The distribution's METADATA or PKG-INFO file.
        folder: For a local folder: what must be on the import path.
    """

    name: str
    module: str
    distribution: str
    version: str = ""
    metadata: Path | None = None
    folder: Path | None = None

    @property
    def origin(self) -> str:
        """Distribution and version, or where the local folder is."""
        return f"{LOCAL} {self.folder}" if self.folder else f"{self.distribution} {self.version}".strip()

    @property
    def built_in(self) -> bool:
        """Whether it comes with mmx itself."""
        return _normal(self.distribution) == CORE


def installed(paths: Sequence[str] | None = None) -> list[EntryPoint]:
    """Return the entry points of all distributions on `paths` (default: `sys.path`), sorted by name.

    Of a distribution that is installed twice the first one counts, as it does for imports.
    """
    seen: set[str] = set()
    found: list[EntryPoint] = []
    for path in dict.fromkeys(sys.path if paths is None else paths):
        for name in _metadata_folders(path or "."):
            key = _normal(name.rpartition(".")[0].partition("-")[0])
            if key in seen:
                continue
            seen.add(key)
            found += _read(os.path.join(path or ".", name))  # noqa: PTH118  # joined for every distribution: Path is slow
    return sorted(found, key=lambda entry: (entry.name, entry.distribution))


def local(folder: Path) -> list[EntryPoint]:
    """Return the plugins in a local folder: the folder itself, or the folders in it, that are packages `mmx_*`."""
    folder = folder.expanduser().resolve()
    candidates = [folder] if folder.name.startswith(PREFIX) else sorted(folder.glob(f"{PREFIX}*"))
    return [
        EntryPoint(package.name.removeprefix(PREFIX), package.name, LOCAL, folder=package.parent)
        for package in candidates
        if (package / "__init__.py").is_file()
    ]


def found_here(name: str) -> str:
    """Return a hint at a package of this name in or below the current folder that is not loaded, or nothing."""
    for folder in (Path(), Path(name)):
        if name.isidentifier() and (folder / f"{PREFIX}{name}" / "__init__.py").is_file():
            place = "." if folder == Path() else f"./{folder}"
            return f"; {PREFIX}{name} is in {place}: pip install -e {place}, or mmx --plugin-dir {place} ..."
    return ""


def requirements(entry: EntryPoint) -> list[str]:
    """Return the `Requires-Dist` lines of the plugin's distribution."""
    return [value for key, value in _headers(entry.metadata) if key == "requires-dist"]


def mentions(entry: EntryPoint, word: str) -> bool:
    """Return whether the source of the plugin's top module contains `word`; True where the source is not found.

    Answers "does it implement this hook?" well enough to leave most plugins unimported.
    """
    stem = entry.module.replace(".", "/")
    bare = False  # a folder without source mentions nothing, unless a package follows on the path
    for path in [str(entry.folder)] if entry.folder else sys.path:
        for name in (f"{stem}/__init__.py", f"{stem}.py"):
            try:
                source = Path(path or ".", name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            return word in source or "import *" in source
        bare = bare or Path(path or ".", stem).is_dir()
    return not bare


def _metadata_folders(path: str) -> list[str]:
    try:
        names = os.listdir(path)  # noqa: PTH208  # Path.iterdir makes an object for each of thousands of names
    except OSError:
        return []
    return sorted(n for n in names if n.endswith((".dist-info", ".egg-info")) and not n.startswith("~"))


def _read(folder: str) -> Iterator[EntryPoint]:
    try:
        with open(f"{folder}/entry_points.txt", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # as above
            text = file.read()
    except OSError:
        return
    if f"[{GROUP}]" not in text:
        return
    metadata = next((file for file in (Path(folder, "METADATA"), Path(folder, "PKG-INFO")) if file.is_file()), None)
    headers = dict(_headers(metadata))
    distribution = headers.get("name") or Path(folder).name.partition("-")[0]
    for name, module in _group_lines(text):
        yield EntryPoint(name, module, distribution, headers.get("version", ""), metadata)


def _group_lines(text: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.partition("[")[0].strip()


def _headers(metadata: Path | None) -> Iterable[tuple[str, str]]:
    if metadata is None:
        return
    with metadata.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                return  # the description follows
            if line[0].isspace():
                continue  # a long header goes on
            key, _, value = line.partition(":")
            yield key.strip().lower(), value.strip()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
