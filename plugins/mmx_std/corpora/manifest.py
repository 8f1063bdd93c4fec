"""Manifests as corpora: one JSONL or CSV file that lists media files, texts and labels."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from mmx import DataError
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues, silent
from mmx_std.corpora.file_facts import FileFacts
from mmx_std.corpora.glances import problems
from mmx_std.corpora.items import FileCorpus, Item, excerpt, fields_of, targets_of, with_splits
from mmx_std.corpora.layout import Layout, RowError, make_item, make_layout
from mmx_std.corpora.manifest_check import Findings, inspect
from mmx_std.corpora.packed_items import KeptItems, PackedItems, packed
from mmx_std.corpora.shards.writing import pack
from mmx_std.corpora.splits import check_shares
from mmx_std.corpora.stretches import beginning, cut_up
from mmx_std.corpora.tables import Fault, Row, read_table

if TYPE_CHECKING:
    from mmx_std.corpora.imports.reading import PublishedLayout
    from mmx_std.corpora.imports.writing import Imported

SHOWN: Final = 10
"""Faults that an error names."""


class Manifest(FileCorpus):
    """Media files, texts and labels listed in one JSONL or CSV file, one item per row.

    Columns, all optional but one of media or text:

    - `audio`, `image`, `video`: a path relative to the file; a field of that name. `audio` and `image` may be videos:
      their audio track, their middle frame. A video without an audio track has no `audio`; the rest of its row is used.
    - `subtitles`: a `.srt` or `.vtt` file, or in JSONL a list of `{"start": s, "end": s, "text": words}` with times of
      the file; a field of that name, whose cues are cut and shifted with `start` and `end`.
    - `file` (`path`, `filename`): a path; the field is its modality, from the suffix or a column `modality`.
    - `text`, `caption`, `transcript`: text; a field of that name. `fields` names further ones.
    - `label`, `label_NAME`: a class; target `label`, `NAME`.
    - `labels`: several classes, as a list or joined by `;`; a multi-hot target.
    - `start`, `end`: seconds of the file that the item is.
    - `id`: a stable name; without it, the path (and start).
    - `group`: items of one recording, kept in one split; also a target.
    - `split`: train, val, test or any name; without the column, from a hash of the group or id.

    Class names come from the train split; a label that is not among them is -1, unknown. Rows and files that cannot be
    used are left out and listed in `broken`.

    Args:
        path: The JSONL or CSV file.
        fields: Field name -> column, besides or instead of the convention above.
        modalities: Field name -> "audio", "image", "video", "cues" or "text", where values do not tell.
        class_names: Target -> class names in order, where they should not come from the data.
        val: Share of `val` where there is no column `split`.
        test: Share of `test` where there is no column `split`.
        max_unreadable: Stop if a larger share of rows cannot be used.
        allow_outside: Read files outside the manifest's folder.
        audio: A video in column `video` or `file` also gives its audio track, as field `audio`.
        fps: Frames per second that videos are read at; null is each video's own.
        shortest: Pixels of the shorter side that larger videos are scaled to while they are decoded; null leaves them.
        cues_around: Seconds of subtitles before and after each item that are kept, with times beyond the item's own.
        window: Seconds of the stretches that longer videos and recordings are cut into, each an item of its own, all of
            a row in one split; where a column of text is about the whole, in split train only. null cuts nothing.

    Attributes:
        used: Rows that can be used.
        expected: Rows that there are.
        broken: What was left out, with line numbers.
    """

    def __init__(
        self,
        *,
        path: str = "",
        fields: Mapping[str, str] = {},
        modalities: Mapping[str, str] = {},
        class_names: Mapping[str, Sequence[str]] = {},
        val: Annotated[float, Field(ge=0, lt=1)] = 0.15,
        test: Annotated[float, Field(ge=0, lt=1)] = 0.15,
        max_unreadable: Annotated[float, Field(ge=0, le=1)] = 0.1,
        allow_outside: bool = False,
        audio: bool = False,
        fps: Annotated[float | None, Field(gt=0)] = None,
        shortest: Annotated[int | None, Field(ge=1)] = None,
        cues_around: Annotated[float, Field(ge=0)] = 0.0,
        window: Annotated[float | None, Field(gt=0)] = None,
    ) -> None:
        if not path:
            raise DataError(
                "std/manifest needs a file: corpus.path=FILE.jsonl (or .csv); check it with: mmx data check FILE"
            )
        check_shares(val=val, test=test)
        self.path = Path(path).expanduser().absolute()
        options = ReadOptions(audio, fps, shortest, cues_around, window)
        self.options = [dict(fields), dict(modalities), val, test, allow_outside, *astuple(options)]
        self._facts = FileFacts(self.path.parent)
        columns = {"fields": fields, "modalities": modalities, "allow_outside": allow_outside}
        names = {target: list(each) for target, each in class_names.items()}
        kept = KeptItems(self.path, json.dumps([self.options, names]), None if allow_outside else self.path.parent)
        found = _restored(kept, self.path, columns, self._facts)
        if found is None:
            with _without_collection():
                found = _open(self.path, columns, options, class_names, (val, test), max_unreadable, self._facts)
            self._facts.keep()
            found.keep(kept)
        _stop_if_too_many_are_broken(self.path, found.used, found.faults, max_unreadable)
        self.layout, self.splits_written = found.layout, "split" in found.columns
        self.broken: Sequence[Fault] = found.faults
        self.used, self.expected = found.used, found.used + len(found.faults)
        self._sources = found.sources
        summary = f"A user's own data: {self.used} items listed in {self.path.name}."
        super().__init__(self.path, found.items, found.targets, found.fields, summary)

    def _of_split(self, name: str) -> Sequence[Item]:
        return self.items.of_split(name) if isinstance(self.items, PackedItems) else super()._of_split(name)

    @cached_property
    def digest(self) -> str:
        """32 characters that change with the rows, the options, and size or ends of any media file."""
        known = self._facts.of_all([self.path, *self._sources])
        # Under the same options, of the same files, the same is found.
        options = json.dumps([self.options, {name: list(names or ()) for name, names in self.targets.items()}])
        question = f"digest {hashlib.blake2b(f'{known} {options}'.encode(), digest_size=16).hexdigest()}"
        found = self._facts.ask(self.path, question, self._digest)
        self._facts.keep()
        return str(found)

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps({name: list(names or ()) for name, names in self.targets.items()}).encode())
        for item in self.items:
            described = [item.id, item.split, item.group, dict(item.texts), dict(item.labels)]
            digest.update(json.dumps(described, default=list).encode())
            for name, media in sorted(item.media.items()):
                read = (media.start, media.end, *((media.fps, media.shortest, media.around) if _changed(media) else ()))
                digest.update(repr((name, media.modality, *read)).encode())
                digest.update(_ends(media, self._facts))
        return digest.hexdigest()

    @staticmethod
    def check(path: str, *, fields: Mapping[str, str] | None = None, allow_outside: bool = False) -> Findings:
        """Check every row and decode every file, for `mmx data check`.

        Raises:
            DataError: The file cannot be read at all.
        """
        return inspect(Manifest(path=path, fields=fields or {}, allow_outside=allow_outside, max_unreadable=1.0))

    @staticmethod
    def pack(
        path: str,
        folder: str,
        *,
        fields: Mapping[str, str] | None = None,
        allow_outside: bool = False,
        size: int = 1000,
    ) -> Sequence[Path]:
        """Write the items into tar shards, for `mmx data pack`.

        Raises:
            DataError: The manifest cannot be used, or the folder holds shards already.
        """
        return pack(
            Manifest(path=path, fields=fields or {}, allow_outside=allow_outside).items, Path(folder), size=size
        )

    @staticmethod
    def layouts() -> Mapping[str, PublishedLayout]:
        """Return the layouts of published data sets that `import_layout` reads, for `mmx data import`."""
        from mmx_std.corpora.imports.writing import LAYOUTS

        return LAYOUTS

    @staticmethod
    def import_layout(name: str, source: str, out: str) -> Imported:
        """Write the manifest of a data set that lies in a folder as it was published, for `mmx data import`.

        Raises:
            UserError: No such layout, or `out` is there already.
            DataError: The folder holds something else.
        """
        from mmx_std.corpora.imports.writing import import_layout

        return import_layout(name, Path(source).expanduser(), Path(out).expanduser())


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options for reading videos and subtitles: see `Manifest`."""

    audio: bool = False
    fps: float | None = None
    shortest: int | None = None
    around: float = 0.0
    window: float | None = None

    def of(self, item: Item, facts: FileFacts) -> Item:
        """Return an item whose media are read so; without audio of videos that have no audio track."""
        if not any(each.modality == "cues" or each.in_video for each in item.media.values()):
            return item
        media = dict(item.media)
        video = media.get("video")
        if self.audio and video is not None:
            media.setdefault("audio", replace(video, modality="audio"))
        for name, each in item.media.items():
            if each.modality == "video":
                media[name] = replace(each, fps=self.fps, shortest=self.shortest)
            if each.modality == "cues":
                media[name] = replace(each, around=self.around)
        rest = {name: each for name, each in media.items() if not _silent(each, facts)}
        return replace(item, media=rest) if rest or item.texts else item

    def looked_at(self, item: Item) -> Item:
        """Return what of an item is looked at when the corpus is opened: of what will be cut, the beginning."""
        return item if self.window is None else beginning(item, self.window)


def _silent(media: Media, facts: FileFacts) -> bool:
    """Return whether this is the audio of a video without an audio track; other faults are reported later."""
    if media.modality != "audio" or not media.in_video or not isinstance(media.source, FileSource):
        return False
    path = media.source.path
    try:
        return bool(facts.ask(path, "no audio track", lambda: silent(path)))
    except DataError:
        return False


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let no garbage collection happen: it would look at every one of a long table's objects again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class _Opened:
    """What opening a table gave.

    Attributes:
        columns: Of the table.
        layout: What they hold.
        faults: Of lines and rows, in order.
        used: Rows that can be used.
        items: All items, with their splits, cut up.
        targets: Class names.
        fields: Modalities.
        sources: All files that were looked at.
        everything: `items`, and behind them those whose files cannot be used.
        steady: Nothing else than the table, its files and the options decides on the result.
    """

    columns: Sequence[str]
    layout: Layout
    faults: Sequence[Fault]
    used: int
    items: PackedItems
    targets: Mapping[str, Sequence[str] | None]
    fields: Mapping[str, str]
    sources: Sequence[Path]
    everything: PackedItems
    steady: bool = False

    def keep(self, kept: KeptItems) -> None:
        """Keep it for the next start, if only what `kept` compares decides on it."""
        if self.steady:
            facts = {"columns": self.columns, "used": self.used, "items": len(self.items)}
            facts["faults"] = [[fault.line, fault.message] for fault in self.faults]
            kept.keep({**facts, "targets": self.targets, "fields": self.fields}, self.everything, self.sources)


def _restored(kept: KeptItems, path: Path, columns: Mapping[str, Any], facts: FileFacts) -> _Opened | None:
    """Return what was kept of a table, if it still holds; files that could not be used are looked at again."""
    found = kept.restored()
    if found is None:
        return None
    told, everything = found
    doubtful = list(everything[told["items"] :])
    if not all(problems(doubtful, facts)):
        return None
    return _Opened(
        told["columns"],
        make_layout(path.parent, told["columns"], **columns),
        [Fault(*fault) for fault in told["faults"]],
        told["used"],
        everything[: told["items"]],
        {target: None if names is None else tuple(names) for target, names in told["targets"].items()},
        told["fields"],
        [source.path for source in everything.sources],
        everything,
    )


def _open(
    path: Path,
    columns: Mapping[str, Any],
    options: ReadOptions,
    class_names: Mapping[str, Sequence[str]],
    shares: tuple[float, float],
    most: float,
    facts: FileFacts,
) -> _Opened:
    """Open a table, and look at its files.

    Args:
        path: The table.
        columns: What `make_layout` takes besides its columns.
        options: How media are read.
        class_names: As given.
        shares: Of the splits `val` and `test`.
        most: Share of rows that may be unusable.
        facts: What is known of the files; what is found out is added.

    Raises:
        DataError: It cannot be used.
    """
    table = read_table(path)
    if not table.rows:
        _stop_if_too_many_are_broken(path, 0, table.faults, most)
    layout = make_layout(path.parent, table.columns, **columns)
    rows, table = list(table.rows), replace(table, rows=())  # `_items` lets go of each row when its item is made
    good, faults, doubtful = _items(rows, layout, "split" in table.columns, options, facts)
    faults, used = sorted([*table.faults, *faults], key=lambda fault: fault.line), len(good)
    _stop_if_too_many_are_broken(path, used, faults, most)
    alike: dict[object, Item] = {}
    items = cut_up(with_splits(good, val=shares[0], test=shares[1]), options.window, facts)
    everything = packed(chain(_noted(items, alike), doubtful))
    return _Opened(
        table.columns,
        layout,
        faults,
        used,
        everything[: len(everything) - len(doubtful)],
        targets_of(list(alike.values()), class_names),
        fields_of(alike.values()),
        [source.path for source in layout.known.sources.values()],
        everything,
        not layout.known.outside,
    )


def _noted(items: Iterable[Item], alike: dict[object, Item]) -> Iterator[Item]:
    """Yield items; of those with the same fields, labels and split one is put into `alike`."""
    for item in items:
        fields = tuple((name, media.modality) for name, media in item.media.items())
        # Rows with the same labels share their mapping.
        key = (item.split, id(item.labels), fields, tuple(item.texts), item.group == item.id)
        alike.setdefault(key, item)
        yield item


def _stop_if_too_many_are_broken(path: Path, used: int, faults: Sequence[Fault], most: float) -> None:
    """Raise `DataError` if a larger share of rows than `most`, or all, cannot be used."""
    expected = used + len(faults)
    if used and len(faults) <= most * expected:
        return
    listed = "\n".join(f"  {fault}" for fault in faults[:SHOWN])
    more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    raise DataError(
        f"{path}: {len(faults)} of {expected} rows cannot be used ({len(faults) / expected:.0%}, "
        f"max_unreadable={most:g}); see: mmx data check {path}\n{listed}{more}"
    )


def _items(
    rows: list[Row], layout: Layout, with_split: bool, options: ReadOptions, facts: FileFacts
) -> tuple[list[Item], list[Fault], list[Item]]:
    """Return the items that can be used, in order, what is wrong with other rows, and items whose files are faulty.

    `rows` is empty then.
    """
    items: list[Item] = []
    faults: list[Fault] = []
    lines: dict[str, int] = {}
    rows.reverse()
    while rows:
        row = rows.pop()
        try:
            item = make_item(row, layout)
            if with_split and not item.split:
                raise RowError("split is empty")
            if item.id in lines:
                if "id" in row.values:
                    raise RowError(f"id {item.id!r} is also that of line {lines[item.id]}")
                item = replace(item, id=f"{item.id}#{item.line}")
        except RowError as error:
            faults.append(Fault(row.line, str(error)))
            continue
        lines[item.id] = item.line
        items.append(options.of(item, facts))
    found = problems([options.looked_at(item) for item in items], facts)
    if not any(found):
        return items, faults, []
    faults += [Fault(item.line, problem) for item, problem in zip(items, found, strict=True) if problem]
    pairs = list(zip(items, found, strict=True))
    good = [item for item, problem in pairs if not problem]
    return good, faults, [options.looked_at(item) for item, problem in pairs if problem]


def _changed(media: Media) -> bool:
    """Return whether media are resampled, scaled or extended when they are read."""
    return media.fps is not None or media.shortest is not None or media.around > 0


def _ends(media: Media, facts: FileFacts) -> bytes:
    """Return a hash of size, first and last bytes of a file; of subtitles in the manifest, their cues."""
    if isinstance(media.source, WrittenCues):
        return repr(media.source.cues).encode()
    if not isinstance(media.source, FileSource):
        return b""
    path = media.source.path
    return bytes.fromhex(facts.ask(path, "ends", lambda: _hash_of_ends(path)))


def _hash_of_ends(path: Path) -> str:
    size, parts = excerpt(path)
    return hashlib.blake2b(str(size).encode() + parts, digest_size=16).hexdigest()
