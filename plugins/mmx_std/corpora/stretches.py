"""Stretches of long videos and recordings: consecutive short items of one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from mmx import DataError, video_seconds
from mmx_std.corpora.decoding import FileSource, Media
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.items import Item

TIMED: Final = ("video", "audio", "cues")
"""Modalities with a duration, which are cut. An image that is the middle of a video is cut as the video is."""


def cut_up(items: Iterable[Item], seconds: float | None, facts: FileFacts) -> Iterator[Item]:
    """Yield items with the long ones cut into stretches.

    An item whose texts are about the whole of it (a column of text, not subtitles) is cut for training only: judged
    stretches would share one text.

    Args:
        items: With their splits.
        seconds: Length of a stretch; None cuts nothing.
        facts: What is known of the files; what is found out is added.
    """
    for item in items:
        if seconds is None or (item.texts and item.split != "train"):
            yield item
        else:
            yield from stretches(item, seconds, facts)


def stretches(item: Item, seconds: float, facts: FileFacts) -> list[Item]:
    """Return the stretches of an item that is longer than `seconds`; a shorter one, and one of unknown length, whole.

    Their number is the length in stretches, rounded; they are spread evenly from beginning to end, so that neighbours
    overlap or leave out a little. Each has the item's id with the seconds that it begins later (`video.mp4+3.2`), its
    group, its texts and labels; subtitles are cut as the video is. Media files are not decoded for this.

    Args:
        item: Of one row.
        seconds: Length of a stretch.
        facts: What is known of the files.
    """
    length = _length(item, facts)
    count = 1 if length is None else round(length / seconds)
    if length is None or count < 2:
        return [item]
    apart = (length - seconds) / (count - 1)
    return [_stretch(item, round(number * apart, 3), seconds) for number in range(count)]


def beginning(item: Item, seconds: float) -> Item:
    """Return an item that ends after `seconds` at the latest: its first stretch, under its own id."""
    return replace(_stretch(item, 0.0, seconds), id=item.id)


def _stretch(item: Item, later: float, seconds: float) -> Item:
    media = {name: _cut(each, later, seconds) for name, each in item.media.items()}
    return replace(item, id=f"{item.id}+{later:g}", media=media)


def _cut(media: Media, later: float, seconds: float) -> Media:
    if media.modality not in TIMED and not media.in_video:
        return media
    start = (media.start or 0.0) + later
    end = start + seconds
    return replace(media, start=start, end=end if media.end is None else min(media.end, end))


def _length(item: Item, facts: FileFacts) -> float | None:
    """Return the length of an item's video or audio in seconds, the shorter of both; None where it is unknown."""
    found = [_seconds(media, facts) for media in item.media.values() if media.modality in ("video", "audio")]
    known = [length for length in found if length is not None]
    return min(known, default=None)


def _seconds(media: Media, facts: FileFacts) -> float | None:
    if media.end is not None:
        return media.end - (media.start or 0.0)
    if not isinstance(media.source, FileSource):
        return None
    path = media.source.path
    try:
        return float(facts.ask(path, "seconds", lambda: video_seconds(path))) - (media.start or 0.0)
    except DataError:
        return None
