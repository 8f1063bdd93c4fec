"""Reading and writing of video and its audio track, with PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from mmx.errors import DataError
from mmx.media.containers import Clock, clock, has_stream, media_seconds, opened, stamps_of, stated_end, stream_index
from mmx.media.decoding import ROUNDING, frames_from, samples_from
from mmx.media.size_limits import (
    MEDIA_LIMITS,
    Limits,
    check_audio,
    check_pixels,
    check_window,
    checked_audio,
    existing,
    media_errors,
)
from mmx.support.files import replacing
from mmx.types import Audio, Video

_UNEVEN: Final = 1.5
"""Frames' lengths by the average rate from which on a frame lasted longer than others."""
_UNSURE: Final = 0.01
"""Difference of the average rate and the one that a decoder guesses from which on frames may be uneven."""
_BLOCKS: Final = 0.1
"""Seconds by which audio may end after the video only because its codec works in blocks."""
_LOOKED_AT: Final = 5000
"""Packets whose time stamps tell how long frames last."""
_FASTEST: Final = 1000.0
_PLAUSIBLE: Final = 300.0
"""Most frames per second that a file is believed to have: some write their clock's ticks there."""
_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Rates that every player of AAC knows."""


def read_video(
    path: Path | str,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    shortest: int | None = None,
    start: float = 0.0,
    seconds: float | None = None,
    limits: Limits = MEDIA_LIMITS,
) -> Video:
    """Read a video as RGB frames, rotated upright, with square pixels.

    Frames are where the file's clock says, whose zero is the earliest beginning of its audio and video. The first
    frame is also shown before a late beginning, the last one as long as the file says, and while audio goes on.

    Args:
        path: The file.
        fps: Frames per second to deliver; each is the one that is shown at that moment. None: the video's own;
            where its frames last unequally long, that of its shortest ones, so that changes are seen when they happen.
        size: (height, width) to scale to; None: the video's own.
        shortest: Scale down so that the shorter side has this many pixels, keeping proportions; not with `size`. Frames
            are scaled while they are decoded, which is much cheaper than afterwards.
        start: Where to begin, in seconds.
        seconds: How much to read; None means to the end.
        limits: Refuse what is larger.

    Raises:
        DataError: Missing, empty or broken file; no frames in the window; too large.
    """
    path = existing(path)
    check_window(path, start, seconds)
    if fps is not None and not 0 < fps <= _FASTEST:
        raise DataError(f"{path}: fps must be above 0 and at most {_FASTEST:g}, not {fps}")
    if (size is not None and min(size) < 1) or (shortest is not None and shortest < 1):
        raise DataError(f"{path}: size must be (height, width) of at least 1, not {size or shortest}")
    with opened(path) as container:
        stream, time = _stream(path, container, "video"), clock(path, container)
        native = _native_rate(stream)
        _check_length(path, time, start, seconds, limits)
        sar = float(stream.sample_aspect_ratio or 1)
        wide, high = _displayed(stream.codec_context.width, stream.codec_context.height, sar)
        check_pixels(path, wide, high, limits)
        index, end = stream.index, stated_end(container, stream, time)
        uneven = abs(native / float(stream.guessed_rate or native) - 1) > _UNSURE
        uneven = uneven or bool(stamps_of(path, container, index).given)
        beside_audio = has_stream(container, "audio")
    rate = fps or (_finest_rate(path, index, native) if uneven else native)
    with media_errors(path):
        timed = frames_from(path, index, time, start, native)
        show = partial(_rgb, sar=sar, size=size, shortest=shortest)
        until = partial(_end, path, time, end, native, beside_audio)
        shown = _at_rate(timed, show, until, native, rate, start, seconds)
        frames = list(_limited(path, shown, rate, limits))
    if not frames:
        raise _nothing(path, start, "frames")
    return Video(np.stack(frames), rate)


def read_video_audio(
    path: Path | str, *, start: float = 0.0, seconds: float | None = None, limits: Limits = MEDIA_LIMITS
) -> Audio:
    """Read the audio of a video, all channels, at its own rate.

    Samples are where the file's clock says: before a late beginning, in gaps, and where the audio ends before the
    video does, there is silence.

    Raises:
        DataError: Missing, empty or broken file; no audio in the window; samples that are not finite; too large.
    """
    path = existing(path)
    check_window(path, start, seconds)
    with opened(path) as container:
        stream, time = _stream(path, container, "audio"), clock(path, container)
        rate, channels, beside_video = int(stream.rate), int(stream.channels), has_stream(container, "video")
        check_audio(path, channels=channels, rate=rate, limits=limits)
        _check_length(path, time, start, seconds, limits)
        index = stream.index
    first, stop = round(start * rate), round((start + (seconds or limits.seconds)) * rate)
    if seconds is not None and first < stop:
        stop = max(stop, first + 1)
    at, pieces = first, []
    with media_errors(path):
        for position, samples_CT in samples_from(path, index, time, start):
            if position >= stop and seconds is None:
                _too_long(path, limits)
            if position > at:
                pieces.append(np.zeros((len(samples_CT), min(position, stop) - at), np.float32))
                at = min(position, stop)
            if at >= stop:
                break
            pieces.append(samples_CT[:, max(0, at - position) : stop - position])
            at += pieces[-1].shape[1]
            if (at - first) * channels * 4 > limits.megabytes * 1e6:
                raise DataError(f"{path}: more than {limits.megabytes:g} MB of audio; give start and seconds")
        if at < stop and beside_video:
            missing = min(stop, round((time.length or media_seconds(path)) * rate)) - at
            pieces.append(np.zeros((len(pieces[0]) if pieces else channels, max(0, missing)), np.float32))
    joined = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
    if not joined.shape[1]:
        raise _nothing(path, start, "audio") if start else DataError(f"{path}: no audio in it (0 seconds)")
    return checked_audio(path, joined, rate)


def has_audio(path: Path | str) -> bool:
    """Return whether a video has an audio track that is not empty.

    Raises:
        DataError: Missing or broken file.
    """
    path = existing(path)
    with opened(path) as container:
        return stream_index(path, container, "audio") is not None


def video_seconds(path: Path | str) -> float:
    """Return the length of a video (or of its audio, where that is all there is) without decoding it.

    Where the container does not state it, it is found from the time stamps.

    Raises:
        DataError: Missing or broken file, or one without audio and video.
    """
    return media_seconds(path)


def write_video(path: Path | str, video: Video, audio: Audio | None = None) -> Path:
    """Write an MP4 (H.264, AAC) that browsers play. An odd height or width gets one more row or column.

    Raises:
        DataError: Another suffix than .mp4, frames that are not uint8 (time, height, width, 3), no frames.
    """
    import av

    path = Path(path)
    frames = np.asarray(video.frames_THWC)
    if path.suffix.lower() != ".mp4":
        raise DataError(f"{path}: video is written as .mp4")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise DataError(f"{path}: a video must be uint8 (time, height, width, 3), not {frames.dtype} {frames.shape}")
    odd = [(0, frames.shape[1] % 2), (0, frames.shape[2] % 2)]
    frames = np.pad(frames, [(0, 0), *odd, (0, 0)], mode="edge")
    with replacing(path) as temporary, media_errors(path), _writing(temporary) as container:
        rate = Fraction(video.fps).limit_denominator(1001)
        frames_out = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        frames_out.height, frames_out.width, frames_out.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        track = None if audio is None else _add_audio(container, path, audio)
        for frame in frames:
            container.mux(frames_out.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(frames_out.encode(None))
        if track is not None:
            _encode_audio(container, *track)
    return path


def _writing(path: Path) -> Any:
    import av

    return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})


def _stream(path: Path, container: Any, kind: str) -> Any:
    index = stream_index(path, container, kind)
    if index is None:
        raise DataError(f"{path}: no {kind} in it{' (0 seconds)' if has_stream(container, kind) else ''}")
    return container.streams[index]


def _native_rate(stream: Any) -> float:
    """Return frames per second: on average, where the file says so, else 25."""
    rates = (float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate)
    return next((rate for rate in rates if 0 < rate <= _PLAUSIBLE), 25.0)


def _finest_rate(path: Path, index: int, native: float) -> float:
    """Return frames per second of the shortest frames by the time stamps; the average where all last equally long."""
    with opened(path) as container:
        packets, meant = container.demux(container.streams[index]), stamps_of(path, container, index)
        stamps = sorted(
            float(meant.of(each.pts) * each.time_base) for each in islice(packets, _LOOKED_AT) if each.pts is not None
        )
    gaps = np.diff(stamps)
    gaps = gaps[gaps > 1 / _PLAUSIBLE]
    if not len(gaps):
        return native
    shortest = float(np.quantile(gaps, 0.05, method="lower"))
    return native if native * shortest > 1 / _UNEVEN and gaps.max() < _UNEVEN * shortest else round(1 / shortest, 3)


def _end(
    path: Path,
    time: Clock,
    stated: float | None,
    native: float,
    beside_audio: bool,
    last: float,
    gap: float,
    frame: Any,
) -> float:
    """Return when the last frame, shown from `last` on, ends.

    That is where the container says that the stream ends; else a frame lasts as long as others do. It is held to the
    end of the file where audio goes on for longer than codecs' blocks explain, and where the frame before it lasted
    longer than others (`gap`, in seconds), so that rates say nothing.
    """
    if stated is not None and stated > last:
        end = stated
    elif gap > _UNEVEN / native:
        return max(last, _length(path, time))
    else:
        end = last + (float(frame.duration * frame.time_base) if frame.duration else 1 / native)
        end = end if time.length is None or time.length <= last else min(end, time.length)
    if beside_audio and (length := _length(path, time)) > end + _BLOCKS:
        return length
    return end


def _length(path: Path, time: Clock) -> float:
    return media_seconds(path) if time.length is None else time.length


def _check_length(path: Path, time: Clock, start: float, seconds: float | None, limits: Limits) -> None:
    wanted = seconds if time.length is None or seconds is not None else time.length - start
    if wanted is not None and wanted > limits.seconds:
        _too_long(path, limits, wanted)


def _nothing(path: Path, start: float, what: str) -> DataError:
    length = media_seconds(path)
    late = f"starts at {start:g} s, but is {length:g} s long"
    return DataError(f"{path}: {late if start >= length else f'no {what} from {start:g} s on'}")


def _too_long(path: Path, limits: Limits, wanted: float | None = None) -> NoReturn:
    length = "longer" if wanted is None else f"{wanted:,.0f} s at once"
    raise DataError(f"{path}: {length}; at most {limits.seconds:g} s are read: give start and seconds")


def _displayed(width: int, height: int, sar: float) -> tuple[int, int]:
    """Return width and height in square pixels, from the sample aspect ratio (width by height of a pixel)."""
    return (width, height) if sar == 1 else (max(1, round(width * sar)), height)


def _rgb(frame: Any, *, sar: float, size: tuple[int, int] | None, shortest: int | None) -> np.ndarray:
    quarters = round(frame.rotation / 90) % 4
    width, height = _displayed(frame.width, frame.height, sar)
    if size is not None:
        height, width = size[::-1] if quarters % 2 else size
    elif shortest is not None and min(height, width) > shortest:
        scale = shortest / min(height, width)
        height, width = max(shortest, round(height * scale)), max(shortest, round(width * scale))
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _at_rate(
    timed: Iterator[tuple[float, Any]],
    show: Callable[[Any], np.ndarray],
    end: Callable[[float, float, Any], float],
    native: float,
    rate: float,
    start: float,
    seconds: float | None,
) -> Iterator[np.ndarray]:
    """Yield the frame shown at start, start + 1/rate, ...: the last one that began by then, or else the first.

    Args:
        timed: Seconds and frame.
        show: From a frame to its pixels.
        end: From the time of the last frame, that since the one before, and the frame, when it ends.
        native: The video's own frames per second.
        rate: Frames per second to yield.
        start: The first moment.
        seconds: How long; None means to the end.
    """
    stop = (np.inf if seconds is None else start + seconds) - 1e-6
    count, shown, pixels, gap = 0, None, None, 0.0

    def until(last: float) -> Iterator[np.ndarray]:
        nonlocal count, pixels
        while shown is not None and start + count / rate < min(last, stop):
            pixels = show(shown[1]) if pixels is None else pixels
            yield pixels
            count += 1

    for time, frame in timed:
        yield from until(time - ROUNDING)
        if shown is not None and start + count / rate >= stop:
            return
        gap = 0.0 if shown is None else time - shown[0]
        shown, pixels = (time, frame), None
        if time - ROUNDING >= stop:  # the window ends before the first frame: that is shown
            yield from until(stop)
            return
    if shown is not None:
        # What would be seen for less than a quarter of a frame is the rounding of lengths.
        yield from until(end(shown[0], gap, shown[1]) - 0.25 / max(native, rate))


def _limited(path: Path, frames: Iterator[np.ndarray], fps: float, limits: Limits) -> Iterator[np.ndarray]:
    size = 0
    for index, frame in enumerate(frames):
        size += frame.nbytes
        if index > limits.seconds * fps:
            _too_long(path, limits)
        if size > limits.megabytes * 1e6:
            raise DataError(f"{path}: more than {limits.megabytes:g} MB of frames; give fps, size or seconds")
        yield frame


def _add_audio(container: Any, path: Path, audio: Audio) -> tuple[Any, np.ndarray, int]:
    checked = checked_audio(path, audio.samples_CT, audio.rate)
    samples_CT = checked.samples_CT if checked.samples_CT.shape[0] <= 2 else checked.samples_CT.mean(0, keepdims=True)
    rate = next((rate for rate in _RATES if rate >= audio.rate), _RATES[-1])
    stream = container.add_stream("aac", rate=rate, layout="stereo" if samples_CT.shape[0] == 2 else "mono")
    return stream, np.clip(samples_CT, -1, 1), audio.rate


def _encode_audio(container: Any, stream: Any, samples_CT: np.ndarray, rate: int) -> None:
    import av

    layout = stream.layout.name
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=stream.rate, frame_size=stream.frame_size or 1024)
    for first in range(0, samples_CT.shape[1], rate):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples_CT[:, first : first + rate]), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
    for piece in resampler.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
