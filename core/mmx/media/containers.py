"""Containers of video and audio: opening them safely, the stream to read, and the clock that all streams share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn

from mmx.errors import DataError
from mmx.media.ogg_stamps import Stamps, joined, mended, packet_of
from mmx.media.size_limits import existing, media_errors

_CONTAINERS: Final = (
    "mov,matroska,webm,avi,mpeg,mpegts,ogg,flv,gif,asf,wav,w64,au,mp3,aac,flac,aiff,amr,caf,apng,webp_pipe"
)
_STATED: Final = frozenset(("mov", "matroska", "avi", "asf", "wav", "flac", "aiff", "caf"))
"""Containers whose length is written in them or counted; for others the demuxer estimates it from the bit rate, or
from the last time stamp that it finds."""
_FROM_ZERO: Final = frozenset(("mov", "matroska"))
"""Containers whose clock has a zero of its own: what begins later was delayed (by an empty edit, for example)."""
_TO_END: Final = frozenset(("matroska", "asf"))
"""Containers that count their length from the clock's zero, not from the first time stamp."""
_REORDERING: Final = 0.2
"""Seconds by which the first frame may be late only because the codec reorders frames."""
_DELAY: Final = 10.0
"""Longest delay in seconds at the beginning that is taken for one; a first time stamp beyond it shows a piece that was
cut from something longer, whose own beginning is its zero."""
ANEW: Final = 1.0
"""Seconds that a time stamp must go back to show that the clock began anew, as where files were joined: what follows
comes after what was there."""
_BLOCK: Final = 0.05
"""Seconds by which audio may begin before the video only because its codec works in blocks: the first frame is zero."""
_PRIMING: Final = {"aac": 1024, "mp3": 1105, "mp3float": 1105}
"""Samples by which encoders begin before what they are given, by codec: at low rates more than `_BLOCK`."""
_STAMPED: Final = frozenset(("mpeg", "mpegts", "ogg", "flv"))
"""Containers whose end is found from the time stamps near it."""
_FURTHER: Final = {"probesize": "100000000", "analyzeduration": "600000000"}
"""How far is read (bytes, microseconds) where a stream begins so late that nothing was learnt of it."""
_TAIL: Final = 10.0
"""Seconds before the estimated end from which on time stamps are read to find the true one."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time in a file.

    Attributes:
        zero: Time stamp, in seconds, that is the file's beginning: the earliest of its audio and video, and the first
            frame's where that is nearly the same.
        length: Seconds from there to the end of its longest stream; None where the container does not state it.
    """

    zero: float
    length: float | None


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a container for reading: a file object, known containers and no nested files.

    A playlist inside must not open anything else.

    Raises:
        DataError: What decoders raise within, in one line.
    """
    import av

    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    with media_errors(path):
        for further in ({}, _FURTHER):
            with (
                path.open("rb") as handle,
                av.open(handle, "r", container_options=options | further, io_open=_refuse) as container,
            ):
                unknown = [stream for stream in _media(container) if not _known(stream)]
                if further or not unknown:
                    for stream in unknown:
                        _learn(container, stream)
                    yield container
                    return


def stream_index(path: Path, container: Any, kind: str) -> int | None:
    """Return the index of the stream that a player would choose; None if there is none with anything in it.

    That is the one flagged as default, or else the first. Streams for the impaired, cover images and empty streams
    are no choice.

    Args:
        path: The file, which is opened again where only reading shows whether a stream is empty.
        container: The opened file.
        kind: "video" or "audio".
    """
    streams = [stream for stream in _media(container) if stream.type == kind]
    for stream in sorted(streams, key=_reluctance):
        if stream.frames or (kind == "video" and len(streams) == 1) or _has_packets(path, stream.index):
            return int(stream.index)
    return None


def has_stream(container: Any, kind: str) -> bool:
    """Return whether there is a "video" or "audio" stream, perhaps an empty one, other than a cover image."""
    return any(stream.type == kind for stream in _media(container))


def clock(path: Path, container: Any) -> Clock:
    """Return the clock of an opened file."""
    name = container.format.name.split(",")[0]
    streams = [stream for stream in _media(container) if stream.start_time is not None]
    meant = [stamps_of(path, container, stream.index).of(stream.start_time) for stream in streams]
    starts = [float(start * stream.time_base) for start, stream in zip(meant, streams, strict=True)]
    earliest = min(starts, default=0.0)
    frames = [start for start, stream in zip(starts, streams, strict=True) if stream.type == "video"]
    if name in _FROM_ZERO and _REORDERING < earliest <= _DELAY:
        zero = 0.0
    elif frames and min(frames) - earliest <= max(_BLOCK, _priming(container)):
        zero = min(frames)
    elif -_REORDERING < earliest < 0:
        zero = 0.0  # a codec's priming is not shown
    else:
        zero = earliest
    if name not in _STATED:
        return Clock(zero, None)
    ends = [end for stream in streams if (end := _end(name, stream)) is not None]
    if not ends and container.duration:
        begun = 0.0 if name in _TO_END else (container.start_time or 0) / 1e6
        ends = [begun + container.duration / 1e6]
    length = max(ends, default=zero) - zero
    return Clock(zero, length if length > 0 else None)


def stated_end(container: Any, stream: Any, time: Clock) -> float | None:
    """Return when a stream ends, in seconds on the file's clock, where the container states it."""
    end = _end(container.format.name.split(",")[0], stream) if time.length is not None else None
    return None if end is None else end - time.zero


def media_seconds(path: Path | str) -> float:
    """Return the length of a video or of audio without decoding it.

    Where the container does not state it, time stamps are read: the last ones, or all.

    Raises:
        DataError: Missing or broken file, or one without audio and video.
    """
    path = existing(path)
    with opened(path) as container:
        time = clock(path, container)
        estimated = (container.duration or 0) / 1e6
        by_stamps = container.format.name in _STAMPED
    length = time.length
    if length is None and by_stamps and estimated > 2 * _TAIL and len(part_shifts(path)) == 1:
        length = _stamped(path, time.zero, estimated - _TAIL)
    if length is None:
        length = _stamped(path, time.zero, None)
    if length is None:
        raise DataError(f"{path}: no audio and no video in it (0 seconds)")
    return length


def jumps(path: Path) -> bool:
    """Return whether the time stamps of a file's first audio stream begin late, leave gaps or begin anew.

    An Ogg file that was joined of several counts as well, where the demuxer lets its time stamps go on.
    """
    if joined(path):
        return True
    with opened(path) as container:
        streams = container.streams.audio
        if streams and ((streams[0].start_time or 0) > 0 or stamps_of(path, container, streams[0].index).given):
            return True
        end = None
        for packet in container.demux(streams[0]) if streams else ():
            if packet.pts is None or not packet.size:
                continue
            if end is not None and abs(packet.pts - end) * packet.time_base > _BLOCK:
                return True
            end = packet.pts + (packet.duration or 0)
    return False


def stamps_of(path: Path, container: Any, index: int) -> Stamps:
    """Return what the time stamps of a stream mean, where they are not what the demuxer says: in some Ogg files."""
    if container.format.name != "ogg" or container.streams[index].codec_context.name not in ("flac", "vp8", "libvpx"):
        return Stamps()
    status = path.stat()
    return _stamps_of(path, index, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _stamps_of(path: Path, index: int, size: int, time: int) -> Stamps:
    with opened(path) as container:
        stream = container.streams[index]
        codec = "flac" if stream.codec_context.name == "flac" else "vp8"
        found = [known for packet in container.demux(stream) if (known := packet_of(packet, codec)) is not None]
        return mended(found, (stream.start_time or 0) + (stream.duration or 0), codec)


def part_shifts(path: Path) -> tuple[float, ...]:
    """Return what to add to time stamps, in seconds, in each part of a file that was joined of several.

    Each part begins where the longest stream of the one before ends, so that audio and video stay together. The first
    number is 0; a file whose clock never begins anew has no other. Only containers that can be joined byte by byte are
    read for it, once while they do not change.
    """
    status = path.stat()
    return _part_shifts(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _part_shifts(path: Path, size: int, time: int) -> tuple[float, ...]:
    with opened(path) as container:
        if container.format.name not in _STAMPED:
            return (0.0,)
        streams: dict[int, tuple[int, float]] = {}
        begins: dict[int, float] = {}
        ends: dict[int, float] = {}
        for packet in container.demux(_media(container)):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or not packet.size:
                continue
            shown = float(stamp * packet.time_base)
            order = shown if packet.dts is None else float(packet.dts * packet.time_base)
            part, last = streams.get(packet.stream_index, (0, order))
            part += order < last - ANEW
            streams[packet.stream_index] = part, order
            begins[part] = min(begins.get(part, shown), shown)
            end = shown + float((packet.duration or 0) * packet.time_base)
            ends[part] = max(ends.get(part, end), end)
    shifts = [0.0]
    for part in range(1, len(begins)):
        shifts.append(shifts[-1] + ends[part - 1] - begins[part])
    return tuple(shifts)


def _stamped(path: Path, zero: float, start: float | None) -> float | None:
    """Return the end of the last packet from `start` on, in seconds; None if there is none."""
    with opened(path) as container:
        if start is not None:
            container.seek(int((zero + start) * 1e6), backward=True)
        ends: dict[int, float] = {}
        decoded: dict[int, float] = {}
        parts: dict[int, int] = {}
        for packet in container.demux(_media(container)):
            stamps = [stamp for stamp in (packet.dts, packet.pts) if stamp is not None]
            if not stamps or not packet.size:
                continue
            index = packet.stream_index
            meant = stamps_of(path, container, index)
            order, shown = [float(meant.of(stamps[at]) * packet.time_base) - zero for at in (0, -1)]
            if order < decoded.get(index, order) - ANEW:
                parts[index] = parts.get(index, 0) + 1
            decoded[index] = order
            end = shown + float((packet.duration or 0) * packet.time_base)
            part = parts.get(index, 0)
            if part:
                shifts = part_shifts(path)
                end += shifts[min(part, len(shifts) - 1)]
            ends[index] = max(ends.get(index, 0.0), end)
    length = max(ends.values(), default=0.0)
    return length if length > 0 else None


def _end(name: str, stream: Any) -> float | None:
    if not stream.duration or stream.start_time is None:
        return None
    return float((stream.duration + (0 if name in _TO_END else stream.start_time)) * stream.time_base)


def _priming(container: Any) -> float:
    """Return the seconds by which encoders may let audio begin before the video, and the rounding of a time stamp."""
    streams = [stream for stream in container.streams.audio if stream.rate]
    return max((_PRIMING.get(each.codec_context.name, 0) / each.rate + 0.001 for each in streams), default=0.0)


def _media(container: Any) -> list[Any]:
    from av.stream import Disposition

    streams = [*container.streams.video, *container.streams.audio]
    return [stream for stream in streams if not stream.disposition & Disposition.attached_pic]


def _known(stream: Any) -> bool:
    """Return whether enough of a stream was seen to decode it."""
    return bool(stream.rate and stream.channels if stream.type == "audio" else stream.width)


def _learn(container: Any, stream: Any) -> None:
    """Decode a first frame of a stream of which looking told nothing: of .m2ts, where it begins late."""
    import av

    with suppress(av.FFmpegError):
        next(container.decode(stream), None)
        container.seek(0, backward=True)


def _reluctance(stream: Any) -> tuple[bool, bool, int]:
    from av.stream import Disposition

    other = Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.comment
    return bool(stream.disposition & other), not stream.disposition & Disposition.default, stream.index


def _has_packets(path: Path, index: int) -> bool:
    with opened(path) as container:
        return any(packet.size for packet in container.demux(container.streams[index]))


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise ValueError("it refers to another file")
