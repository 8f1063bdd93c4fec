"""Tar shards in the WebDataset layout as a corpus, read by offset in any order without extraction."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, cast

from pydantic import Field

from mmx import DataError, FilePart, cues_from_rows
from mmx_std.corpora.decoding import MODALITY_OF, READABLE, Media, WrittenCues, decode, kind_problem
from mmx_std.corpora.items import MULTI, FileCorpus, Item, excerpt, fields_of, targets_of, with_splits
from mmx_std.corpora.layout import CUES
from mmx_std.corpora.shards.index import ShardIndex, index_shard
from mmx_std.corpora.shards.names import CLASSES, TEXTS, check_all_named, key_of, key_split, shard_split
from mmx_std.corpora.shards.writing import META
from mmx_std.corpora.splits import check_shares, split_name
from mmx_std.corpora.tables import Fault


@dataclass(frozen=True, slots=True)
class TarSource:
    """A member of a shard."""

    path: Path
    name: str
    offset: int
    size: int

    @property
    def suffix(self) -> str:
        """The kind of file, by its name: `.wav`."""
        stem, dot, suffix = self.name.rpartition("/")[2].rpartition(".")
        return f"{dot}{suffix.lower()}" if stem and suffix else ""

    def read(self, media: Media, *, glance: bool) -> Any:
        """Return the decoded value of `media`.

        Raises:
            DataError: It cannot be decoded, or the shard has changed.
        """
        part = FilePart(self.path, self.name, self.offset, self.size)
        return decode(cast("Path", part), media, glance=glance)  # to a reader of media it is a path like another


class Shards(FileCorpus):
    """Samples in tar files: members `KEY.SUFFIX` or `KEY.FIELD.SUFFIX` with the same KEY are one sample.

    Media suffixes give a field of that name or of their modality; `.srt` and `.vtt` are `subtitles`; `.txt` is text;
    `.cls` the class of target `label`; `.json` may be a list of texts, or hold `id`, `split`, `group`, `texts` or
    `text`, `caption(s)`, `transcript(s)`, `labels`
    by target or `label`, `media` by field with `modality`, `start`, `end`, `member`, and `cues` by field, as `mmx data
    pack` writes them. Of a list of texts the first is `text`, the others are `text_2`, `text_3` and so on.

    A split that is not written follows from the shard's name or folder (`toy-train-0000.tar`, `train/0000.tar`), else
    from the sample's (`train/0001.jpg`), else from a hash of the group or id. Links, unsafe or hidden names and the
    like are ignored and counted.

    Args:
        path: A folder with `.tar` files, also in folders of it, or one of them.
        splits: Pattern of shard names -> split, where the names do not tell: `{"part-*": train}`.
        class_names: Target -> class names in order, where they should not come from the data.
        val: Share of `val` where nothing tells a split.
        test: Share of `test` where nothing tells a split.
        max_unreadable: Stop if a larger share of samples cannot be used.

    Attributes:
        used: Samples that can be used.
        expected: Samples that there are.
        broken: What was left out.
        ignored: Members that were ignored.
    """

    def __init__(
        self,
        *,
        path: str = "",
        splits: Mapping[str, str] = {},
        class_names: Mapping[str, Sequence[str]] = {},
        val: Annotated[float, Field(ge=0, lt=1)] = 0.15,
        test: Annotated[float, Field(ge=0, lt=1)] = 0.15,
        max_unreadable: Annotated[float, Field(ge=0, le=1)] = 0.1,
    ) -> None:
        if not path:
            raise DataError(
                "std/shards needs a folder of tar files: corpus.path=FOLDER; make one: mmx data pack FILE FOLDER"
            )
        check_shares(val=val, test=test)
        self.path = Path(path).expanduser().absolute()
        self.indices = [index_shard(shard) for shard in _shards(self.path)]
        self.ignored = sum(index.ignored for index in self.indices)
        found = self._read(splits)
        numbered = [replace(each, line=number) for number, each in enumerate(found, 1)]
        good = {item.id: item for item in numbered if isinstance(item, Item)}
        twice = [i for i in numbered if isinstance(i, Item) and good[i.id] is not i]
        self.broken: Sequence[Fault] = [
            *(each for each in numbered if isinstance(each, Fault)),
            *(Fault(item.line, f"id {item.id!r} is there twice; the last is used") for item in twice),
            *(Fault(0, index.fault) for index in self.indices if index.fault),
        ]
        self.used = len(good)
        self.expected = self.used + len(self.broken)
        if not self.used or len(self.broken) > max_unreadable * self.expected:
            listed = "".join(f"\n  {fault.message}" for fault in self.broken[:10])
            raise DataError(
                f"{self.path}: {self.used} of {self.expected} samples can be used (max_unreadable={max_unreadable:g}); "
                f"make shards with: mmx data pack FILE FOLDER.{_left(self.indices)}{listed}"
            )
        items = list(with_splits(list(good.values()), val=val, test=test))
        super().__init__(
            self.path,
            items,
            targets_of(items, class_names),
            fields_of(items),
            f"A user's own data: {self.used} samples in {len(self.indices)} tar shards.{_left(self.indices)}",
        )

    def _read(self, splits: Mapping[str, str]) -> list[Item | Fault]:
        """Return what all shards hold, in order.

        Raises:
            DataError: It cannot be told which split a shard is of.
        """
        shards = {_name(self.path, index.path): index for index in self.indices}
        told = {name: shard_split(self.path, index.path, splits) for name, index in shards.items()}
        found = {name: list(_read_items(name, shards, told[name])) for name in shards}
        check_all_named(
            told,
            [name for name, each in found.items() if any(isinstance(item, Item) and not item.split for item in each)],
        )
        return [each for of_shard in found.values() for each in of_shard]

    @cached_property
    def digest(self) -> str:
        """32 characters that change with names, sizes, texts and labels, and with three stretches of each shard."""
        digest = hashlib.blake2b(digest_size=16)
        for index in self.indices:
            digest.update(json.dumps([_name(self.path, index.path), dict(index.members), dict(index.texts)]).encode())
            digest.update(excerpt(index.path, middle=True)[1])
        digest.update(json.dumps([[item.id, item.split] for item in self.items]).encode())
        return digest.hexdigest()


def _shards(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if not file.name.startswith("."))
        shards = [file for file in files if file.suffix.lower() == ".tar"]
        packed = [file for file in files if re.search(r"\.(tar\.\w*z\w*|tgz)$", file.name, re.IGNORECASE)]
    else:
        shards = [path] if path.suffix.lower() == ".tar" and path.exists() else []
        packed = [path] if path.exists() and not shards else []
    if packed:
        raise DataError(f"{packed[0]}: only plain .tar files can be read by offset; decompress it first")
    if not shards:
        raise DataError(f"{path}: no .tar files there; make some: mmx data pack FILE FOLDER")
    return shards


def _left(indices: Sequence[ShardIndex]) -> str:
    """Return how many members are not read, and of which kinds; "" if all are."""
    suffixes = Counter(name.rpartition(".")[2].lower() for index in indices for name in index.members)
    known = {*TEXTS, *CLASSES, META}
    other = {
        suffix: count for suffix, count in suffixes.items() if suffix not in known and f".{suffix}" not in MODALITY_OF
    }
    told = [f"{sum(other.values())} members of other kinds ({', '.join(sorted(other)[:5])})"] if other else []
    if ignored := sum(index.ignored for index in indices):
        told.append(f"{ignored} that are hidden, unsafe, too large or there twice")
    return f" Not read: {' and '.join(told)}." if told else ""


def _name(root: Path, shard: Path) -> str:
    """Return what a shard is called among the others: its path below the folder."""
    return shard.name if shard == root else shard.relative_to(root).as_posix()


def _read_items(shard: str, shards: Mapping[str, ShardIndex], split: str) -> Iterator[Item | Fault]:
    groups: dict[str, dict[str, str]] = {}
    for name in shards[shard].members:
        if found := key_of(name):
            groups.setdefault(found[0], {})[found[1]] = name
    for key, members in groups.items():
        read = _read_item(shard, shards, key, members)
        if isinstance(read, Item) and not read.split:
            read = replace(read, split=split or key_split(key))
        yield read


def _read_item(shard: str, shards: Mapping[str, ShardIndex], key: str, members: Mapping[str, str]) -> Item | Fault:
    index, place = shards[shard], f"{shard}:{key}"
    try:
        meta = json.loads(index.texts[members[META]]) if META in members else {}
    except (ValueError, RecursionError) as error:
        return Fault(0, f"{place}.json: is not JSON: {error}")
    if isinstance(meta, list) and all(isinstance(text, str) for text in meta):
        meta = {"text": meta}
    if not isinstance(meta, dict):
        return Fault(0, f"{place}.json: is not a JSON object, and no list of texts")
    media: dict[str, Media] = {}
    texts, labels = _texts(meta), _labels(meta)
    try:
        for extension, name in members.items():
            field, _, suffix = extension.rpartition(".")
            if suffix in TEXTS:
                texts[field or "text"] = index.texts[name].strip()
            elif suffix in CLASSES:
                labels[field or "label"] = index.texts[name].strip()
            elif f".{suffix}" in MODALITY_OF:
                source = TarSource(index.path, name, *index.members[name])
                media.setdefault(*_media(field, source, meta))
        media |= _media_elsewhere(shard, shards, meta) | _written_cues(meta)
    except DataError as error:
        return Fault(0, f"{place}.json: {error}")
    if not media and not texts:
        return Fault(0, f"{place}: no media and no text")
    identity = meta["id"] if isinstance(meta.get("id"), str) else place
    group = meta["group"] if isinstance(meta.get("group"), str) else identity
    split = split_name(meta["split"]) if isinstance(meta.get("split"), str) else ""
    return Item(identity, 0, media, texts, labels, group, split)


def _media(field: str, source: TarSource, meta: Mapping[str, Any]) -> tuple[str, Media]:
    kind = MODALITY_OF[source.suffix]
    name = field or (CUES if kind == "cues" else kind)
    window = _window(meta, name)
    modality = window.get("modality", name if name in READABLE else kind)
    if not isinstance(modality, str) or modality not in READABLE or kind_problem(modality, source.suffix):
        modality = kind
    return name, Media(modality, source, _seconds(window.get("start")), _seconds(window.get("end")))


def _media_elsewhere(shard: str, shards: Mapping[str, ShardIndex], meta: Mapping[str, Any]) -> dict[str, Media]:
    """Return media whose file is stored once, with another sample: `"member": NAME`, and `"shard"` if not in this one.

    Raises:
        DataError: That shard or member is not there.
    """
    found: dict[str, Media] = {}
    for name in meta["media"] if isinstance(meta.get("media"), dict) else ():
        window = _window(meta, name)
        member, where = window.get("member"), window.get("shard", shard)
        if not isinstance(member, str):
            continue
        # Shards lie beside the one that refers to them, wherever the folder was copied to.
        place = (PurePosixPath(shard).parent / str(where)).as_posix() if where != shard else shard
        if place not in shards or member not in shards[place].members:
            raise DataError(f"{name} is stored as {member} in {where}, which is not there; copy all shards together")
        source = TarSource(shards[place].path, member, *shards[place].members[member])
        if source.suffix in MODALITY_OF:
            found[name] = _media(name, source, meta)[1]
    return found


def _window(meta: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what the description says of one field's media."""
    written = meta.get("media")
    window = written.get(name) if isinstance(written, dict) else None
    return window if isinstance(window, dict) else {}


def _written_cues(meta: Mapping[str, Any]) -> dict[str, Media]:
    """Return the subtitles that stand in the description itself.

    Raises:
        DataError: They are no lists of {start, end, text}.
    """
    found: dict[str, Media] = {}
    written = meta.get("cues")
    for name, rows in written.items() if isinstance(written, dict) else ():
        window = _window(meta, name)
        start, end = _seconds(window.get("start")), _seconds(window.get("end"))
        found[str(name)] = Media("cues", WrittenCues(cues_from_rows(rows).cues), start, end)
    return found


def _texts(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a description by field; of a list, the first as NAME, the others as NAME_2, NAME_3, ..."""
    fields: dict[str, Any] = {name: meta.get(name, meta.get(f"{name}s")) for name in ("caption", "transcript")}
    fields["text"] = meta.get("text")
    match meta.get("texts"):
        case dict() as named:
            fields |= named
        case list() as several:
            fields["text"] = fields["text"] or several
    found: dict[str, Any] = {}
    for name, value in fields.items():
        each = [text for text in value if text not in ("", None)] if isinstance(value, list) else [value]
        found |= {name if number == 1 else f"{name}_{number}": text for number, text in enumerate(each, 1)}
    return _strings(found)


def _labels(meta: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    written = meta.get("labels")
    if isinstance(written, list):
        return {MULTI: tuple(str(name) for name in written)}
    found: dict[str, str | tuple[str, ...]] = dict(_strings({"label": meta.get("label")}))
    for target, value in written.items() if isinstance(written, dict) else ():
        if target == MULTI and isinstance(value, list):
            found[target] = tuple(str(name) for name in value)
        elif isinstance(value, str | int):
            found[target] = str(value)
    return found


def _strings(values: Any) -> dict[str, str]:
    """Return the entries of a mapping that are texts or whole numbers, as texts."""
    if not isinstance(values, dict):
        return {}
    return {str(key): str(value) for key, value in values.items() if isinstance(value, str | int) and value != ""}


def _seconds(value: Any) -> float | None:
    """Return a time of a window, None for none.

    Raises:
        DataError: It is no time: without it the window would be another part of the file.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        raise DataError(f"start and end are numbers of seconds, 0 or more, not {str(value)[:40]!r}")
    return float(value)
