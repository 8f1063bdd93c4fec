from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media import file_part
from mmx.media.audio_image import read_audio, read_image, write_audio, write_image, write_video
from mmx.media.file_part import FilePart
from mmx.media.subtitles import check_subtitles, read_cues
from mmx.media.video import has_audio, read_video, read_video_audio, video_seconds
from mmx.types import Audio, Video


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, FilePart]:
    """A sound, an image, a video and subtitles, one behind the other in one file."""
    tone = Audio(np.sin(np.arange(8000) / 3)[None].astype(np.float32) / 2, 8000)
    write_audio(tmp_path / "a.wav", tone)
    write_image(tmp_path / "a.png", np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    write_video(tmp_path / "a.mp4", Video(np.full((10, 32, 32, 3), 90, np.uint8), 10.0), tone)
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nwords\n")
    found, joined = {}, b"before"
    for name in ("a.wav", "a.png", "a.mp4", "a.srt"):
        content = (tmp_path / name).read_bytes()
        found[name] = FilePart(tmp_path / "all.bin", name, len(joined), len(content))
        joined += content
    (tmp_path / "all.bin").write_bytes(joined + b"behind")
    return found


@pytest.mark.parametrize("at_once", [1 << 24, 1], ids=["from memory", "in place"])
def test_a_part_is_read_as_the_file_is(
    parts: dict[str, FilePart], at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_part, "_AT_ONCE", at_once)
    same = tmp_path
    np.testing.assert_array_equal(read_audio(parts["a.wav"]).samples_CT, read_audio(same / "a.wav").samples_CT)
    np.testing.assert_array_equal(read_image(parts["a.png"]), read_image(same / "a.png"))
    found, wanted = read_video(parts["a.mp4"], fps=5), read_video(same / "a.mp4", fps=5)
    np.testing.assert_array_equal(found.frames_THWC, wanted.frames_THWC)
    heard = read_video_audio(parts["a.mp4"], start=0.3)
    np.testing.assert_array_equal(heard.samples_CT, read_video_audio(same / "a.mp4", start=0.3).samples_CT)
    assert has_audio(parts["a.mp4"])
    assert video_seconds(parts["a.mp4"]) == video_seconds(same / "a.mp4")
    assert read_cues(parts["a.srt"]) == read_cues(same / "a.srt")
    check_subtitles(parts["a.srt"])
    assert parts["a.srt"].read_bytes() == (same / "a.srt").read_bytes()


@pytest.mark.parametrize("at_once", [1 << 24, 1], ids=["from memory", "in place"])
def test_what_is_wrong_names_file_and_part(
    parts: dict[str, FilePart], at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_part, "_AT_ONCE", at_once)
    broken = FilePart(tmp_path / "all.bin", "b/0.wav", 0, 6)
    with pytest.raises(DataError, match=r"all\.bin:b/0\.wav: cannot be decoded"):
        read_audio(broken)
    with pytest.raises(DataError, match=r"b\.png: is empty"):
        read_image(FilePart(tmp_path / "all.bin", "b.png", 0, 0))
    with pytest.raises(ValueError, match="only be read"):
        broken.open("wb")
    (tmp_path / "all.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"all\.bin is shorter than it was"):
        read_image(parts["a.png"])
    (tmp_path / "all.bin").unlink()
    with pytest.raises(DataError, match=r"all\.bin:a\.png: cannot be read: No such file"):
        read_image(parts["a.png"])


def test_a_stretch_ends_where_the_part_ends(parts: dict[str, FilePart], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_part, "_AT_ONCE", 1)
    with parts["a.srt"].open() as handle:
        whole = handle.read()
        assert len(whole) == parts["a.srt"].size
        assert handle.seek(-4, io.SEEK_END) == len(whole) - 4
        assert handle.read() == whole[-4:]
        handle.seek(2)
        handle.seek(1, io.SEEK_CUR)
        assert handle.read(3) == whole[3:6]
        handle.seek(10**6)
        assert handle.read() == b""
