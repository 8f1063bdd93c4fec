from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from mmx.errors import DataError
from mmx.media.audio_image import read_audio, read_video
from mmx.media.containers import clock, media_seconds, opened
from mmx.media.video import has_audio
from tests.core.media.made_media import CONTAINERS, Plan, make, mux_audio, numbered, numbers, onsets

RATE = 48_000


def two_tracks(path: Path, container: str, levels: Sequence[float | None], default: int) -> Path:
    """Write a video of 2 s with two tracks of audio of these levels; None leaves one empty."""
    with av.open(str(path), "w", format=container) as file:
        video = file.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 72, 32, "yuv420p"
        tracks = [file.add_stream("aac", rate=RATE, layout="mono") for _ in levels]
        for number, track in enumerate(tracks):
            track.disposition = Disposition.default if number == default else Disposition(0)
        for number in range(20):
            file.mux(video.encode(av.VideoFrame.from_ndarray(numbered(number), format="rgb24")))
        file.mux(video.encode(None))
        tone_T = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
        for track, level in zip(tracks, levels, strict=True):
            if level is not None:
                mux_audio(file, track, level * tone_T, RATE)
    return path


def level(path: Path) -> float:
    middle = read_audio(path, start=0.5, seconds=1.0).samples_CT
    return float(np.sqrt(2 * (middle**2).mean()))


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_read(tmp_path: Path, container: str, default: int) -> None:
    path = two_tracks(tmp_path / "a.bin", container, (0.1, 0.5), default)
    assert level(path) == pytest.approx((0.1, 0.5)[default], rel=0.1)


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska", "mpegts"])
def test_an_empty_track_is_no_track(tmp_path: Path, container: str) -> None:
    path = two_tracks(tmp_path / "a.bin", container, (None, 0.5), 0)
    assert has_audio(path)
    assert level(path) == pytest.approx(0.5, rel=0.1)
    silent = two_tracks(tmp_path / "b.bin", container, (None, None), 0)
    assert not has_audio(silent)
    assert read_video(silent).frames_THWC.shape[0] == 20
    with pytest.raises(DataError, match="no audio in it"):
        read_audio(silent)


@pytest.mark.parametrize("suffix", list(CONTAINERS))
def test_lengths_are_found_where_they_are_not_stated(tmp_path: Path, suffix: str) -> None:
    assert media_seconds(make(tmp_path, CONTAINERS[suffix])) == pytest.approx(8.0, abs=0.06)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "ts", "mpg", "ogv", "wmv", "flv"])
def test_lengths_begin_at_zero(tmp_path: Path, suffix: str) -> None:
    plan = CONTAINERS[suffix]
    for late in ({"audio_starts": 1.0}, {"video_starts": 1.0}):
        assert media_seconds(make(tmp_path, plan.but(**late))) == pytest.approx(9.0, abs=0.06)


def test_a_live_recording_has_no_length_in_its_header(tmp_path: Path) -> None:
    path = make(tmp_path, CONTAINERS["webm"])
    content = path.read_bytes()
    at = content.index(b"\x44\x89\x88")  # the element Duration, eight bytes
    path.write_bytes(content[:at] + b"\xec\x89" + content[at + 2 :])  # Void
    with opened(path) as container:
        assert container.duration is None
    assert media_seconds(path) == pytest.approx(8.0, abs=0.06)
    assert read_video(path).frames_THWC.shape[0] == 80
    assert read_audio(path).seconds == pytest.approx(8.0, abs=0.06)


def zero(path: Path) -> float:
    with opened(path) as container:
        return clock(path, container).zero


def test_zero_is_the_containers_own_or_the_first_time_stamp(tmp_path: Path) -> None:
    delayed = CONTAINERS["m4a"].but(audio_starts=1.0)
    assert zero(make(tmp_path, delayed)) == 0.0
    assert read_audio(make(tmp_path, delayed)).seconds == pytest.approx(9.0, abs=0.03)
    assert zero(make(tmp_path, Plan("mkv", "matroska", "", "aac", audio_starts=3600.0))) == pytest.approx(3600, abs=0.1)
    late = CONTAINERS["ts"].but(audio_starts=100.0, video_starts=100.0)
    assert zero(make(tmp_path, late)) >= 100
    assert read_audio(make(tmp_path, late)).seconds == pytest.approx(8.0, abs=0.06)


@pytest.mark.parametrize(
    ("suffix", "audio", "rate"),
    [
        ("ts", "aac", 16_000),
        ("ts", "libmp3lame", 16_000),
        ("flv", "aac", 22_050),
        ("wmv", "libmp3lame", 16_000),
        ("ts", "aac", 8000),
    ],
)
def test_what_a_codec_needs_first_delays_nothing_at_low_rates(
    tmp_path: Path, suffix: str, audio: str, rate: int
) -> None:
    """MPEG-TS, FLV and ASF have no field for an encoder's priming: FFmpeg lets the video begin later by it."""
    path = make(tmp_path, CONTAINERS[suffix].but(audio=audio, rate=rate, audio_starts=1.0))
    late = read_audio(path)
    assert onsets(late.samples_CT, late.rate) == pytest.approx(range(1, 9), abs=0.02)
    path = make(tmp_path, CONTAINERS[suffix].but(audio=audio, rate=rate))
    plain, shown = read_audio(path), numbers(read_video(path, fps=100).frames_THWC)
    assert onsets(plain.samples_CT, plain.rate) == pytest.approx(range(8), abs=0.02)
    assert shown.index(20) / 100 == pytest.approx(20 / CONTAINERS[suffix].fps, abs=0.02)
