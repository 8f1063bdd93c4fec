"""Media files with known content: numbered frames, and bursts of tone at each whole second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 9
HEIGHT, WIDTH = 32, 8 * BITS
BURST = 0.3
"""Seconds of tone after each whole second."""


@dataclass(frozen=True)
class Plan:
    """What a file holds; times in seconds.

    Attributes:
        suffix: Of the file.
        container: FFmpeg's name of the format.
        video: Codec; empty for none.
        audio: Codec; empty for none.
        fps: Frames per second.
        times: Of the frames; None = regular.
        seconds: Length of audio, and of regular frames.
        video_starts: When the first frame is shown.
        audio_starts: When the audio starts.
        audio_ends: How long the audio is, if other than `seconds`.
        gap: Audio packets from here to there are lost.
        gop: Frames from one key frame to the next.
        rate: Samples per second.
        options: Of the muxer.
    """

    suffix: str
    container: str
    video: str
    audio: str
    fps: int = 10
    times: Sequence[float] | None = None
    seconds: float = 8.0
    video_starts: float = 0.0
    audio_starts: float = 0.0
    audio_ends: float | None = None
    gap: tuple[float, float] | None = None
    gop: int = 30
    rate: int = 48_000
    options: Mapping[str, str] = field(default_factory=dict)

    def but(self, **changes: Any) -> Plan:
        """Return the plan with changes."""
        return replace(self, **changes)


CONTAINERS = {
    plan.suffix: plan
    for plan in (
        Plan("mp4", "mp4", "libx264", "aac"),
        Plan("mov", "mov", "libx264", "aac"),
        Plan("mkv", "matroska", "libx264", "aac"),
        Plan("webm", "webm", "libvpx", "libopus"),
        Plan("avi", "avi", "mpeg4", "libmp3lame", fps=25),
        Plan("ts", "mpegts", "libx264", "mp2"),
        Plan("mpg", "mpeg", "mpeg2video", "mp2", fps=25),
        Plan("ogv", "ogg", "libvpx", "libopus"),
        Plan("wmv", "asf", "wmv2", "wmav2", fps=25),
        Plan("flv", "flv", "flv", "aac", fps=25, rate=44_100),
        Plan("wma", "asf", "", "wmav2"),
        Plan("m4a", "mp4", "", "aac"),
        Plan("mp3", "mp3", "", "libmp3lame"),
        Plan("opus", "ogg", "", "libopus"),
        Plan("oga", "ogg", "", "flac"),
        Plan("aac", "adts", "", "aac"),
    )
}


def numbered(number: int) -> np.ndarray:
    """Return an image of a number in bits, dark and light."""
    bits = [230 if number >> bit & 1 else 20 for bit in range(BITS)]
    return np.broadcast_to(np.repeat(np.array(bits, np.uint8), 8)[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def numbers(frames_THWC: np.ndarray) -> list[int]:
    """Return the numbers that are shown on frames of any size."""
    wide = frames_THWC.shape[2] / BITS
    columns_TW = frames_THWC[:, 8:-8].mean((1, 3))
    lit = [columns_TW[:, round((bit + 0.25) * wide) : round((bit + 0.75) * wide)].mean(1) > 125 for bit in range(BITS)]
    return [int(sum(int(light[at]) << bit for bit, light in enumerate(lit))) for at in range(len(frames_THWC))]


def bursts(seconds: float, rate: int) -> np.ndarray:
    """Return bursts of tone (T,), of another pitch in each of seven seconds."""
    time_T = np.arange(round(seconds * rate)) / rate
    tone_T = 0.4 * np.sin(2 * np.pi * (300 + 40 * (np.floor(time_T) % 7)) * time_T)
    return (tone_T * (time_T % 1 < BURST)).astype(np.float32)


def onsets(samples_CT: np.ndarray, rate: int) -> list[float]:
    """Return when bursts begin, in seconds."""
    loud = np.flatnonzero(np.abs(samples_CT[0]) > 0.05)
    first = loud[np.r_[True, np.diff(loud) > 0.3 * rate]]
    return [round(float(at) / rate, 3) for at in first]


def make(folder: Path, plan: Plan) -> Path:
    """Write the file of a plan."""
    path = folder / f"made.{plan.suffix}"
    with av.open(str(path), "w", format=plan.container, options=dict(plan.options)) as container:
        video = _add_video(container, plan) if plan.video else None
        audio = _add_audio(container, plan) if plan.audio else None
        packets = [*(_frames(video, plan) if video else ()), *(_samples(audio, plan) if audio else ())]
        for packet in sorted(packets, key=lambda each: float(each.dts * each.time_base)):
            moment = float(packet.pts * packet.time_base)
            if not (packet.stream.type == "audio" and plan.gap and plan.gap[0] <= moment < plan.gap[1]):
                container.mux(packet)
    return path


def mux_audio(container: Any, stream: Any, samples_T: np.ndarray, rate: int) -> None:
    """Encode one channel of samples and write it."""
    for packet in _encoded(stream, samples_T, rate, 0.0):
        container.mux(packet)


def _add_video(container: Any, plan: Plan) -> Any:
    stream = container.add_stream(plan.video, rate=plan.fps)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.bit_rate, stream.gop_size = 2_000_000, plan.gop
    if plan.times is not None:
        stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _add_audio(container: Any, plan: Plan) -> Any:
    stream = container.add_stream(plan.audio, rate=plan.rate, layout="mono")
    stream.bit_rate = 128_000
    return stream


def _frames(stream: Any, plan: Plan) -> list[Any]:
    times = np.arange(round(plan.seconds * plan.fps)) / plan.fps if plan.times is None else plan.times
    ticks = plan.fps if plan.times is None else 1000
    found = []
    for number, time in enumerate(times):
        frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
        frame.time_base, frame.pts = Fraction(1, ticks), round((time + plan.video_starts) * ticks)
        found += stream.encode(frame)
    found += stream.encode(None)
    return found


def _samples(stream: Any, plan: Plan) -> list[Any]:
    return _encoded(stream, bursts(plan.audio_ends or plan.seconds, plan.rate), plan.rate, plan.audio_starts)


def _encoded(stream: Any, samples_T: np.ndarray, rate: int, start: float) -> list[Any]:
    resampler = av.AudioResampler(
        format=stream.format.name, layout=stream.layout, rate=rate, frame_size=stream.codec_context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(samples_T[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return [packet for piece in [*pieces, None] for packet in stream.encode(piece)]
