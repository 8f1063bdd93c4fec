"""Manifests as corpora: one JSONL or CSV file that lists media files, texts and labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mmx import DataError
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.items import FileCorpus, Item, excerpt
from mmx_std.corpora.manifest_check import Findings, inspect
from mmx_std.corpora.opening import ReadOptions, open_table
from mmx_std.corpora.packed_items import PackedItems
from mmx_std.corpora.shards.writing import pack
from mmx_std.corpora.splits import check_shares
from mmx_std.corpora.tables import Fault

if TYPE_CHECKING:
    from mmx_std.corpora.imports.reading import PublishedLayout
    from mmx_std.corpora.imports.writing import Imported


class Manifest(FileCorpus):
    """Media files, texts and labels listed in one JSONL or CSV file, one item per row.

    Columns, all optional but one of media or text:

    - `audio`, `image`, `video`: a path relative to the file; a field of that name. `audio` and `image` may be videos:
      their audio track, their middle frame. A video without an audio track has no `audio`; the rest of its row is used.
    - `subtitles`: a `.srt` or `.vtt` file, or in JSONL a list of `{"start": s, "end": s, "text": words}` with times of
      the file; a field of that name, whose cues are cut and shifted with `start` and `end`.
    - `file` (`path`, `filename`): a path; the field is its modality, from the suffix or a column `modality`.
    - `text`, `caption` (or `captions`), `transcript`: text; a field of that name. `fields` names further ones.
    - `label`, `label_NAME`: a class; target `label`, `NAME`.
    - `labels`: several classes, as a list (in CSV as JSON or pandas write it) or joined by `;`; a multi-hot target.
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
        columns = {"fields": dict(fields), "modalities": dict(modalities), "allow_outside": allow_outside}
        found = open_table(self.path, columns, options, class_names, (val, test), max_unreadable, self._facts)
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
