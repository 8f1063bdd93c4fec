"""Quick check of the media of many items: decoding at the beginning of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from mmx import MEDIA_LIMITS, DataError
from mmx_std.corpora.decoding import FileSource, Media
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.items import Item

THREADS: Final = 8
"""Files that are looked at together; decoders release the interpreter lock."""
Window = tuple[float | None, float | None]
"""Start and end of an item in its file, in seconds."""


@dataclass(slots=True)
class _File:
    """What is read of one file as one modality: the windows of its items, and what is wrong with each."""

    path: Path
    media: Media
    windows: dict[Window, str] = field(default_factory=dict)


def problems(items: Sequence[Item], facts: FileFacts) -> list[str]:
    """Return what is wrong with the media of each item, "" where nothing is.

    Of the items of one file the first and the last are looked at, and all those that may be too long; the others only
    where one of these cannot be decoded.

    Args:
        items: As they will be read.
        facts: What is known of the files; what is found out is added.
    """
    files: dict[tuple[int, str], _File] = {}
    for item in items:
        for media in item.media.values():
            if isinstance(media.source, FileSource):
                # Rows of one file share its source.
                file = files.get((id(media.source), media.modality))
                if file is None:
                    file = files[id(media.source), media.modality] = _File(media.source.path, media)
                file.windows[media.start, media.end] = ""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda file: _look(file, facts), files.values()))
    faulty = {key: file.windows for key, file in files.items() if any(file.windows.values())}
    return [_problem(item, faulty) for item in items] if faulty else [""] * len(items)


def _look(file: _File, facts: FileFacts) -> None:
    """Find out what is wrong with the windows of a file."""
    short = sorted((window for window in file.windows if not _may_be_long(window)), key=lambda window: window[0] or 0.0)
    ends = dict.fromkeys([*short[:1], *short[-1:]])
    _check(file, [*(window for window in file.windows if _may_be_long(window)), *ends], facts)
    if any(file.windows[window] for window in ends):
        _check(file, [window for window in short if window not in ends], facts)


def _check(file: _File, windows: Iterable[Window], facts: FileFacts) -> None:
    for start, end in windows:
        looked = replace(file.media, start=start, end=end)
        try:
            facts.ask(file.path, f"decodes as {looked.modality} {start} {end}", partial(_decodes, looked))
        except DataError as error:
            file.windows[start, end] = str(error)


def _decodes(media: Media) -> bool:
    media.check()
    return True


def _may_be_long(window: Window) -> bool:
    start, end = window
    return end is None or end - (start or 0.0) > MEDIA_LIMITS.seconds


def _problem(item: Item, faulty: Mapping[tuple[int, str], Mapping[Window, str]]) -> str:
    for name, media in item.media.items():
        if found := faulty.get((id(media.source), media.modality), {}).get((media.start, media.end)):
            return f"{name}: {found}"
    return ""
