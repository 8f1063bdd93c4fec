"""Index of the members of a tar shard: read once, stored beside the shard, and checked before it is used."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mmx import DataError, write_text
from mmx_std.corpora.shards.names import CLASSES, TEXTS, key_of

MAX_MEMBER: Final = 1 << 30
"""Largest member that is used, in bytes."""
MAX_TEXT: Final = 1 << 20
"""Largest text member (`.json`, `.txt`, `.cls`, ...) that is used, in bytes."""
TEXT_SUFFIXES: Final = (".json", *(f".{suffix}" for suffix in (*TEXTS, *CLASSES)))
_VERSION: Final = 4


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """Content of one shard.

    Attributes:
        path: The shard.
        members: Name -> (offset, size) of the data, in order.
        texts: Name -> content of text members.
        ignored: Members that are not used: links, devices, folders, unsafe, hidden or repeated names, sizes
            beyond the limits.
        fault: What is wrong with the archive itself; members before that place are there.
    """

    path: Path
    members: Mapping[str, tuple[int, int]]
    texts: Mapping[str, str]
    ignored: int = 0
    fault: str = ""


def index_shard(path: Path) -> ShardIndex:
    """Return the index of a shard, from the file beside it where that still fits, else from the shard.

    Raises:
        DataError: The shard cannot be opened.
    """
    kept = path.with_name(f"{path.name}.index.json")
    stamp = _stamp(path)
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError, AttributeError):
        if (index := _restored(path, json.loads(kept.read_text(encoding="utf-8")), stamp)) is not None:
            return index
    index = scan(path)
    with suppress(OSError):  # a folder that cannot be written: the shard is scanned again next time
        members = [[name, *place] for name, place in index.members.items()]
        found = {"members": members, "texts": index.texts, "ignored": index.ignored, "fault": index.fault}
        write_text(kept, json.dumps({**stamp, **found}), verbatim=True)
    return index


def scan(path: Path) -> ShardIndex:
    """Read the headers of a shard.

    Raises:
        DataError: It cannot be opened.
    """
    members: dict[str, tuple[int, int]] = {}
    texts: dict[str, str] = {}
    ignored, fault = 0, ""
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive, path.open("rb") as handle:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every header
                name = info.name.replace("\\", "/")  # as tools on Windows write it
                if not _is_fit(info, name, size) or name in members:
                    ignored += 1
                    continue
                if name.lower().endswith(TEXT_SUFFIXES):
                    handle.seek(info.offset_data)
                    texts[name] = handle.read(info.size).decode(errors="replace")
                members[name] = (info.offset_data, info.size)
            if archive.offset + tarfile.BLOCKSIZE > size:  # a whole one ends with blocks of zeros
                fault = f"{path.name}: the archive is cut off after {len(members)} members: it has no end mark"
    except RecursionError:
        fault = f"{path.name}: the archive is damaged after {len(members)} members: too many extended headers in a row"
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        fault = f"{path.name}: the archive is damaged after {len(members)} members: {error}"
    return ShardIndex(path, members, texts, ignored, fault)


def _is_fit(info: tarfile.TarInfo, name: str, archive_size: int) -> bool:
    """Return whether a member is an ordinary file with an ordinary name that is wholly in the archive."""
    return info.isreg() and info.sparse is None and _may_be(name, info.offset_data, info.size, archive_size)


def _may_be(name: str, offset: int, size: int, archive_size: int) -> bool:
    """Return whether a name is an ordinary one, and the place wholly in the archive."""
    path = PurePosixPath(name)
    return (
        name.isprintable()
        and 0 < len(name) <= 255
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and key_of(name) is not None
        and 0 <= size <= (MAX_TEXT if name.lower().endswith(TEXT_SUFFIXES) else MAX_MEMBER)
        and 0 <= offset <= archive_size - size
    )


def _stamp(path: Path) -> dict[str, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return {"version": _VERSION, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _restored(path: Path, kept: Any, stamp: Mapping[str, int]) -> ShardIndex | None:
    """Return the stored index, or None if it is of another state of the shard, or not what `scan` could have found."""
    if any(kept[key] != value for key, value in stamp.items()):
        return None
    listed, texts, ignored, fault = kept["members"], kept["texts"], kept["ignored"], kept["fault"]
    members = {name: (offset, size) for name, offset, size in listed}
    sound = (
        len(members) == len(listed)
        and all(isinstance(name, str) and type(at) is int and type(size) is int for name, (at, size) in members.items())
        and all(_may_be(name, *place, stamp["size"]) for name, place in members.items())
        and texts.keys() == {name for name in members if name.lower().endswith(TEXT_SUFFIXES)}
        and all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts.values())
        and (type(ignored) is int and ignored >= 0)
        and (isinstance(fault, str) and fault.isprintable())
    )
    return ShardIndex(path, members, texts, ignored, fault) if sound else None
