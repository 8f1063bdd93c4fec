"""Atomic writing of files: a temporary name, fsync, rename; a reader never meets half of one.

Text goes through the redactor: this is the door by which it leaves the process.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from mmx.support.redact import redact_text, redact_tree

_OTHERS: Final = 0o077
"""What members of the group and everybody else could do."""


@contextmanager
def private() -> Iterator[None]:
    """Make files and folders that only the user can read (600 and 700), in all threads, for the time of the block."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(folder: Path) -> None:
    """Let only the user into a folder; one on a disk without such rights stays as it is."""
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode & 0o777 & ~_OTHERS)


@contextmanager
def replacing(path: Path, suffix: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` on success, and both steps are on disk afterwards.

    Args:
        path: What is written.
        suffix: End of the temporary name; default: that of `path`, from which some libraries tell the format.

    Raises:
        OSError: The folder cannot be written, or the disk is full; `path` is then what it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:80]}.{os.getpid()}.tmp{path.suffix if suffix is None else suffix}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk: a rename alone may be lost when the power fails."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems know no fsync of a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporaries(folder: Path) -> None:
    """Remove what `replacing` left below a folder when its process was killed; nobody else may be writing there."""
    for path in folder.rglob(".*.tmp*"):
        if re.fullmatch(r"\..+\.\d+\.tmp(\.\w+)?", path.name):
            with suppress(OSError):
                path.unlink()


def write_bytes(path: Path, content: bytes) -> Path:
    """Write `content` to `path` in one step and return the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_text(path: Path, content: str, *, verbatim: bool = False) -> Path:
    r"""Write `content` as UTF-8 to `path` in one step, without secrets, and return the path.

    What is no text, as names of files that are not UTF-8 hold it, is written as `\udc80`.

    Args:
        path: The file.
        content: Its text.
        verbatim: Write it letter by letter: an index, which is read back and holds nothing that anybody typed.
    """
    return write_bytes(path, (content if verbatim else redact_text(content)).encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any, *, indent: int | None = None) -> Path:
    """Write `value` as strict JSON to `path` in one step, without secrets, and return the path."""
    text = json.dumps(redact_tree(plain(value)), allow_nan=False, ensure_ascii=False, indent=indent)
    return write_bytes(path, f"{text}\n".encode("utf-8", "backslashreplace"))  # JSON's own escape of half a pair


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: arrays and tensors as lists, numbers that are not finite as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
