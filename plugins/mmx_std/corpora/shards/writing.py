"""Writing of items as tar shards in the WebDataset layout, byte for byte the same for the same items."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from mmx import DataError, replacing
from mmx_std.corpora.decoding import FileSource, WrittenCues
from mmx_std.corpora.items import Item
from mmx_std.corpora.shards.index import MAX_TEXT

META: Final = "json"
"""Extension of the member that holds an item's id, texts, labels, group and split."""


def pack(items: Sequence[Item], folder: Path, *, size: int = 1000) -> list[Path]:
    """Write items into `folder/SPLIT-NNNNNN.tar`, `size` items per shard, files as they are.

    An item is a group of members `KEY.FIELD.SUFFIX` and one `KEY.json`. A file that several items use is stored with
    the first of them; the others' `KEY.json` names the `member`, and the `shard` where it is another one.

    Raises:
        DataError: The folder holds shards already, or a file cannot be read.
    """
    if folder.exists() and any(folder.glob("*.tar")):
        raise DataError(f"{folder}: holds shards already; give another folder, or remove them first")
    written: list[Path] = []
    stored: dict[Path, _Stored] = {}
    for split in sorted({item.split for item in items}):
        chosen = [item for item in items if item.split == split]
        for number, first in enumerate(range(0, len(chosen), size)):
            path = folder / f"{_safe(split)}-{number:06d}.tar"
            if path in written:
                raise DataError(f"two splits would both be written to {path.name}; rename one of them")
            with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as shard:
                for place, item in enumerate(chosen[first : first + size], first):
                    _add_item(shard, path.name, f"{place:09d}", item, stored)
            written.append(path)
    return written


class _Stored(NamedTuple):
    """Where a file is: name of the shard and of its member."""

    shard: str
    member: str


def _add_item(shard: tarfile.TarFile, name_of_shard: str, key: str, item: Item, stored: dict[Path, _Stored]) -> None:
    windows: dict[str, Any] = {}
    cues: dict[str, Any] = {}
    for name, media in sorted(item.media.items()):
        windows[name] = {"modality": media.modality, "start": media.start, "end": media.end}
        if isinstance(media.source, WrittenCues):
            cues[name] = [asdict(cue) for cue in media.source.cues]
            continue
        if not isinstance(media.source, FileSource):
            raise DataError(f"{item.id}: only files can be packed")
        path = media.source.path.resolve()
        if path in stored:
            place = stored[path]
            windows[name] |= {"member": place.member}
            windows[name] |= {} if place.shard == name_of_shard else {"shard": place.shard}
            continue
        stored[path] = _Stored(name_of_shard, f"{key}.{name}{media.source.suffix}")
        _add(shard, stored[path].member, _content(media.source.path))
    described = {
        "id": item.id,
        "split": item.split,
        "group": item.group,
        "media": windows,
        "texts": dict(item.texts),
        "labels": dict(item.labels),
        **({"cues": cues} if cues else {}),
    }
    written = json.dumps(described, ensure_ascii=False, sort_keys=True).encode()
    if len(written) > MAX_TEXT:
        raise DataError(f"{item.id}: its texts take more than {MAX_TEXT >> 20} MB; put subtitles into a .srt file")
    _add(shard, f"{key}.{META}", written)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)  # times and owners stay 0: the same items give the same bytes
    info.size, info.mode = len(content), 0o644
    shard.addfile(info, io.BytesIO(content))


def _safe(split: str) -> str:
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in split) or "all"
