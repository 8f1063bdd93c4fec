"""Checks of a manifest for `mmx data check`: faults, lengths, counts, and leaks between splits."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmx import DataError, cues_beyond, did_you_mean, read_subtitles
from mmx_std.corpora.decoding import FileSource, WrittenCues
from mmx_std.corpora.items import MULTI, Item
from mmx_std.corpora.layout import KNOWN, modality_of
from mmx_std.corpora.tables import read_table

if TYPE_CHECKING:
    from mmx_std.corpora.manifest import Manifest

THREADS = 8
"""Files that are decoded at the same time; decoders release the interpreter lock."""
_CLASSES_SHOWN = 30
_LABELS_SHOWN = 3
_ROWS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """Result of a check.

    Attributes:
        problems: What should be corrected, one line each, with line numbers.
        facts: What the manifest holds, one line each.
        notes: What may be meant so, one line each: it is told, and is no problem.
    """

    problems: Sequence[str]
    facts: Sequence[str]
    notes: Sequence[str] = ()


def inspect(manifest: Manifest) -> Findings:
    """Decode every file of a manifest and describe what it holds."""
    with ThreadPoolExecutor(THREADS) as threads:
        measurements = list(threads.map(_measure, manifest.items))
    undecodable = [
        f"line {item.line}: {measured}"
        for item, measured in zip(manifest.items, measurements, strict=True)
        if isinstance(measured, str)
    ]
    apart = [target for target in manifest.targets if _disjoint(manifest, target)]
    mixed = [target for target in manifest.targets if target not in apart]
    unread = _unread_files(manifest)
    problems = [
        *map(str, manifest.broken),
        *undecodable,
        *_cue_faults(manifest.items, measurements),
        *_leaks(manifest.items),
        *(line for target in mixed for line in _unknown_labels(manifest, target)),
    ]
    readable = [each for each in measurements if not isinstance(each, str)]
    return Findings(
        problems,
        list(_facts(manifest, len(manifest.items) - len(undecodable), readable)),
        [
            *_unjudged(manifest),
            *_cue_notes(manifest.items),
            *_apart(apart),
            *(line for target in mixed for line in _alike_classes(manifest, target)),
            *unread.values(),
            *_odd_columns([column for column in manifest.layout.unused if column not in unread]),
        ],
    )


def _measure(item: Item) -> dict[str, Any] | str:
    """Return length, size or cues of each file of an item, or what is wrong with one."""
    found: dict[str, Any] = {}
    for name, media in item.media.items():
        try:
            value = media.read()
        except DataError as error:
            return f"{name}: {error}"
        match media.modality:
            case "image":
                found[name] = value.shape[:2]
            case "cues":
                found[name] = value
            case _:
                found[name] = value.seconds
    return found


def _cue_faults(items: Sequence[Item], measurements: Sequence[dict[str, Any] | str]) -> Iterator[str]:
    """Yield faults of subtitles: in themselves, and relative to the video or audio of the same item."""
    reported: set[Path] = set()
    for item, measured in zip(items, measurements, strict=True):
        if isinstance(measured, str):
            continue
        lengths = [value for name, value in measured.items() if item.media[name].modality in ("video", "audio")]
        for name, cues in measured.items():
            media = item.media[name]
            if media.modality != "cues":
                continue
            faults = list(media.source.faults) if isinstance(media.source, WrittenCues) else []
            if isinstance(media.source, FileSource) and media.source.path not in reported:
                reported.add(media.source.path)  # items of one video share their file
                faults += read_subtitles(media.source.path).faults
            if lengths and (late := cues_beyond(cues, max(lengths))):
                faults.append(late)
            yield from (f"line {item.line}: {name}: {fault}" for fault in faults)


def _cue_notes(items: Sequence[Item]) -> Iterator[str]:
    """Yield what is told of subtitles that are in order, once for each file, and for those in a row."""
    told: set[Path] = set()
    for item in items:
        for name, media in item.media.items():
            if isinstance(media.source, WrittenCues):
                yield from (f"note: line {item.line}: {name}: {note}" for note in media.source.notes)
            if media.modality == "cues" and isinstance(media.source, FileSource) and media.source.path not in told:
                told.add(media.source.path)
                with suppress(DataError):  # a fault, and told as one
                    notes = read_subtitles(media.source.path).notes
                    yield from (f"note: line {item.line}: {name}: {note}" for note in notes)


def _facts(manifest: Manifest, usable: int, readable: Sequence[dict[str, Any]]) -> Iterator[str]:
    items = manifest.items
    yield f"{manifest.path.name}: {usable} of {manifest.expected} rows can be used"
    splits = Counter(item.split for item in items)
    how = "written in the file" if manifest.splits_written else "from a hash of the id or group"
    yield f"splits ({how}): " + ", ".join(f"{name} {count}" for name, count in sorted(splits.items()))
    for name, modality in sorted(manifest.fields.items()):
        count = sum(name in item.media or name in item.texts for item in items)
        values = [measured[name] for measured in readable if name in measured]
        yield f"field {name} ({modality}): {count} of {len(items)} items{_measures(modality, values)}"
    for target, names in manifest.targets.items():
        if names is not None:
            yield from _class_counts(target, names, items)
    if "group" in manifest.targets:
        yield f"groups: {len({item.group for item in items})}"


def _unjudged(manifest: Manifest) -> Iterator[str]:
    """Yield a note where the file says what is trained on, and holds nothing to judge on."""
    splits = {item.split for item in manifest.items}
    if manifest.splits_written and "train" in splits and "test" not in splits:
        lacks = "no split 'test'" if "val" in splits else "no split 'val' and no 'test'"
        yield (
            f"note: {lacks}: it can be trained on, but nothing is there to judge on; write 'test' (and 'val') into the "
            "column split of some rows, or leave the column out: the items are then divided"
        )


def _measures(modality: str, values: Sequence[Any]) -> str:
    if not values:
        return ""
    if modality == "cues":
        last = max((cues[-1].end for cues in values if cues), default=0.0)
        return f", {sum(map(len, values))} subtitles, the last ends at {last:.2f} s"
    if modality == "image":
        small, large = min(values, key=lambda hw: hw[0] * hw[1]), max(values, key=lambda hw: hw[0] * hw[1])
        return f", {small[1]}x{small[0]} to {large[1]}x{large[0]} pixels"
    return f", {min(values):.2f} to {max(values):.2f} s, {sum(values) / 60:.1f} minutes in all"


def _class_counts(target: str, names: Sequence[str], items: Sequence[Item]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        label = item.labels.get(target, ())
        for name in [label] if isinstance(label, str) else label:
            counts[name][item.split] += 1
    without = sum(target not in item.labels for item in items)
    yield f"target {target}: {len(names)} classes{f'; {without} of {len(items)} items have none' if without else ''}"
    for name in names[:_CLASSES_SHOWN]:
        yield f"  {name}: " + (", ".join(f"{split} {n}" for split, n in sorted(counts[name].items())) or "none")
    if len(names) > _CLASSES_SHOWN:
        yield f"  and {len(names) - _CLASSES_SHOWN} more"


def _leaks(items: Sequence[Item]) -> Iterator[str]:
    """Yield groups and files that stand in more than one split; files are the same if their content is."""
    contents: dict[Path, str] = {}
    owners: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        if item.group != item.id:
            owners["group", item.group].append(item)
        for media in item.media.values():
            if isinstance(media.source, FileSource):
                path = media.source.path
                if path not in contents:
                    with path.open("rb") as handle:
                        contents[path] = hashlib.file_digest(handle, "blake2b").hexdigest()
                owners["file", contents[path]].append(item)
    for (kind, name), found in owners.items():
        first = {item.split: item for item in reversed(found)}
        if len(first) > 1:
            where = " and ".join(f"{split} (line {item.line})" for split, item in sorted(first.items()))
            yield f"the same {kind} {f'{name!r} ' if kind == 'group' else ''}is in {where}"


def _disjoint(manifest: Manifest, target: str) -> bool:
    """Return whether no class of train is in another split, as where people must be unseen; never of the main label."""
    if target in ("label", MULTI):
        return False
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for item in manifest.items if manifest.targets[target] is not None else ():
        found[item.split == "train"].update(item.names(target))
    return all(found.values()) and not found[True] & found[False]


def _apart(targets: Sequence[str]) -> Iterator[str]:
    for target in targets:
        yield (
            f"note: no {target} of train is in another split: as it must be where they are to be unseen (people, "
            "recordings); nothing could be judged by it as a class"
        )


def _unknown_labels(manifest: Manifest, target: str) -> Iterator[str]:
    names = manifest.targets[target]
    unknown: dict[str, Item] = {}
    for item in manifest.items if names is not None else ():
        for name in item.names(target):
            if name not in (names or ()):
                unknown.setdefault(name, item)
    for name, item in list(unknown.items())[:_LABELS_SHOWN]:
        yield (
            f"line {item.line}: {target} {name!r} does not occur in train"
            f"{did_you_mean(name, names or (), limit=1)}; "
            f"it counts as unknown in {item.split}"
        )
    if len(unknown) > _LABELS_SHOWN:
        yield f"and {len(unknown) - _LABELS_SHOWN} more classes of {target} do not occur in train"


def _alike_classes(manifest: Manifest, target: str) -> Iterator[str]:
    """Yield notes of classes that may be meant as one, or of one that may be meant as several."""
    found: dict[object, str] = {}
    names = dict.fromkeys(
        name for item in manifest.items if manifest.targets[target] is not None for name in item.names(target)
    )
    told = []
    for name in names:
        other = found.setdefault(_bare(name), name)
        if other != name:
            told.append(f"{target} {other!r} and {name!r} are two classes")
        parts = [part.strip() for part in re.split(r"[,|/]", name)]
        if target == MULTI and len(parts) > 1 and any(part in names for part in parts):
            told.append(f"{target} {name!r} is one class; several are joined by ;")
    yield from (f"note: {line}" for line in told[:_LABELS_SHOWN])
    if len(told) > _LABELS_SHOWN:
        yield f"note: and {len(told) - _LABELS_SHOWN} more classes of {target} like these"


def _bare(name: str) -> object:
    """Return a name without its case, blanks and invisible characters; a number as its value."""
    bare = "".join(letter for letter in name.casefold() if letter.isprintable() and not letter.isspace())
    try:
        return float(bare)
    except ValueError:
        return bare


def _unread_files(manifest: Manifest) -> dict[str, str]:
    """Return a note for each column of files or subtitles that no field reads, so that they are not checked."""
    rows = read_table(manifest.path).rows[:_ROWS_LOOKED_AT] if manifest.layout.unused else ()
    found = {}
    for column in manifest.layout.unused:
        values = [row.values[column] for row in rows if column in row.values]
        if values and all(modality_of(value) != "text" for value in values):
            found[column] = (
                f"note: column {column!r} holds files or subtitles that no field reads, so they are not checked"
                f"{did_you_mean(column.lower(), KNOWN)}; to read them: --field {column}={column} "
                f"(in a run: corpus.fields.{column}={column})"
            )
    return found


def _odd_columns(unused: Sequence[str]) -> Iterator[str]:
    """Yield columns that may be a misspelt known one; other columns are ignored."""
    for column in unused:
        if hint := did_you_mean(column.lower(), KNOWN):
            yield f"note: column {column!r} is not used{hint}"
