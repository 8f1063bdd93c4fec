"""Decoding of video frames and audio from a moment on, placed by their time stamps on the file's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from mmx.media.containers import ANEW, Clock, opened, part_shifts, stamps_of

_SEEK_FROM: Final = 30.0
"""Seconds from the beginning below which decoding everything is cheaper than seeking."""
_BEFORE: Final = (1.0, 4.0, 16.0, 64.0, 256.0)
"""Seconds before the wanted moment to seek to, one after the other: containers without an index land too late."""
_UNSTAMPED: Final = frozenset(("mpeg",))
"""Containers that stamp only some frames: after a seek those up to the next stamp are off by a part of a frame, so that
packets are counted from the beginning instead, which costs no decoding."""
_KEPT: Final = 64 << 20
"""Most bytes of packets that wait for a key frame."""
ROUNDING: Final = 0.0021
"""Seconds by which a time stamp may be off: Matroska, ASF and FLV round to milliseconds (two of them, and a bit, so
that no sum of them is exactly this)."""
_WARM: Final = 0.3
"""Seconds of audio that decoders need after a seek before what they give is right (MP3 keeps bits back for ten
frames, Opus needs 80 ms)."""
_STEADY: Final = 0.1
"""Seconds before a window at which the position is taken from the time stamps; what is decoded before is not used."""
_BROKEN: Final = (2, 0.02)
"""Packets, and share of those read, that may be undecodable."""
_JUMP: Final = (0.01, 0.75, 0.05)
"""Least seconds, share of a frame and most seconds that a time stamp must be off to be a gap, and no rounding."""


class _Piece(NamedTuple):
    """Decoded audio: its position by the time stamp, float32 samples, its rate, and a time stamp's tick in samples."""

    position: int | None
    samples_CT: np.ndarray
    rate: int
    tick: float


def frames_from(path: Path, index: int, time: Clock, start: float, native: float) -> Iterator[tuple[float, Any]]:
    """Yield (seconds on the file's clock, frame) in order, the first one at or before `start` if there is one.

    Args:
        path: The file.
        index: Its video stream.
        time: Its clock.
        start: First moment that is wanted, in seconds.
        native: Frames per second, for frames without a time stamp.
    """
    for before in _seeks(path, start):
        with opened(path) as container:
            frames = _timed(path, container, index, time, before, native)
            if before is not None:
                frames = _after_key(frames, start)
            first = next(frames, None)
            if before is None or (first is not None and first[0] <= start + ROUNDING):
                yield from frames if first is None else chain([first], frames)
                return


def samples_from(path: Path, index: int, time: Clock, start: float) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position in samples on the file's clock, float32 samples_CT), at or before `start` if there are such.

    Pieces that follow one another within the rounding of time stamps are joined without a gap. Positions after a gap
    are those of the time stamps.

    Args:
        path: The file.
        index: Its audio stream.
        time: Its clock.
        start: First moment that is wanted, in seconds.
    """
    grid = None
    for before in _seeks(path, start):
        with opened(path) as container:
            if before is not None and grid is None:
                grid = _grid(path, container, index, time)
            pieces = _pieces(path, container, index, time, before)
            first = next(pieces, None)
            late = first is None or first.position is None or first.position > (start - _WARM) * first.rate
            if before is None or not late:
                window = None if before is None else start
                yield from _joined(path, pieces if first is None else chain([first], pieces), window, grid)
                return


def _seeks(path: Path, start: float) -> Iterator[float | None]:
    """Yield moments to seek to, in seconds; at last None, the beginning, alone if a file was joined."""
    if start > _SEEK_FROM and len(part_shifts(path)) == 1:
        yield from (start - each for each in _BEFORE if each < start)
    yield None


def _goto(container: Any, time: Clock, before: float | None) -> bool:
    """Seek; return whether that was possible."""
    import av

    if before is not None:
        try:
            container.seek(int((time.zero + before) * 1e6), backward=True)
        except (av.FFmpegError, OSError):
            return False
    return True


def _timed(
    path: Path, container: Any, index: int, time: Clock, before: float | None, native: float
) -> Iterator[tuple[float, Any]]:
    stream = container.streams[index]
    if before is not None and container.format.name in _UNSTAMPED:
        packets = _from_key(container.demux(stream), time.zero + before)
    elif _goto(container, time, before):
        packets = container.demux(stream)
    else:
        return
    meant = stamps_of(path, container, index)
    last, shift, part = None if before is not None else -1 / native, 0.0, 0
    for frame in _decoded(packets, lenient=before is not None):
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is not None:
            now = float(meant.of(stamp) * frame.time_base) - time.zero + shift
            if last is not None and now < last - ANEW:
                part += 1
                added = _shift(path, part, shift + last + 1 / native - now) - shift
                now, shift = now + added, shift + added
            last = now
        elif last is not None:
            last += 1 / native
        else:
            continue  # after a seek, and nobody knows where
        yield last, frame


def _shift(path: Path, part: int, otherwise: float) -> float:
    """Return what to add to the time stamps of a part of a joined file, in seconds."""
    shifts = part_shifts(path)
    return shifts[part] if part < len(shifts) else otherwise


def _after_key(frames: Iterator[tuple[float, Any]], start: float) -> Iterator[tuple[float, Any]]:
    """Leave out frames before the first key frame: they refer to frames that were not decoded."""
    for time, frame in frames:
        if frame.key_frame and not frame.is_corrupt:
            yield time, frame
            yield from frames
        if time > start + ROUNDING:
            return


def _from_key(packets: Iterator[Any], moment: float) -> Iterator[Any]:
    """Pass by packets up to the last key frame before a moment, in seconds of time stamps, without decoding them."""
    kept: list[Any] = []
    size = 0
    for packet in packets:
        stamp = packet.dts if packet.pts is None else packet.pts
        late = stamp is None or float(stamp * packet.time_base) > moment
        if packet.is_keyframe and not late:
            kept, size = [], 0
        kept.append(packet)
        size += packet.size
        if late or size > _KEPT:
            break
    yield from kept
    yield from packets


def _decoded(packets: Iterable[Any], *, lenient: bool) -> Iterator[Any]:
    """Decode a stream; single packets that cannot be are left out, and after a seek the first ones.

    Files that were joined, or lost a piece on their way, have such packets, and players skip them.

    Raises:
        av.InvalidDataError: More of them than belong to an otherwise good file.
    """
    import av

    read = broken = 0
    for packet in packets:
        read += 1
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            broken += not lenient
            if broken > _BROKEN[0] + _BROKEN[1] * read:
                raise
            continue
        lenient = lenient and not frames
        yield from frames


def _pieces(path: Path, container: Any, index: int, time: Clock, before: float | None) -> Iterator[_Piece]:
    import av

    if not _goto(container, time, before):
        return
    stream, meant = container.streams[index], stamps_of(path, container, index)
    if before is not None and stream.codec_context.name == "flac" and container.format.name == "ogg":
        return  # after a seek the packets of the first page may have any time stamps
    rate, made_for = int(stream.rate), None
    resampler: Any = None
    for frame in _decoded(container.demux(stream), lenient=before is not None):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != made_for:  # broadcasts change their channels in the middle
            resampler, made_for = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate), kind
        position = None
        if frame.pts is not None:
            position = round((float(meant.of(frame.pts) * frame.time_base) - time.zero) * rate)
        tick = 1.0 if frame.time_base is None else float(frame.time_base) * rate
        for part in resampler.resample(frame):
            samples_CT = part.to_ndarray()
            yield _Piece(position, samples_CT, rate, tick)
            position = None if position is None else position + samples_CT.shape[1]


def _grid(path: Path, container: Any, index: int, time: Clock) -> tuple[int, int] | None:
    """Return a position where a frame begins and the size of frames, in samples; None if they differ in size."""
    firsts = list(islice(_joined(path, _pieces(path, container, index, time, None), None, None), 1, 3))
    sizes = {samples_CT.shape[1] for _, samples_CT in firsts}
    return (firsts[0][0], sizes.pop()) if len(firsts) == 2 and len(sizes) == 1 else None


def _joined(
    path: Path, pieces: Iterable[_Piece], start: float | None, grid: tuple[int, int] | None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield pieces at their positions: the time stamp's where it shows a gap, else where the last piece ended.

    Args:
        path: The file.
        pieces: In order.
        start: Seconds of the beginning of the window, after a seek; None where decoding began at the beginning.
        grid: Where frames begin, and their size: rounded time stamps are taken to the nearest such place. None: found
            on the way.
    """
    least, share, most = _JUMP
    expected: int | None = None if start is not None else 0
    begun, last, shift, part = False, 0, 0, 0
    for position, samples_CT, rate, tick in pieces:
        count = samples_CT.shape[1]
        at = expected if position is None else position + shift
        if begun and at is not None and expected is not None and at < expected - ANEW * rate:
            part += 1
            added = round(_shift(path, part, (shift + expected - at) / rate) * rate) - shift
            at, shift = at + added, shift + added
        if at is None or (start is not None and not begun and at + count < (start - _STEADY) * rate):
            continue
        if begun and expected is not None and abs(at - expected) <= min(max(share * count, least * rate), most * rate):
            at = expected
            grid = (at, count) if grid is None and count == last else grid
        elif grid is not None and count == grid[1]:
            place = grid[0] + round((at - grid[0]) / count) * count
            at = place if abs(at - place) <= tick + 1 else at
        yield at, samples_CT
        begun, expected, last = True, at + count, count
