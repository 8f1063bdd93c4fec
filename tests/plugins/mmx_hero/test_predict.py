"""A folder of somebody's videos: found, indexed, broken files told, long videos in little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmx.errors import DataError
from mmx.media.audio_image import write_video
from mmx.model.model import Model
from mmx.runs.prediction import unknown_words
from mmx.types import Cue, Features, Sample, Video
from mmx_hero import predict as searching
from mmx_hero.evaluation.reading import Names
from mmx_hero.predict import Moment, answer, clock, frames_of, page, query_vector, subtitles_of, windows_of
from mmx_std.encoders.video import Clips
from mmx_std.ops.spans import Rules
from tests.plugins.mmx_hero.conftest import COLUMNS, toy_model


class Tint(nn.Module):
    """Mean brightness of an image; counts how many it held at once."""

    modality, out_dim = "image", COLUMNS
    most = 0

    def prepare(self, raw: Any) -> torch.Tensor:
        return torch.full((COLUMNS,), float(raw.mean()) / 255) * torch.arange(COLUMNS)

    def forward(self, x: torch.Tensor, mask_BT: torch.Tensor | None = None) -> Features:
        self.most = max(self.most, len(x))
        return Features(x)


RULES = Rules(period=1.5, shortest=1)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Model:
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    made = toy_model()
    made.encoders["frames"] = Clips(Tint(), period=1.5, frames=8)
    return made.eval()


def video(path: Path, seconds: float, fps: float = 2.0) -> Path:
    count = max(1, round(seconds * fps))
    levels = np.linspace(0, 250, count).astype(np.uint8)
    return write_video(path, Video(np.broadcast_to(levels[:, None, None, None], (count, 16, 16, 3)).copy(), fps))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "videos"
    (place / "deep").mkdir(parents=True)
    video(place / "a.mp4", 12.0)
    video(place / "deep" / "b.mp4", 30.0)
    (place / "a.srt").write_text("00:00:03,000 --> 00:00:05,000\nhello anna\n\n00:01:00,000 --> 00:01:01,000\nbeyond\n")
    (place / "broken.mp4").write_bytes(b"no video")
    return place


def test_moments_are_told_with_their_times_and_a_page(model: Model, folder: Path) -> None:
    found = answer(model, "anna takes thing1 zebra", folder, Names(), "localiser", RULES)
    assert [row["rank"] for row in found.rows] == list(range(1, len(found.rows) + 1))
    lengths = {"a.mp4": 12.0, "deep/b.mp4": 30.0}
    for row in found.rows:
        assert 0 <= row["start"] < row["end"] <= lengths[row["video"]] + 1.5
        assert 0 <= row["score"] <= 1
        assert -1 <= row["similarity"] <= 1
    scores = [row["score"] for row in found.rows]
    assert scores == sorted(scores, reverse=True)
    assert found.pages["moments.html"].count("<img") >= 4
    notes = "\n".join(found.notes)
    assert "2 videos searched, 0 of them from the index" in notes
    assert "broken.mp4" in notes
    assert (found.searched, found.unread) == (3, ["broken.mp4"])


def test_the_index_goes_by_video_subtitles_and_model(model: Model, folder: Path) -> None:
    def cached() -> str:
        return answer(model, "anna", folder, Names(), "localiser", RULES).notes[0]

    assert "0 of them" in cached()
    assert "2 of them" in cached()
    (folder / "a.mp4").rename(folder / "c.mp4")
    (folder / "a.srt").rename(folder / "c.srt")
    assert "2 of them" in cached()
    (folder / "c.srt").write_text("00:00:01,000 --> 00:00:02,000\nother\n")
    assert "1 of them" in cached()
    with torch.no_grad():
        next(model.fuser.parameters()).add_(1.0)
    assert "0 of them" in cached()


def test_long_videos_are_seen_a_few_frames_at_a_time(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PIECE", 5)
    monkeypatch.setattr(searching, "WINDOWS", 2)
    path = video(tmp_path / "long.mp4", 90.0)
    encoder: Any = model.encoders["frames"]
    features = frames_of(encoder, path, torch.device("cpu"))
    assert len(features) == 60
    assert encoder.image.most == 5
    light = features[:, 1]
    wanted = torch.tensor([(i + 0.5) * 1.5 / 90 * 250 / 255 for i in range(60)])
    assert (light - wanted).abs().max() < 0.03, "the middle of each period"
    entry = windows_of(model, path, (Cue(60.0, 63.0, "hello anna"),), Names(), RULES)
    assert entry["clips"].shape == (14, 8, 16)
    assert entry["starts"].tolist() == [4 * 1.5 * i for i in range(14)]
    assert entry["mask"].all()


def test_windows_say_what_the_whole_says_about_a_short_video(model: Model, tmp_path: Path) -> None:
    path = video(tmp_path / "short.mp4", 6.0)
    cues = (Cue(1.0, 3.0, "hello anna"),)
    entry = windows_of(model, path, cues, Names(), RULES)
    assert entry["mask"].sum() == 4
    raw = {"frames": Video(_frames(path), 2.0), "subtitles": cues}
    batch = model.prepare([Sample("x", raw)], ["frames", "subtitles"])
    with torch.no_grad():
        whole = model(batch, ["fused.clips"]).fused["clips"].tokens_BTD
    assert torch.allclose(torch.from_numpy(entry["clips"][0, :4]), whole[0, :4], atol=0.05)


def _frames(path: Path) -> Any:
    from mmx.media.audio_image import read_video

    return read_video(path).frames_THWC


@pytest.mark.parametrize("seconds", [0.3, 1.4, 1.6, 3.0])
def test_very_short_videos_have_a_frame(model: Model, tmp_path: Path, seconds: float) -> None:
    encoder: Any = model.encoders["frames"]
    found = frames_of(encoder, video(tmp_path / "s.mp4", seconds, fps=10.0), torch.device("cpu"))
    assert len(found) == max(1, int(np.ceil(seconds / 1.5 - 1e-6)))


def test_subtitles_that_cannot_be_read_cost_only_themselves(folder: Path) -> None:
    cues, problem = subtitles_of(folder / "a.mp4")
    assert (len(cues), problem) == (2, "")
    assert subtitles_of(folder / "deep" / "b.mp4") == ((), "")
    (folder / "a.srt").write_text("nothing of the kind")
    cues, problem = subtitles_of(folder / "a.mp4")
    assert cues == ()
    assert "a.srt" in problem


def test_subtitles_that_cannot_be_read_are_told_at_every_search(model: Model, folder: Path) -> None:
    (folder / "a.srt").write_text("nothing of the kind")
    for known in (0, 2):
        notes = answer(model, "anna", folder, Names(), "localiser", RULES).notes
        assert f"{known} of them from the index" in notes[0]
        assert any("searched without subtitles" in note and "a.srt" in note for note in notes)


def test_nothing_to_search(model: Model, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no videos in it"):
        answer(model, "x", tmp_path / "empty", Names(), "localiser", RULES)
    with pytest.raises(DataError, match="cannot encode videos itself"):
        answer(toy_model(), "x", folder, Names(), "localiser", RULES)
    assert query_vector(model, "anna takes zebra.", Names()).shape == (16,)
    assert unknown_words(model, {"query": "anna takes zebra."}) == [
        "not among the words that the model learned, so they mean nothing to it: zebra"
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.04, "0:00.0"), (59.96, "1:00.0"), (83.5, "1:23.5"), (3723.5, "1:02:03.5")]
)
def test_times(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_a_page_holds_its_images_and_escapes_everything(tmp_path: Path) -> None:
    moment = Moment(tmp_path / "<b>video.mp4", 3.0, 6.0, 0.25, 0.5)
    html = page("<script>alert(1)</script>", [(moment, [np.zeros((10, 20, 3), np.uint8)])], tmp_path, ["a & b"])
    assert "<script>" not in html
    assert "&lt;b&gt;video.mp4" in html
    assert "a &amp; b" in html
    assert html.count("data:image/jpeg;base64,") == 1
    assert "0:03.0 to 0:06.0" in html
    assert "http" not in html, "nothing is loaded from anywhere"
    assert "Nothing was found" in page("x", [], tmp_path, [])
