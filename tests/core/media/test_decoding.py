"""A window of a file is the slice of the whole, in every container, from wherever decoding has to begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media import decoding
from mmx.media.audio_image import read_audio, read_video
from mmx.media.video import video_seconds
from tests.core.media.made_media import CONTAINERS, Plan, bursts, make, numbers, onsets

UNEVEN = (0.0, 1.0, 1.5, 1.6, 4.0, 6.5, 7.9)
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "late audio": {"audio_starts": 1.0},
    "late video": {"video_starts": 1.0},
    "gap": {"gap": (2.0, 3.5)},
    "uneven": {"times": UNEVEN},
    "long gop": {"gop": 500},
    "short audio": {"audio_ends": 5.0},
}
OF_VIDEO = ("late video", "uneven", "long gop", "short audio")
TIMED = ("mp4", "mov", "mkv", "webm", "ts", "mpg", "ogv", "wmv", "flv")
"""Containers that keep the time of each packet of audio; AVI counts packets."""
CODED = 0.05
"""Seconds by which a codec's blocks may move an onset."""


def cases() -> list[Any]:
    found = []
    for suffix, plan in CONTAINERS.items():
        for shape, changes in SHAPES.items():
            fixed = suffix == "mpg" and shape == "uneven"  # MPEG-2 has one rate
            if not fixed and (plan.video or shape not in OF_VIDEO):
                found.append(pytest.param(plan.but(**({"seconds": 6.0} | changes)), id=f"{suffix}-{shape}"))
    return found


@pytest.mark.parametrize("plan", cases())
def test_a_window_is_the_slice_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    path = make(tmp_path, plan)
    rng = np.random.default_rng(0)
    audio = read_audio(path)
    video = read_video(path) if plan.video else None
    monkeypatch.setattr(decoding, "_SEEK_FROM", 0.5)  # as in long files
    for start in rng.uniform(0, audio.seconds - 0.6, 5):
        first = round(start * audio.rate)
        part = read_audio(path, start=start, seconds=0.5).samples_CT
        assert part.shape[1] == round(0.5 * audio.rate)
        assert np.abs(part - audio.samples_CT[:, first : first + part.shape[1]]).max() < 1e-3
    if video is None:
        return
    shown = numbers(video.frames_THWC)
    for first in rng.integers(0, len(shown) - 3, 4):
        window = read_video(path, start=first / video.fps, seconds=3 / video.fps)
        assert numbers(window.frames_THWC) == shown[first : first + 3]


@pytest.mark.parametrize("suffix", TIMED)
def test_a_late_beginning_of_audio_is_silence(tmp_path: Path, suffix: str) -> None:
    audio = read_audio(make(tmp_path, CONTAINERS[suffix].but(audio_starts=1.0)))
    assert np.allclose(onsets(audio.samples_CT, audio.rate), np.arange(1, 9), atol=CODED)
    assert np.abs(audio.samples_CT[:, : round(0.9 * audio.rate)]).max() < 0.01


@pytest.mark.parametrize("suffix", [suffix for suffix in TIMED if suffix != "ogv"])  # Ogg stamps pages of a second
def test_a_gap_in_audio_is_silence(tmp_path: Path, suffix: str) -> None:
    audio = read_audio(make(tmp_path, CONTAINERS[suffix].but(gap=(1.9, 3.5))))
    found = onsets(audio.samples_CT, audio.rate)
    assert np.allclose([at for at in found if not 1.8 < at < 3.9], [0, 1, 4, 5, 6, 7], atol=CODED)
    assert np.abs(audio.samples_CT[:, round(2.1 * audio.rate) : round(3.3 * audio.rate)]).max() < 0.01


@pytest.mark.parametrize("suffix", [*TIMED, "avi"])
def test_a_late_video_shows_its_first_frame_before(tmp_path: Path, suffix: str) -> None:
    video = read_video(make(tmp_path, CONTAINERS[suffix].but(video_starts=1.0, fps=25)))
    shown = numbers(video.frames_THWC)
    assert abs(len(shown) - 9 * 25) <= 3
    assert set(shown[:24]) == {0}
    assert abs(shown.index(50) - 75) <= 3  # a block of audio before it


def test_ogg_whose_positions_begin_late_is_exact(tmp_path: Path) -> None:
    """As of a stream recorded from its middle: the encoder's delay is taken off at the late beginning."""
    usual = read_audio(make(tmp_path, CONTAINERS["opus"].but(seconds=3.0)))
    late = read_audio(make(tmp_path, CONTAINERS["opus"].but(seconds=3.0, audio_starts=2.3)))
    assert onsets(late.samples_CT, late.rate) == pytest.approx([0, 1, 2], abs=0.002)
    assert np.allclose(usual.samples_CT, late.samples_CT, atol=1e-4)


@pytest.mark.parametrize("changes", [{"audio_starts": 2.0}, {"gap": (1.9, 3.5)}, {"gap": (7.3, 7.5)}])
@pytest.mark.parametrize("seconds", [8.0, 0.9])
def test_flac_in_ogg_is_exact_where_pages_begin_late(tmp_path: Path, changes: dict[str, Any], seconds: float) -> None:
    """Ogg says when pages end; FLAC's frames are numbered, so that it is known between which of them some are missing.

    Of a stream that begins late the beginning is its zero; beside video it is silence before.
    """
    plan = CONTAINERS["oga"].but(seconds=seconds)
    audio = read_audio(make(tmp_path, plan.but(**changes)))
    wanted_T = bursts(seconds, plan.rate)
    if gap := changes.get("gap"):
        first, stop = (4608 * int(np.ceil(moment * plan.rate / 4608)) for moment in gap)
        wanted_T[first:stop] = 0
    assert audio.samples_CT.shape == (1, len(wanted_T))
    assert np.allclose(audio.samples_CT[0], wanted_T, atol=1e-4)
    beside = read_audio(make(tmp_path, CONTAINERS["ogv"].but(audio="flac", seconds=seconds, **changes)))
    late = round(changes.get("audio_starts", 0) * plan.rate)
    assert np.allclose(beside.samples_CT[0, late : late + len(wanted_T)], wanted_T, atol=1e-4)
    assert not beside.samples_CT[0, :late].any()


def test_flac_in_ogg_beside_video_is_read_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, CONTAINERS["ogv"].but(audio="flac", fps=12, seconds=6.0))
    whole_CT = read_audio(path).samples_CT
    monkeypatch.setattr(decoding, "_SEEK_FROM", 0.5)
    for start in (1.25, 1.5, 3.75):
        first = round(start * 48_000)
        part_CT = read_audio(path, start=start, seconds=0.5).samples_CT
        assert np.array_equal(part_CT, whole_CT[:, first : first + part_CT.shape[1]])


# Ogg says when a page ends, not how long a VP8 frame of uneven ones lasts: the shortest length is taken from the end.
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "wmv", "avi", "ts", "ogv"])
def test_uneven_frames_are_shown_at_their_times(tmp_path: Path, suffix: str) -> None:
    video = read_video(make(tmp_path, CONTAINERS[suffix].but(times=UNEVEN)), fps=50)
    shown = numbers(video.frames_THWC)
    found = [shown.index(number) / 50 for number in range(len(UNEVEN))]
    assert np.allclose(found, UNEVEN, atol=0.045)


def test_the_last_of_uneven_frames_is_held_to_the_end(tmp_path: Path) -> None:
    for suffix in ("mkv", "ts", "webm"):  # containers that do not say when the stream ends
        path = make(tmp_path, CONTAINERS[suffix].but(times=(0.0, 1.0, 2.0)))
        assert numbers(read_video(path, fps=1).frames_THWC) == [0, 1, *[2] * 6]
        assert numbers(read_video(path, fps=2, start=6.0, seconds=1.0).frames_THWC) == [2, 2]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "webm"])
def test_even_frames_end_with_the_last(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path, CONTAINERS[suffix].but(times=np.arange(30) / 10, audio=""))
    assert numbers(read_video(path).frames_THWC) == list(range(30))
    with pytest.raises(DataError, match=r"starts at 5 s, but is (3|2\.9) s long"):
        read_video(path, start=5.0)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "flv"])
def test_the_last_frame_is_held_while_audio_goes_on(tmp_path: Path, suffix: str) -> None:
    plan = CONTAINERS[suffix].but(audio_ends=12.0, fps=25 if suffix in ("avi", "flv") else 10)
    path = make(tmp_path, plan)
    whole = numbers(read_video(path, fps=5).frames_THWC)
    assert abs(len(whole) - 60) <= 1 and set(whole[41:]) == {8 * plan.fps - 1}
    late = read_video(path, fps=5, start=10.0, seconds=1.0)  # as a window of a manifest
    assert numbers(late.frames_THWC) == whole[50:55]
    assert read_audio(path, start=10.0, seconds=1.0).seconds == 1.0


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe+empty_moov+delay_moov"])
def test_fragments_are_placed_by_their_own_times(tmp_path: Path, flags: str) -> None:
    """Without an edit list the encoder's priming is part of the audio: audio and video are both later by it."""
    plan = CONTAINERS["mp4"].but(video_starts=0.2, options={"movflags": flags})
    path = make(tmp_path, plan)
    primed = 0.0 if "delay_moov" in flags else 1024 / plan.rate
    audio, shown = read_audio(path), numbers(read_video(path, fps=100).frames_THWC)
    assert onsets(audio.samples_CT, audio.rate) == pytest.approx(primed + np.arange(8), abs=0.002)
    found = [shown.index(number) / 100 for number in range(1, 80)]
    assert found == pytest.approx(0.2 + primed + np.arange(1, 80) / 10, abs=0.011)
    with av.open(str(path)) as container:
        stamps = sorted(float(each.pts * each.time_base) for each in container.demux(video=0) if each.pts is not None)
    assert found == pytest.approx(stamps[1:], abs=0.011)
    assert set(shown[: round(100 * stamps[0])]) == {0}


@pytest.mark.parametrize("suffix", ["ts", "m2ts", "mpg", "mkv", "flv"])
def test_audio_that_begins_after_all_that_is_looked_at_first(tmp_path: Path, suffix: str) -> None:
    plan = CONTAINERS["ts"].but(suffix=suffix, audio="aac") if suffix == "m2ts" else CONTAINERS[suffix]
    fps = 25 if suffix in ("mpg", "flv") else 10
    path = make(tmp_path, plan.but(seconds=14.0, audio_starts=11.0, audio_ends=3.0, fps=fps))
    audio = read_audio(path)
    assert np.allclose(onsets(audio.samples_CT, audio.rate), [11, 12, 13], atol=CODED)
    assert np.abs(read_audio(path, start=1.0, seconds=2.0).samples_CT).max() < 0.01


def test_audio_that_ends_before_the_video_goes_on_as_silence(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "ts", "webm"):
        path = make(tmp_path, CONTAINERS[suffix].but(audio_ends=7.9))
        assert abs(read_audio(path).seconds - 8.0) < 1e-3
        assert read_audio(path, start=7.5, seconds=0.5).seconds == 0.5
        silence = read_audio(path, start=7.96, seconds=0.04)
        assert silence.seconds == 0.04
        assert not silence.samples_CT[:, -100:].any()


@pytest.mark.parametrize("suffix", ["mp4", "mpg", "ts"])
def test_far_from_the_beginning_the_same_frames_are_found(tmp_path: Path, suffix: str) -> None:
    plan = CONTAINERS[suffix].but(seconds=50.0, gop=300, audio="", fps=25 if suffix == "mpg" else 10)
    path = make(tmp_path, plan)
    for start in (31.0, 36.5, 41.0, 49.0):
        first = round(start * plan.fps)
        wanted = [(first + at) % 512 for at in range(plan.fps)]
        assert [at % 512 for at in numbers(read_video(path, start=start, seconds=1.0).frames_THWC)] == wanted


def test_joined_files_follow_one_another(tmp_path: Path) -> None:
    for suffix in ("ts", "mp3", "opus"):
        path = make(tmp_path, CONTAINERS[suffix].but(seconds=3.0))
        path.write_bytes(path.read_bytes() * 2)
        audio = read_audio(path)
        assert len(onsets(audio.samples_CT, audio.rate)) == 6
        assert abs(audio.seconds - 6.0) < 0.2


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_windows_of_joined_files_are_slices_of_the_whole(tmp_path: Path, suffix: str) -> None:
    """The parts' clocks begin anew, so that a moment is there twice; audio that ends early delays no later part."""
    path = make(tmp_path, CONTAINERS[suffix].but(seconds=24.0, audio_ends=22.0))
    path.write_bytes(path.read_bytes() * 2)
    assert video_seconds(path) == pytest.approx(48.0, abs=0.2)
    video, audio = read_video(path), read_audio(path)
    found = onsets(audio.samples_CT, audio.rate)
    assert found[len(found) // 2] == pytest.approx(24.0, abs=0.1)
    for start in (25.0, 33.0, 40.0):
        window, heard = read_video(path, start=start, seconds=1.0), read_audio(path, start=start, seconds=1.0)
        first = round(start * video.fps)
        assert numbers(window.frames_THWC) == numbers(video.frames_THWC[first : first + len(window.frames_THWC)])
        begin = round(start * audio.rate)
        np.testing.assert_allclose(heard.samples_CT, audio.samples_CT[:, begin : begin + audio.rate], atol=0.02)


def test_flac_that_lost_frames_is_read_from_anywhere(tmp_path: Path) -> None:
    path = make(tmp_path, Plan("flac", "flac", "", "flac", gap=(1.9, 3.5)))
    audio = read_audio(path)
    assert onsets(audio.samples_CT, audio.rate) == pytest.approx([0, 1, 4, 5, 6, 7], abs=CODED)
    for start in (0.5, 2.5, 5.25):
        first = round(start * audio.rate)
        window = read_audio(path, start=start, seconds=1.5).samples_CT
        assert np.array_equal(window, audio.samples_CT[:, first : first + window.shape[1]])


def test_what_is_lost_in_the_middle_does_not_move_the_rest(tmp_path: Path) -> None:
    path = make(tmp_path, CONTAINERS["mp3"])
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    audio = read_audio(path)
    assert abs(audio.seconds - 8.0) < 0.1
    assert len(onsets(audio.samples_CT, audio.rate)) == 8


def test_bursts_are_where_they_are_said_to_be() -> None:
    assert onsets(bursts(4.0, 8000)[None], 8000) == pytest.approx([0, 1, 2, 3], abs=0.002)
