"""Import of nothing but what was trusted: the files of local plugins, as they were read when trust was decided.

In a folder that is restricted, a module is loaded only from a file whose bytes have the hash that was trusted. A file
that changes while mmx runs, one beside the package of the plugin, and a compiled file that came with the folder are no
way in: compiled files there are neither read nor written. Processes that Python starts anew are restricted in the same
way before they import anything else.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

_trusted: dict[str, Mapping[str, bytes]] = {}
"""Folder -> real path -> sha256 of what may be loaded from it."""


def restrict(folders: Collection[Path | str], trusted: Mapping[str, bytes]) -> None:
    """Load modules below these folders from the trusted files only, for the rest of the process.

    Args:
        folders: What is, or will be, on the import path.
        trusted: Real path of a file -> sha256 of its content.
    """
    if not folders:
        return
    _trusted.update((os.path.realpath(folder), trusted) for folder in folders)
    if _finder not in sys.path_hooks:
        sys.path_hooks.insert(0, _finder)
        _restrict_new_processes()
    for path in [path for path in sys.path_importer_cache if _is_restricted(path)]:
        del sys.path_importer_cache[path]


def release(folders: Collection[Path]) -> None:
    """Load modules below these folders as everywhere else: somebody named them on the command line."""
    for folder in folders:
        _trusted.pop(os.path.realpath(folder), None)


def handed_on(paths: Sequence[str]) -> str:
    """Return lines of Python that restrict another process as this one is, with these import paths."""
    lines = [f"import sys; sys.path[:] = {list(paths)!r}", "from mmx.plugins.guarded_import import restrict"]
    folders: dict[int, list[str]] = {}
    for folder, files in _trusted.items():
        folders.setdefault(id(files), []).append(folder)
    lines += [f"restrict({same!r}, {dict(_trusted[same[0]])!r})" for same in folders.values()]
    return "\n".join([*lines, ""])


class _Restricting:
    """What restricts a process when it is unpickled there."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (handed_on([path or os.getcwd() for path in sys.path]),)  # noqa: PTH109


def _restrict_new_processes() -> None:
    """Let `multiprocessing` hand the restrictions on with the import path, where it starts Python anew (`spawn`)."""
    from multiprocessing import spawn

    prepared = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: {"mmx": _Restricting(), **prepared(name)}


def _is_restricted(path: str) -> bool:
    ways = {os.path.abspath(path), os.path.realpath(path)}  # noqa: PTH100  # a linked package counts where it is linked
    return any(way == root or way.startswith(root + os.sep) for way in ways for root in _trusted)


def _finder(path: str) -> FileFinder:
    """Return what finds modules in a restricted folder.

    Raises:
        ImportError: It is none of them, as `sys.path_hooks` wants it.
    """
    if not _is_restricted(path):
        raise ImportError("not restricted")
    return FileFinder(path, (_Extension, EXTENSION_SUFFIXES), (_Source, SOURCE_SUFFIXES))


def _check(path: str, content: bytes) -> None:
    """Refuse a file whose content was not trusted.

    Raises:
        ImportError: It was not.
    """
    known = [files.get(os.path.realpath(path)) for files in _trusted.values()]
    if _is_restricted(path) and hashlib.sha256(content).digest() not in known:
        raise ImportError(f"{path} is not what was trusted; only files of the plugin's package are, until they change")


class _Source(SourceFileLoader):
    def path_stats(self, path: Any) -> Any:
        raise OSError("compiled files are not used here")  # Python then compiles the source, and keeps nothing

    def get_data(self, path: str) -> bytes:
        content = super().get_data(path)
        if path == self.path:
            _check(path, content)
        return content


class _Extension(ExtensionFileLoader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        _check(self.path, Path(self.path).read_bytes())
        return super().create_module(spec)
