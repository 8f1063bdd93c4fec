"""Comparing a user's own files, of any length, and searching a folder of videos by words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError, UserError
from mmx.media.audio_image import write_image, write_video
from mmx.types import Audio, Video
from mmx_vatt.evaluation.task import Judge
from mmx_vatt.predict import Reader, _units
from tests.plugins.mmx_vatt.conftest import WORLD, model

READER = Reader(1.024, 3)
TEXTS = ["the wooden ball rises", "a cross made of glass falls"]


def judge() -> Judge:
    return Judge(model().widths, WORLD.targets, target="object", windows=3, seconds=1.024)


@pytest.fixture(autouse=True)
def own_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))


def test_predict_compares_what_is_given() -> None:
    sample = WORLD.split("test")[0]
    made = model()
    said = judge().predict(made, {"video": sample.fields["video"], "narration": TEXTS})
    assert [set(row) for row in said.rows] == [{"compared", "item", "cosine"}] * 2
    assert {row["item"] for row in said.rows} == set(TEXTS)
    both = judge().predict(made, {"video": sample.fields["video"], "audio": sample.fields["audio"]})
    assert both.rows[0]["compared"] == "video, audio"
    assert -1 <= both.rows[0]["cosine"] <= 1
    with pytest.raises(UserError, match="give two of them"):
        judge().predict(made, {"video": sample.fields["video"]})
    with pytest.raises(UserError, match="give two of them"):
        judge().predict(made, {"video": [sample.fields["video"]] * 2, "narration": TEXTS})


def long_video() -> tuple[Video, Audio]:
    """Nine seconds: black, then grey, then white; silence, then a tone, then noise."""
    shade = np.repeat(np.array([10, 120, 240], np.uint8), 30)
    frames = shade[:, None, None, None] * np.ones((1, 40, 64, 3), np.uint8)
    rng = np.random.default_rng(0)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * 8000) / 8000)
    sound = np.concatenate([np.zeros(3 * 8000), tone, rng.uniform(-0.5, 0.5, 3 * 8000)]).astype(np.float32)
    return Video(frames, 10.0), Audio(sound[None], 8000)


def test_windows_are_averaged_before_they_are_compared() -> None:
    made, (video, sound) = model(), long_video()
    three = _units(made, "video_vt", [tuple(READER.parts(video))], READER)
    assert three == pytest.approx(_units(made, "video_vt", [video], READER))
    assert np.linalg.norm(three) == pytest.approx(1)
    alone = _units(made, "video_vt", [READER.parts(video)[0]], READER)
    assert not np.allclose(three, alone)
    assert len(READER.parts(sound)) == 3
    assert READER.parts("a text") == ["a text"]


def test_a_folder_is_searched_by_words(tmp_path: Path) -> None:
    made = model()
    folder = tmp_path / "videos"
    (folder / "more").mkdir(parents=True)
    for number in range(3):
        sample = WORLD.split("test")[number]
        write_video(folder / ("more" if number == 2 else "") / f"{number}.mp4", sample.fields["video"])
    (folder / "cut.mp4").write_bytes((folder / "0.mp4").read_bytes()[:500])
    (folder / "words.txt").write_text("no video")
    found = judge().predict(made, judge().read(made, folder, {"query": TEXTS[0]}))
    assert {row["file"] for row in found.rows} == {"0.mp4", "1.mp4", "more/2.mp4"}
    scores = [row["cosine"] for row in found.rows]
    assert scores == sorted(scores, reverse=True)
    assert found.notes[0] == "3 videos ranked, 0 of them from the index."
    assert "skipped: " in found.notes[1] and "cut.mp4" in found.notes[1]
    compared = {
        row["item"]: row["cosine"]
        for row in judge().predict(made, judge().read(made, folder / "1.mp4", {"texts": "; ".join(TEXTS)})).rows
    }
    assert next(row["cosine"] for row in found.rows if row["file"] == "1.mp4") == pytest.approx(compared[TEXTS[0]])
    again = judge().predict(made, {"query": TEXTS[1], "folder": folder})
    assert again.notes[0].endswith("3 of them from the index.")
    with pytest.raises(DataError, match="give a query for it"):
        judge().read(made, folder, {})
    with pytest.raises(DataError, match="no such folder"):
        judge().predict(made, {"query": "x", "folder": tmp_path / "videos" / "more" / "none"})


def test_a_video_is_read_with_its_audio_and_texts(tmp_path: Path) -> None:
    sample = WORLD.split("test")[0]
    video = write_video(tmp_path / "video.mp4", sample.fields["video"], sample.fields["audio"])
    dumb = write_video(tmp_path / "dumb.mp4", sample.fields["video"])
    made = model()
    raw = judge().read(made, video, {"texts": "the ball rises; a box"})
    assert set(raw) == {"video", "audio", "narration"}
    assert raw["narration"] == ["the ball rises", "a box"]
    assert len(judge().predict(made, raw).rows) == 1 + 2 + 2
    assert set(judge().read(made, dumb, {"narration": "a box"})) == {"video", "narration"}
    image = write_image(tmp_path / "still.png", sample.fields["video"].frames_THWC[0])
    assert judge().predict(made, judge().read(made, image, {"texts": "a; b"})).rows
    with pytest.raises(DataError, match="did you mean 'texts'"):
        judge().read(made, video, {"text": "x"})
    with pytest.raises(DataError, match="give a video"):
        judge().read(made, Path("only words"), {})


def test_a_long_video_is_read_in_windows_at_the_models_rate_and_size(tmp_path: Path) -> None:
    made = model()
    video = write_video(tmp_path / "long.mp4", *long_video())
    raw = Reader(1.024, 3).read(made, video, {"texts": "a"})
    assert [each.frames_THWC.mean() for each in raw["video"]] == pytest.approx([10, 120, 240], abs=6)
    assert {each.fps for each in raw["video"]} == {7.8125}
    assert {min(each.frames_THWC.shape[1:3]) for each in raw["video"]} == {32}
    assert all(each.seconds == pytest.approx(1.024, abs=0.1) for each in (*raw["video"], *raw["audio"]))
    loud = [float(np.abs(each.samples_CT).mean()) for each in raw["audio"]]
    assert loud[0] < 0.02 < min(loud[1:])
