"""Reading and writing of video and its audio track, with PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from mmx.errors import DataError
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

_SEEK_FROM: Final = 30.0
"""Seconds from the beginning below which decoding everything is cheaper than seeking."""
_FASTEST: Final = 1000.0
_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Rates that every player of AAC knows."""
_CONTAINERS: Final = "mov,matroska,webm,avi,mpeg,mpegts,ogg,flv,gif,asf,wav,mp3,aac,flac,aiff,amr,caf,apng,webp_pipe"


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
    """Read a video as RGB frames, rotated upright.

    Args:
        path: The file.
        fps: Frames per second to deliver; each is the one that is shown at that moment. None: the video's own.
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
    with _opened(path, "video") as (container, stream):
        native = float(stream.average_rate or stream.guessed_rate or 25)
        _check_length(path, container, start, seconds, limits)
        check_pixels(path, stream.codec_context.width, stream.codec_context.height, limits)
        timed = _upright(container, stream, native, start, size, shortest)
        frames = list(_limited(path, _at_rate(timed, native, fps or native, start, seconds), fps or native, limits))
    if not frames:
        raise DataError(f"{path}: no frames from {start:g} s on")
    return Video(np.stack(frames), fps or native)


def read_video_audio(
    path: Path | str, *, start: float = 0.0, seconds: float | None = None, limits: Limits = MEDIA_LIMITS
) -> Audio:
    """Read the audio of a video, all channels, at its own rate.

    Raises:
        DataError: Missing, empty or broken file; no audio in the window; samples that are not finite; too large.
    """
    path = existing(path)
    check_window(path, start, seconds)
    with _opened(path, "audio") as (container, stream):
        rate = int(stream.rate)
        check_audio(path, channels=stream.channels, rate=rate, limits=limits)
        _check_length(path, container, start, seconds, limits)
        first, stop = round(start * rate), round((start + (seconds or limits.seconds)) * rate)
        pieces = []
        for position, samples_CT in _decoded_audio(container, stream, start):
            if position >= stop:
                if seconds is None:
                    _too_long(path, limits)
                break
            pieces.append(samples_CT[:, max(0, first - position) : stop - position])
    joined = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
    if not joined.shape[1]:
        raise DataError(f"{path}: no audio from {start:g} s on")
    return checked_audio(path, joined, rate)


def has_audio(path: Path | str) -> bool:
    """Return whether a video has an audio track.

    Raises:
        DataError: Missing or broken file.
    """
    import av

    path = existing(path)
    with media_errors(path), path.open("rb") as handle:
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        with av.open(handle, "r", container_options=options, io_open=_refuse) as container:
            return bool(container.streams.audio)


def video_seconds(path: Path | str) -> float:
    """Return the length of a video (or of its audio, where that is all there is) without decoding it.

    Raises:
        DataError: Missing or broken file, or one that does not state its length.
    """
    import av

    path = existing(path)
    with media_errors(path), path.open("rb") as handle:
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        with av.open(handle, "r", container_options=options, io_open=_refuse) as container:
            length = (container.duration or 0) / 1e6
    if not length > 0:
        raise DataError(f"{path}: does not say how long it is; rewrite it as .mp4")
    return float(length)


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


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[Any, Any]]:
    import av

    with media_errors(path), path.open("rb") as handle:
        # A file object, known containers and no nested files: a playlist inside must not open anything else.
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        with av.open(handle, "r", container_options=options, io_open=_refuse) as container:
            streams = container.streams.video if kind == "video" else container.streams.audio
            if not streams:
                raise DataError(f"{path}: no {kind} in it")
            yield container, streams[0]


def _writing(path: Path) -> Any:
    import av

    return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise ValueError("it refers to another file")


def _check_length(path: Path, container: Any, start: float, seconds: float | None, limits: Limits) -> None:
    length = (container.duration or 0) / 1e6
    wanted = length - start if seconds is None else seconds
    if length and start >= length:
        raise DataError(f"{path}: starts at {start:g} s, but is {length:g} s long")
    if wanted > limits.seconds:
        _too_long(path, limits, wanted)


def _too_long(path: Path, limits: Limits, wanted: float | None = None) -> NoReturn:
    length = "longer" if wanted is None else f"{wanted:,.0f} s at once"
    raise DataError(f"{path}: {length}; at most {limits.seconds:g} s are read: give start and seconds")


def _seek(container: Any, stream: Any, start: float) -> float:
    """Go near `start` if that pays, and return the time of the stream's own beginning in seconds."""
    if start > _SEEK_FROM:
        container.seek(int((start - 1.0) * 1e6), backward=True)
    return float((stream.start_time or 0) * stream.time_base)


def _upright(
    container: Any, stream: Any, native: float, start: float, size: tuple[int, int] | None, shortest: int | None
) -> Iterator[tuple[float, Any]]:
    """Yield (seconds, function that returns the RGB frame)."""
    origin = _seek(container, stream, start)
    for index, frame in enumerate(container.decode(stream)):
        time = index / native if frame.time is None else float(frame.time) - origin
        yield time, lambda frame=frame: _rgb(frame, size, shortest)


def _rgb(frame: Any, size: tuple[int, int] | None, shortest: int | None) -> np.ndarray:
    quarters = round(frame.rotation / 90) % 4
    height, width = size or (None, None)
    if quarters % 2:
        height, width = width, height
    if size is None and shortest is not None and min(frame.height, frame.width) > shortest:
        scale = shortest / min(frame.height, frame.width)
        height, width = max(shortest, round(frame.height * scale)), max(shortest, round(frame.width * scale))
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _at_rate(
    timed: Iterator[tuple[float, Any]], native: float, rate: float, start: float, seconds: float | None
) -> Iterator[np.ndarray]:
    """Yield the frame shown at start, start + 1/rate, ...: the last one that began before that moment."""
    stop = np.inf if seconds is None else start + seconds
    early = 0.25 / native  # containers round times
    count, shown, pixels, time = 0, None, None, -np.inf

    def moment() -> float:
        return start + count / rate

    for time, current in timed:
        while shown is not None and moment() < min(time - early, stop - 1e-6):
            pixels = shown() if pixels is None else pixels
            yield pixels
            count += 1
        if time - early >= stop:
            return
        shown, pixels = current, None
    while shown is not None and moment() < min(time + 1 / native - early, stop - 1e-6):
        pixels = shown() if pixels is None else pixels
        yield pixels
        count += 1


def _limited(path: Path, frames: Iterator[np.ndarray], fps: float, limits: Limits) -> Iterator[np.ndarray]:
    size = 0
    for index, frame in enumerate(frames):
        size += frame.nbytes
        if index > limits.seconds * fps:
            _too_long(path, limits)
        if size > limits.megabytes * 1e6:
            raise DataError(f"{path}: more than {limits.megabytes:g} MB of frames; give fps, size or seconds")
        yield frame


def _decoded_audio(container: Any, stream: Any, start: float) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position in samples, float32 samples_CT)."""
    import av

    resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    origin = _seek(container, stream, start)
    position = None
    for frame in container.decode(stream):
        if position is None:
            position = 0 if frame.time is None else round((float(frame.time) - origin) * stream.rate)
        for piece in resampler.resample(frame):
            samples_CT = piece.to_ndarray()
            yield position, samples_CT
            position += samples_CT.shape[1]


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
