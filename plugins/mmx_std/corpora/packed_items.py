"""Items packed into one buffer, each made when it is asked for, and kept between starts.

As Python objects the rows of a long table take many times the memory and the time of their text. Packed, they are
about as large as the table, and of a table that was opened before nothing is read but this.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from mmx import Cue, cache_folder, replacing
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues
from mmx_std.corpora.items import Item

_VERSION: Final = 4
_KEPT: Final = 8
"""Ways of opening one table (options, class names) that are kept, the newest ones."""


class PackedItems(Sequence[Item]):
    """Items in order, made anew each time they are asked for.

    Args:
        content: Each item as JSON in UTF-8, one after the other.
        ends_N: Where each ends in `content`.
        splits_N: Number of each one's split in `names`.
        names: Names of splits.
        sources: Files of their media, by number.
        rows_M: Which of the N items these are; None = all.
    """

    def __init__(
        self,
        content: bytes | bytearray,
        ends_N: NDArray[np.int64],
        splits_N: NDArray[np.int32],
        names: Sequence[str],
        sources: Sequence[FileSource],
        rows_M: NDArray[np.int64] | None = None,
    ) -> None:
        self.content, self.ends_N, self.splits_N = content, ends_N, splits_N
        self.names, self.sources = names, sources
        self._rows_M = np.arange(len(ends_N)) if rows_M is None else rows_M

    def __len__(self) -> int:
        return len(self._rows_M)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> PackedItems: ...
    def __getitem__(self, index: int | slice) -> Item | PackedItems:
        if isinstance(index, slice):
            return self._chosen(self._rows_M[index])
        row = int(self._rows_M[index])
        packed = self.content[int(self.ends_N[row - 1]) if row else 0 : int(self.ends_N[row])]
        name, line, group, media, texts, labels = json.loads(packed)
        return Item(
            name,
            line,
            {field: _unpacked(each, self.sources) for field, each in media.items()},
            texts,
            {target: tuple(each) if isinstance(each, list) else each for target, each in labels.items()},
            name if group is None else group,
            self.names[self.splits_N[row]],
        )

    def of_split(self, name: str) -> PackedItems:
        """Return the items of one split, in order; none are made for this."""
        number = self.names.index(name) if name in self.names else -1
        return self._chosen(self._rows_M[self.splits_N[self._rows_M] == number])

    def _chosen(self, rows_M: NDArray[np.int64]) -> PackedItems:
        return PackedItems(self.content, self.ends_N, self.splits_N, self.names, self.sources, rows_M)


def packed(items: Iterable[Item]) -> PackedItems:
    """Return items as they are, packed. Their media are files, or subtitles that are written in the table."""
    content = bytearray()
    ends, splits = array("q"), array("i")
    names: dict[str, int] = {}
    sources: dict[FileSource, int] = {}
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for item in items:
        media = {field: _packed(each, sources) for field, each in item.media.items()}
        group = None if item.group == item.id else item.group
        written = [item.id, item.line, group, media, dict(item.texts), dict(item.labels)]
        content += encode(written).encode(errors="surrogatepass")
        ends.append(len(content))
        splits.append(names.setdefault(item.split, len(names)))
    ends_N, splits_N = np.frombuffer(ends, np.int64), np.frombuffer(splits, np.int32)
    return PackedItems(content, ends_N, splits_N, list(names), list(sources))


def _packed(media: Media, sources: dict[FileSource, int]) -> list[Any]:
    source: Any = None
    if isinstance(media.source, FileSource):
        source = sources.setdefault(media.source, len(sources))
    elif isinstance(media.source, WrittenCues):
        cues = [[cue.start, cue.end, cue.text] for cue in media.source.cues]
        source = [cues, media.source.faults, media.source.notes]
    else:
        raise TypeError(f"{type(media.source).__name__} is not packed")
    found = [media.modality, source, media.start, media.end, media.fps, media.shortest]
    return [*found, media.around] if media.around else found if media.fps or media.shortest else found[:4]


def _unpacked(packed: Sequence[Any], sources: Sequence[FileSource]) -> Media:
    modality, source, *rest = packed
    if isinstance(source, int):
        return Media(modality, sources[source], *rest)
    cues, *told = source
    return Media(modality, WrittenCues(tuple(Cue(*cue) for cue in cues), *map(tuple, told)), *rest)


class KeptItems:
    """The cache of what opening a table with certain options gave.

    It holds until size or time of the table or of any file in it changes, or a file is no longer inside of the folder.

    Args:
        table: The table.
        options: What else decides on the items, as text.
        inside: Folder that the files must lie in; None: anywhere.
    """

    def __init__(self, table: Path, options: str, inside: Path | None) -> None:
        self._table, self._inside = table, inside
        place, how = (
            hashlib.blake2b(each, digest_size=12).hexdigest() for each in (os.fsencode(table), options.encode())
        )
        self._path = cache_folder() / "tables" / f"{place}-{how}.npz"

    def restored(self) -> tuple[Mapping[str, Any], PackedItems] | None:
        """Return what was kept: the facts as they were given, and the items; None where it does not hold."""
        with suppress(OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            with np.load(self._path, allow_pickle=False) as kept:
                head = json.loads(kept["head"].tobytes())
                if head["version"] != _VERSION or head["stamps"] != self._stamps(head["sources"]):
                    return None
                sources = [FileSource(Path(name)) for name in head["sources"][: head["used"]]]
                items = PackedItems(kept["content"].tobytes(), kept["ends"], kept["splits"], head["names"], sources)
            return head["facts"], items
        return None

    def keep(self, facts: Mapping[str, Any], items: PackedItems, others: Iterable[Path]) -> None:
        """Write down what was found; a cache that cannot be written costs time, nothing else.

        Args:
            facts: JSON values to keep beside the items.
            items: All items.
            others: Files on which the result depends besides those of the items.
        """
        used = [str(source.path) for source in items.sources]
        sources = list(dict.fromkeys([*used, *map(str, others)]))
        head = {
            "version": _VERSION,
            "stamps": self._stamps(sources),
            "sources": sources,
            "used": len(used),
            "names": items.names,
            "facts": facts,
        }
        with suppress(OSError, UnicodeEncodeError):
            with replacing(self._path) as temporary, temporary.open("wb") as file:
                np.savez(
                    file,
                    head=np.frombuffer(json.dumps(head).encode(), np.uint8),
                    content=np.frombuffer(items.content, np.uint8),
                    ends=items.ends_N,
                    splits=items.splits_N,
                )
            place = self._path.name.partition("-")[0]
            older = sorted(self._path.parent.glob(f"{place}-*.npz"), key=lambda path: path.stat().st_mtime_ns)
            for path in older[:-_KEPT]:
                path.unlink(missing_ok=True)

    def _stamps(self, sources: Sequence[str]) -> list[list[int] | None]:
        """Return size and time of the table and each file; None for one that is gone, or leads out of the folder."""
        folder = None if self._inside is None else os.path.realpath(self._inside)
        folders: dict[str, bool] = {}

        def within(name: str) -> bool:
            """Return whether a path stays in the folder; that of its parent is looked up once for all in it."""
            if folder is None:
                return True
            if stat.S_ISLNK(os.lstat(name).st_mode):
                return Path(os.path.realpath(name)).is_relative_to(folder)
            parent = name.rpartition(os.sep)[0]
            if parent not in folders:
                folders[parent] = Path(os.path.realpath(parent)).is_relative_to(folder)
            return folders[parent]

        def stamp(name: str) -> list[int] | None:
            try:
                status = Path(name).stat()
                return [status.st_size, status.st_mtime_ns]
            except (OSError, ValueError):
                return None

        def of_file(name: str) -> list[int] | None:
            found = stamp(name)
            return found if found is not None and within(name) else None

        return [stamp(str(self._table)), *map(of_file, sources)]
