from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import read_audio, read_video, read_video_audio, write_video
from mmx.media.size_limits import Limits
from mmx.media.video import has_audio, video_seconds
from mmx.types import Audio, Video
from tests.core.media.made_media import CONTAINERS, make, numbers


def staircase(count: int = 20, fps: float = 10.0, height: int = 32, width: int = 48) -> Video:
    """Frame k is grey of level 10 k."""
    frames = np.broadcast_to((np.arange(count) * 10)[:, None, None, None], (count, height, width, 3))
    return Video(frames.astype(np.uint8), fps)


def levels(video: Video) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in video.frames_THWC]


def chirp(seconds: float, rate: int, channels: int = 1) -> Audio:
    time = np.arange(round(seconds * rate)) / rate
    return Audio(np.stack([0.5 * np.sin(2 * np.pi * (200 + 300 * time) * time)] * channels).astype(np.float32), rate)


@pytest.fixture
def video_file(tmp_path: Path) -> Path:
    return write_video(tmp_path / "video.mp4", staircase(), chirp(2.0, 16000))


def test_a_video_comes_back_frame_by_frame(video_file: Path) -> None:
    video = read_video(video_file)
    assert video.fps == 10.0
    assert video.frames_THWC.shape == (20, 32, 48, 3)
    assert video.frames_THWC.dtype == np.uint8
    assert levels(video) == list(range(20))


@pytest.mark.parametrize("fps", [1.0, 3.0, 5.0, 10.0, 24.0])
@pytest.mark.parametrize(("start", "seconds"), [(0.0, None), (0.5, 1.0), (1.0, None)])
def test_each_frame_is_the_one_on_screen_at_its_moment(
    video_file: Path, fps: float, start: float, seconds: float | None
) -> None:
    stop = 2.0 if seconds is None else start + seconds
    wanted: list[int] = []
    while start + len(wanted) / fps < stop - 1e-6:
        wanted.append(int((start + len(wanted) / fps) * 10 + 0.02))
    video = read_video(video_file, fps=fps, start=start, seconds=seconds)
    assert levels(video) == wanted
    assert video.fps == fps


def test_size_is_height_and_width(video_file: Path) -> None:
    assert read_video(video_file, size=(8, 12)).frames_THWC.shape == (20, 8, 12, 3)


def test_odd_sizes_get_one_more_row_and_column(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", staircase(height=33, width=47))
    assert read_video(path).frames_THWC.shape[1:3] == (34, 48)


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_stays_where_it_was(tmp_path: Path, rate: int, channels: int) -> None:
    audio = chirp(2.0, rate, channels)
    back = read_video_audio(write_video(tmp_path / "a.mp4", staircase(), audio))
    assert back.rate == rate
    assert back.samples_CT.shape[0] == channels
    assert abs(back.seconds - 2.0) < 0.1
    middle = slice(rate // 2, rate)
    assert np.corrcoef(back.samples_CT[0, middle], audio.samples_CT[0, middle])[0, 1] > 0.98


def test_a_window_of_audio_equals_the_slice_of_the_whole(video_file: Path) -> None:
    whole = read_video_audio(video_file).samples_CT
    part = read_audio(video_file, start=0.5, seconds=0.25)
    assert np.array_equal(part.samples_CT, whole[:, 8000:12000])


def test_five_channels_become_one(tmp_path: Path) -> None:
    back = read_video_audio(write_video(tmp_path / "a.mp4", staircase(), chirp(1.0, 16000, 5)))
    assert back.samples_CT.shape[0] == 1


def test_a_rotated_video_is_read_upright(tmp_path: Path) -> None:
    upright = np.zeros((48, 32, 3), np.uint8)
    upright[:24] = 200  # light above
    lying = np.ascontiguousarray(np.rot90(upright))  # the camera stored it turned to the left
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        one = 1 << 16  # x' = -y, y' = x with y downwards: to be shown turned to the right
        stream.set_display_matrix([0, one, 0, -one, 0, 0, 0, 0, 1 << 30])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(lying, format="rgb24")))
        container.mux(stream.encode(None))
    for frames in (
        read_video(tmp_path / "a.mp4").frames_THWC,
        read_video(tmp_path / "a.mp4", size=(24, 16)).frames_THWC,
    ):
        height = frames.shape[1]
        assert frames.shape[1:3] in ((48, 32), (24, 16))
        assert frames[0, : height // 3].mean() > 150
        assert frames[0, -(height // 3) :].mean() < 50


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "silent.mp4", staircase())
    with pytest.raises(DataError, match="no audio in it"):
        read_video_audio(silent)
    with pytest.raises(DataError, match="no audio in it"):
        read_audio(silent)
    with pytest.raises(DataError, match="starts at 5 s, but is 2 s"):
        read_video(silent, start=5.0)


def test_limits_on_length_pixels_and_memory(video_file: Path) -> None:
    with pytest.raises(DataError, match="2 s at once; at most 1 s"):
        read_video(video_file, limits=Limits(seconds=1.0))
    with pytest.raises(DataError, match="at most 1 s"):
        read_video_audio(video_file, limits=Limits(seconds=1.0))
    with pytest.raises(DataError, match="48x32 pixels"):
        read_video(video_file, limits=Limits(pixels=100))
    with pytest.raises(DataError, match=r"more than 0\.01 MB"):
        read_video(video_file, limits=Limits(megabytes=0.01))
    assert read_video(video_file, seconds=1.0, limits=Limits(seconds=1.0)).frames_THWC.shape[0] == 10


@pytest.mark.parametrize(
    "wrong", [{"fps": 0.0}, {"fps": float("nan")}, {"size": (0, 4)}, {"start": -1.0}, {"seconds": 0}]
)
def test_impossible_arguments(video_file: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match=r"video\.mp4"):
        read_video(video_file, **wrong)  # type: ignore[arg-type]


def test_half_a_video_is_refused(video_file: Path) -> None:
    content = video_file.read_bytes()
    video_file.write_bytes(content[:1000])
    with pytest.raises(DataError, match=r"video\.mp4"):
        read_video(video_file)


def test_a_playlist_cannot_read_other_files(tmp_path: Path, video_file: Path) -> None:
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{video_file.name}\n#EXT-X-ENDLIST\n")
    with pytest.raises(DataError, match="cannot be decoded"):
        read_video(playlist)
    concat = tmp_path / "concat.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile '{video_file.name}'\n")
    with pytest.raises(DataError, match="cannot be decoded"):
        read_video(concat)


def test_things_that_are_no_video_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.mp4"):
        write_video(tmp_path / "a.avi", staircase())
    for frames in (np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)):
        with pytest.raises(DataError, match="must be uint8"):
            write_video(tmp_path / "a.mp4", Video(frames, 10.0))
    with pytest.raises(DataError, match="not finite"):
        write_video(tmp_path / "a.mp4", staircase(), Audio(np.full((1, 100), np.nan, np.float32), 16000))
    assert list(tmp_path.iterdir()) == []


def test_a_video_states_its_length_without_decoding(video_file: Path, tmp_path: Path) -> None:
    assert abs(video_seconds(video_file) - 2.0) < 0.1
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken.mp4"):
        video_seconds(broken)
    with pytest.raises(DataError, match=r"gone.mp4"):
        video_seconds(tmp_path / "gone.mp4")


def test_videos_are_scaled_down_by_their_shorter_side_and_never_up(video_file: Path) -> None:
    assert read_video(video_file, shortest=16).frames_THWC.shape == (20, 16, 24, 3)
    assert read_video(video_file, shortest=64).frames_THWC.shape == (20, 32, 48, 3)
    assert levels(read_video(video_file, shortest=16)) == list(range(20))
    with pytest.raises(DataError, match="at least 1"):
        read_video(video_file, shortest=0)


def test_whether_a_video_has_audio(video_file: Path, tmp_path: Path) -> None:
    assert has_audio(video_file)
    assert not has_audio(write_video(tmp_path / "dumb.mp4", staircase()))
    with pytest.raises(DataError, match=r"none\.mp4"):
        has_audio(tmp_path / "none.mp4")


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 36, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        y, x = np.mgrid[:48, :36]
        disc = ((x + 0.5 - 18) * 16 / 9) ** 2 + (y + 0.5 - 24) ** 2 < 16**2
        pixels = np.repeat((disc * 220).astype(np.uint8)[..., None], 3, axis=2)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    frame = read_video(tmp_path / "a.mp4").frames_THWC[0]
    assert frame.shape == (48, 64, 3)
    light = frame[..., 0] > 110
    assert abs(int(light.any(0).sum()) - int(light.any(1).sum())) <= 2
    assert read_video(tmp_path / "a.mp4", shortest=24).frames_THWC.shape[1:] == (24, 32, 3)
    assert read_video(tmp_path / "a.mp4", size=(10, 20)).frames_THWC.shape[1:] == (10, 20, 3)
    with pytest.raises(DataError, match="64x48 pixels"):
        read_video(tmp_path / "a.mp4", limits=Limits(pixels=3000))


@pytest.mark.parametrize("times", [(0.0, 10.0, 20.0, 20.5, 29.9), (0.0, 0.1, 0.2, 0.3, 2.3, 4.3)])
def test_without_a_rate_uneven_frames_are_shown_when_they_are(tmp_path: Path, times: tuple[float, ...]) -> None:
    path = make(tmp_path, CONTAINERS["mp4"].but(times=times, audio="", seconds=times[-1] + 0.1))
    video = read_video(path)
    shown = numbers(video.frames_THWC)
    changes = [at / video.fps for at in range(1, len(shown)) if shown[at] != shown[at - 1]]
    assert changes == pytest.approx(times[1 : len(changes) + 1], abs=1 / video.fps)
    assert len(changes) >= len(times) - 2
    assert video.fps == pytest.approx(1 / min(later - former for former, later in itertools.pairwise(times)), rel=0.3)
