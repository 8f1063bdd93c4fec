"""Atomic writing of files: a temporary name, fsync, rename; a reader never meets half of one."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with the same suffix; it replaces `path` on success.

    Raises:
        OSError: The folder cannot be written, or the disk is full; `path` is then what it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:80]}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> Path:
    """Write `content` to `path` in one step and return the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_text(path: Path, content: str) -> Path:
    """Write `content` as UTF-8 to `path` in one step and return the path."""
    return write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any, *, indent: int | None = None) -> Path:
    """Write `value` as strict JSON to `path` in one step and return the path."""
    return write_text(path, json.dumps(plain(value), allow_nan=False, ensure_ascii=False, indent=indent) + "\n")


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: arrays and tensors as lists, numbers that are not finite as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)
