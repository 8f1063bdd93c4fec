"""Opening of a table: rows as items, their files looked at, what is wrong with others; kept for the next start."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from mmx import DataError
from mmx_std.corpora.decoding import FileSource, Media, silent
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.files.glances import problems
from mmx_std.corpora.items import Item, fields_of, targets_of, with_splits
from mmx_std.corpora.layout import Layout, RowError, make_item, make_layout
from mmx_std.corpora.packed_items import KeptItems, PackedItems, packed
from mmx_std.corpora.stretches import beginning, cut_up
from mmx_std.corpora.tables import Fault, Row, read_table

SHOWN: Final = 10
"""Faults that an error names."""


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
class Opened:
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


def _restored(kept: KeptItems, path: Path, columns: Mapping[str, Any], facts: FileFacts) -> Opened | None:
    """Return what was kept of a table, if it still holds; files that could not be used are looked at again."""
    found = kept.restored()
    if found is None:
        return None
    told, everything = found
    doubtful = list(everything[told["items"] :])
    if not all(problems(doubtful, facts)):
        return None
    return Opened(
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


def open_table(
    path: Path,
    columns: Mapping[str, Any],
    options: ReadOptions,
    class_names: Mapping[str, Sequence[str]],
    shares: tuple[float, float],
    most: float,
    facts: FileFacts,
) -> Opened:
    """Return what a table holds, from what was kept of it where that still holds, else by looking at all of its files.

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
    names = {target: list(each) for target, each in class_names.items()}
    given = json.dumps([dict(columns), astuple(options), names, shares])
    kept = KeptItems(path, given, None if columns["allow_outside"] else path.parent)
    found = _restored(kept, path, columns, facts)
    if found is None:
        with _without_collection():
            found = _opened(path, columns, options, class_names, shares, most, facts)
        facts.keep()
        found.keep(kept)
    stop_if_too_many_are_broken(path, found.used, found.faults, most)
    return found


def _opened(
    path: Path,
    columns: Mapping[str, Any],
    options: ReadOptions,
    class_names: Mapping[str, Sequence[str]],
    shares: tuple[float, float],
    most: float,
    facts: FileFacts,
) -> Opened:
    """Open a table, and look at its files."""
    table = read_table(path)
    if not table.rows:
        stop_if_too_many_are_broken(path, 0, table.faults, most)
    layout = make_layout(path.parent, table.columns, **columns)
    rows, table = list(table.rows), replace(table, rows=())  # `_items` lets go of each row when its item is made
    good, faults, doubtful = _items(rows, layout, "split" in table.columns, options, facts)
    faults, used = sorted([*table.faults, *faults], key=lambda fault: fault.line), len(good)
    stop_if_too_many_are_broken(path, used, faults, most)
    alike: dict[object, Item] = {}
    items = cut_up(with_splits(good, val=shares[0], test=shares[1]), options.window, facts)
    everything = packed(chain(_noted(items, alike), doubtful))
    return Opened(
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


def stop_if_too_many_are_broken(path: Path, used: int, faults: Sequence[Fault], most: float) -> None:
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
