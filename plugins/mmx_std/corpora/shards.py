"""Tar shards in the WebDataset layout as a corpus, read by offset in any order without extraction."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final

from pydantic import Field

from mmx import DataError, cues_from_rows
from mmx_std.corpora.decoding import MODALITY_OF, READABLE, Media, WrittenCues, decode, kind_problem
from mmx_std.corpora.items import MULTI, FileCorpus, Item, excerpt, with_splits
from mmx_std.corpora.layout import CUES
from mmx_std.corpora.shard_index import ShardIndex, index_shard
from mmx_std.corpora.shard_writing import META
from mmx_std.corpora.splits import ALIASES, check_shares, split_name
from mmx_std.corpora.tables import Fault

_NAMED_SPLITS: Final = frozenset(("train", "val", "test", *ALIASES))


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
        return PurePosixPath(self.name).suffix.lower()

    def read(self, media: Media, *, glance: bool) -> Any:
        """Return the decoded value of `media`.

        Raises:
            DataError: It cannot be decoded, or the shard has changed.
        """
        place = f"{self.path}:{self.name}"
        try:
            with self.path.open("rb") as handle:
                handle.seek(self.offset)
                content = handle.read(self.size)
        except OSError as error:
            raise DataError(f"{place}: cannot be read: {error.strerror}") from None
        if len(content) != self.size:
            raise DataError(f"{place}: the shard is shorter than its index says; remove {self.path.name}.index.json")
        with tempfile.TemporaryDirectory(prefix="mmx-") as folder:
            path = Path(folder) / f"member{self.suffix}"  # never the member's own name
            path.write_bytes(content)
            try:
                return decode(path, media, glance=glance)
            except DataError as error:
                raise DataError(str(error).replace(str(path), place)) from None


class Shards(FileCorpus):
    """Samples in tar files: members `KEY.SUFFIX` or `KEY.FIELD.SUFFIX` with the same KEY are one sample.

    Media suffixes give a field of that name or of their modality; `.srt` and `.vtt` are `subtitles`; `.txt` is text;
    `.cls` the class of target `label`; `.json` may hold `id`, `split`, `group`, `texts` or `text`/`caption`, `labels`
    by target or `label`, `media` by field with `modality`, `start`, `end`, and `cues` by field, as `mmx data pack`
    writes them. A split that is not written follows from the shard's name (`train-000000.tar`), else from a hash of
    the group or id. Links, unsafe names and the like are ignored and counted.

    Args:
        path: A folder of `.tar` files, or one of them.
        class_names: Target -> class names in order, where they should not come from the data.
        val: Share of `val` where no split is written.
        test: Share of `test` where no split is written.
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
        found = [each for index in self.indices for each in _read_items(index)]
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
                f"make shards with: mmx data pack FILE FOLDER{listed}"
            )
        super().__init__(
            self.path,
            with_splits(list(good.values()), val=val, test=test),
            class_names,
            f"A user's own data: {self.used} samples in {len(self.indices)} tar shards.",
        )

    @cached_property
    def digest(self) -> str:
        """32 characters that change with names, sizes, texts and labels, and with three stretches of each shard."""
        digest = hashlib.blake2b(digest_size=16)
        for index in self.indices:
            digest.update(json.dumps([index.path.name, dict(index.members), dict(index.texts)]).encode())
            digest.update(excerpt(index.path, middle=True)[1])
        digest.update(json.dumps([[item.id, item.split] for item in self.items]).encode())
        return digest.hexdigest()


def _shards(path: Path) -> list[Path]:
    if path.is_dir():
        shards = sorted(path.glob("*.tar"))
        packed = sorted(path.glob("*.tar.*z*"))
    else:
        shards = [path] if path.suffix == ".tar" and path.exists() else []
        packed = [path] if path.exists() and not shards else []
    if packed and not shards:
        raise DataError(f"{packed[0]}: only plain .tar files can be read by offset; decompress it first")
    if not shards:
        raise DataError(f"{path}: no .tar files there; make some: mmx data pack FILE FOLDER")
    return shards


def _read_items(index: ShardIndex) -> Iterator[Item | Fault]:
    groups: dict[str, dict[str, str]] = {}
    for name in index.members:
        # KEY ends at the first dot of the file's name, folders belong to it.
        folder, _, base = name.rpartition("/")
        key, _, extension = base.partition(".")
        groups.setdefault(f"{folder}/{key}" if folder else key, {})[extension] = name
    for key, members in groups.items():
        yield _read_item(index, key, members)


def _read_item(index: ShardIndex, key: str, members: Mapping[str, str]) -> Item | Fault:
    place = f"{index.path.name}:{key}"
    try:
        meta = json.loads(index.texts[members[META]]) if META in members else {}
    except (ValueError, RecursionError) as error:
        return Fault(0, f"{place}.json: is not JSON: {error}")
    if not isinstance(meta, dict):
        return Fault(0, f"{place}.json: is not a JSON object")
    media: dict[str, Media] = {}
    texts = {**_strings({"text": meta.get("text"), "caption": meta.get("caption")}), **_strings(meta.get("texts"))}
    labels = _labels(meta)
    for extension, name in members.items():
        field, _, suffix = extension.rpartition(".")
        if suffix.lower() == "txt":
            texts[field or "text"] = index.texts[name].strip()
        elif suffix.lower() == "cls":
            labels[field or "label"] = index.texts[name].strip()
        elif f".{suffix.lower()}" in MODALITY_OF:
            source = TarSource(index.path, name, *index.members[name])
            media.setdefault(*_media(field, source, meta))
    try:
        media |= _written_cues(meta)
    except DataError as error:
        return Fault(0, f"{place}.json: {error}")
    if not media and not texts:
        return Fault(0, f"{place}: no media and no text")
    identity = meta["id"] if isinstance(meta.get("id"), str) else place
    group = meta["group"] if isinstance(meta.get("group"), str) else identity
    return Item(identity, 0, media, texts, labels, group, _split(meta, index.path))


def _media(field: str, source: TarSource, meta: Mapping[str, Any]) -> tuple[str, Media]:
    kind = MODALITY_OF[source.suffix]
    name = field or (CUES if kind == "cues" else kind)
    written = meta.get("media")
    window = written.get(name) if isinstance(written, dict) else None
    window = window if isinstance(window, dict) else {}
    modality = window.get("modality", name if name in READABLE else kind)
    if not isinstance(modality, str) or modality not in READABLE or kind_problem(modality, source.suffix):
        modality = kind
    return name, Media(modality, source, _seconds(window.get("start")), _seconds(window.get("end")))


def _written_cues(meta: Mapping[str, Any]) -> dict[str, Media]:
    """Return the subtitles that stand in the description itself.

    Raises:
        DataError: They are no lists of {start, end, text}.
    """
    found: dict[str, Media] = {}
    windows, written = meta.get("media"), meta.get("cues")
    for name, rows in written.items() if isinstance(written, dict) else ():
        window = windows.get(name) if isinstance(windows, dict) else None
        window = window if isinstance(window, dict) else {}
        start, end = _seconds(window.get("start")), _seconds(window.get("end"))
        found[str(name)] = Media("cues", WrittenCues(cues_from_rows(rows).cues), start, end)
    return found


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


def _split(meta: Mapping[str, Any], shard: Path) -> str:
    if isinstance(meta.get("split"), str) and meta["split"]:
        return split_name(meta["split"])
    first = shard.name.replace("_", "-").partition("-")[0].removesuffix(".tar").lower()
    return split_name(first) if first in _NAMED_SPLITS else ""


def _strings(values: Any) -> dict[str, str]:
    """Return the entries of a mapping that are texts or whole numbers, as texts."""
    if not isinstance(values, dict):
        return {}
    return {str(key): str(value) for key, value in values.items() if isinstance(value, str | int) and value != ""}


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= sys.float_info.max else None
