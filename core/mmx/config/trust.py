"""Trust in plugins that a folder's own registry.yaml names: asked for once, remembered until their files change."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from mmx.assets.store import cache_folder
from mmx.plugins.discovery import EntryPoint
from mmx.support.files import write_text

FILE: Final = "trusted-plugins.json"
"""In the cache folder: folder -> hash of its plugins, and what was answered."""
CODE: Final = (".py", ".pyc", ".pyd", ".so", ".yaml", ".yml")
"""Files that are read whole, however large they are."""
MAX_READ: Final = 1 << 20
"""Bytes up to which other files are read; of larger ones size and time count."""

Trust = Callable[[Path, Sequence[EntryPoint], str], bool]
"""Whether the plugins that the registry.yaml of a folder names may be loaded; the text is the digest of their files."""


class Read(NamedTuple):
    """The files of plugins in local folders, as they were read once.

    Attributes:
        digest: A hash of them all; compiled files in `__pycache__` do not count, they are not used.
        files: Real path -> sha256 of the content.
    """

    digest: str
    files: Mapping[str, bytes]


def read(entries: Sequence[EntryPoint]) -> Read:
    """Read the files of plugins in local folders."""
    hasher, files = hashlib.sha256(), {}
    for entry in entries:
        package = (entry.folder or Path()) / entry.module
        for path in _files(package, set()):
            content = files[os.path.realpath(path)] = _content(path)
            hasher.update(f"{entry.module}/{path.relative_to(package).as_posix()}\0".encode("utf-8", "surrogateescape"))
            hasher.update(content)
    return Read(hasher.hexdigest(), files)


def remembered(folder: Path, found: str) -> bool | None:
    """Return what was answered about the plugins of a folder when their hash was `found`; None where nothing was."""
    answer = _answers().get(str(folder.resolve()))
    if not isinstance(answer, dict) or answer.get("plugins") != found:
        return None
    return answer["trusted"] if isinstance(answer.get("trusted"), bool) else None


def remember(folder: Path, found: str, trusted: bool) -> bool:
    """Keep an answer, and return whether it is kept: where the cache folder cannot be written it is asked for again."""
    answers = {**_answers(), str(folder.resolve()): {"plugins": found, "trusted": trusted}}
    with suppress(OSError):
        write_text(cache_folder() / FILE, json.dumps(answers, indent=1), verbatim=True)
        return True
    return False


def as_remembered(folder: Path, _entries: Sequence[EntryPoint], found: str) -> bool:
    """Trust what was trusted before, and ask nobody."""
    return bool(remembered(folder, found))


def _answers() -> dict[str, Any]:
    try:
        found = json.loads((cache_folder() / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield all files below a folder in order, those behind links too, each folder once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__":
                yield from _files(path, seen)
        elif path.is_file():
            yield path


def _content(path: Path) -> bytes:
    """Return what stands for the content of a file."""
    try:
        status = path.stat()
        if path.suffix.lower() in CODE or status.st_size <= MAX_READ:
            return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b"cannot be read"
    return f"{status.st_size} {status.st_mtime_ns}".encode()
