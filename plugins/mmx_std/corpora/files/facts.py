"""Facts about media files that were found out once and are kept until a file's size or time changes.

A corpus of many rows asks the same of each file at every start: can it be decoded, has it audio, how long is it, what
are its ends. The answers are kept in one file of the cache folder per folder of data.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mmx import cache_folder, write_text

_VERSION: Final = 1
Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


class FileFacts:
    """Answers about files, by question; those about a file that has changed are forgotten.

    Args:
        folder: The data that the files belong to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        name = hashlib.blake2b(os.fsencode(folder), digest_size=12).hexdigest()
        self._path = cache_folder() / "files" / f"{name}.json"
        self._kept = _restored(self._path)
        self._stamps: dict[str, Stamp | None] = {}
        self._fresh = False
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[FileFacts], tuple[Path]]:
        return FileFacts, (self._folder,)

    def ask(self, path: Path, question: str, find_out: Callable[[], Any]) -> Any:
        """Return the answer to a question about a file, found out only if it is not known.

        Args:
            path: The file.
            question: What is asked, in words that tell it from every other question.
            find_out: Returns the answer, a JSON value; what it raises is raised here, and asked again next time.
        """
        key = str(path)
        stamp = self._stamp(key)
        kept = self._kept.get(key)
        if stamp is not None and kept is not None and kept[0] == stamp and question in kept[1]:
            return kept[1][question]
        answer = find_out()
        if stamp is not None:
            with self._lock:
                known = self._kept.get(key)
                if known is None or known[0] != stamp:
                    known = self._kept[key] = (stamp, {})
                known[1][question] = answer
                self._fresh = True
        return answer

    def of_all(self, paths: Iterable[Path]) -> str:
        """Return a text that changes with size or time of any of the files."""
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted({str(path) for path in paths}):
            digest.update(f"{name} {self._stamp(name)}".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def keep(self) -> None:
        """Write down what was found out; a cache that cannot be written costs time, nothing else."""
        if not self._fresh:
            return
        with self._lock, suppress(OSError):
            files = {name: [*stamp, answers] for name, (stamp, answers) in self._kept.items()}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps({"version": _VERSION, "files": files}), verbatim=True)
            self._fresh = False

    def _stamp(self, name: str) -> Stamp | None:
        """Return size and time of a file, looked up once; None where there is none."""
        if name not in self._stamps:
            try:
                status = Path(name).stat()
                self._stamps[name] = (status.st_size, status.st_mtime_ns)
            except (OSError, ValueError):
                self._stamps[name] = None
        return self._stamps[name]


def _restored(path: Path) -> dict[str, tuple[Stamp, dict[str, Any]]]:
    """Return what was written down, nothing if it is not of the form that this module writes."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError, AttributeError):
        kept = json.loads(path.read_bytes())
        if kept["version"] == _VERSION:
            return {name: ((int(size), int(time)), dict(facts)) for name, (size, time, facts) in kept["files"].items()}
    return {}
