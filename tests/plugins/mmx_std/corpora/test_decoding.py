from __future__ import annotations

from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx.media.size_limits import Limits
from mmx.types import Cue
from mmx_std.corpora import decoding
from mmx_std.corpora.decoding import FileSource, Media, WrittenCues, kind_problem


def of(path: Path, modality: str, start: float | None = None, end: float | None = None) -> Media:
    return Media(modality, FileSource(path), start, end)


def test_each_modality_and_its_window(media: Path) -> None:
    assert of(media / "low.wav", "audio").read().samples_CT.shape == (1, 800)
    assert of(media / "low.wav", "audio", 0.02, 0.05).read().samples_CT.shape == (1, 240)
    assert of(media / "red.png", "image").read().shape == (6, 8, 3)
    assert of(media / "video.mp4", "video").read().frames_THWC.shape == (10, 32, 32, 3)
    assert of(media / "video.mp4", "video", 0.2, 0.5).read().frames_THWC.shape[0] == 3


def test_subtitles_follow_the_window(media: Path) -> None:
    assert of(media / "video.srt", "cues").read() == (Cue(0.2, 0.6, "black"), Cue(0.5, 1.0, "white"))
    (black, white) = of(media / "video.srt", "cues", 0.4, 0.8).read()
    assert (black.start, black.end, white.start, white.end) == pytest.approx((0.0, 0.2, 0.1, 0.4))
    of(media / "video.srt", "cues").check()
    with pytest.raises(DataError, match=r"low\.wav.*(not text|no times)"):
        of(media / "low.wav", "cues").check()
    with pytest.raises(DataError, match="start must be 0 or more"):
        WrittenCues((Cue(0.0, 1.0, "x"),)).read(of(media / "x", "cues", -1.0), glance=True)


def test_a_video_gives_its_audio_track_and_its_middle_frame(media: Path) -> None:
    assert of(media / "video.mp4", "audio").read().seconds == pytest.approx(1.0, abs=0.15)
    assert of(media / "video.mp4", "audio", 0.1, 0.3).read().seconds == pytest.approx(0.2, abs=0.01)
    assert of(media / "video.mp4", "image", 0.0, 0.4).read().mean() < 20
    assert of(media / "video.mp4", "image", 0.6, 1.0).read().mean() > 235


@pytest.mark.parametrize(("name", "modality"), [("broken.wav", "audio"), ("empty.png", "image"), ("none.mp4", "video")])
def test_a_glance_finds_what_cannot_be_decoded(media: Path, name: str, modality: str) -> None:
    with pytest.raises(DataError, match=name):
        of(media / name, modality).check()


def test_a_glance_finds_windows_outside_and_files_too_long(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="starts at 5 s"):
        of(media / "low.wav", "audio", 5.0).check()
    monkeypatch.setattr(decoding, "MEDIA_LIMITS", Limits(seconds=0.06))
    with pytest.raises(DataError, match=r"longer than 0.06 s.*start and end"):
        of(media / "low.wav", "audio").check()
    of(media / "low.wav", "audio", 0.05).check()
    of(media / "low.wav", "audio", 0.0, 0.05).check()


def test_files_of_another_kind_are_known_by_their_suffix() -> None:
    assert kind_problem("audio", ".png") == ".png is an image file, not audio"
    assert kind_problem("video", ".wav") == ".wav is an audio file, not video"
    assert kind_problem("image", ".mp4") == ""
    assert kind_problem("audio", ".unheard-of") == ""
