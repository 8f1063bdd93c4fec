from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import write_video
from mmx.types import Audio, Video
from mmx_std.corpora.folders.talking_heads import TalkingHeads
from mmx_worlds.mixtures.corpus import Mixtures

RATE = 16000


def video(path: Path, grey: int, *, seconds: float = 1.3, mute: bool = False, size: tuple[int, int] = (48, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.full((round(seconds * 30), *size, 3), 10, np.uint8)
    frames[:, size[0] // 4 : -size[0] // 4, size[1] // 2 :] = grey
    rng = np.random.default_rng(grey)
    audio = Audio((0.1 * rng.normal(size=(2, round(seconds * RATE)))).astype(np.float32), RATE)
    return write_video(path, Video(frames, 30.0), None if mute else audio)


def people(tmp_path: Path, count: int = 6) -> Path:
    for number in range(count):
        video(tmp_path / "heads" / f"person{number}" / "one.mp4", 60 + 20 * number)
    return tmp_path / "heads"


def test_a_folder_per_speaker_cut_into_clips(tmp_path: Path) -> None:
    corpus = TalkingHeads(str(people(tmp_path)), seconds=0.6, faces="whole")
    assert (corpus.used, corpus.expected) == (6, 6)
    found = {name: [sample.targets["speaker"] for sample in corpus.split(name)] for name in ("train", "val", "test")}
    everybody = [set(names) for names in found.values()]
    assert set.union(*everybody) == {f"person{number}" for number in range(6)}
    assert sum(len(each) for each in everybody) == 6  # nobody is in two splits
    assert all(len(names) == 2 * len(set(names)) for names in found.values())
    sample = corpus.split("train")[1]
    assert sample.id.endswith("/one-0.6")
    assert sample.fields["face"].frames_THWC.shape == (15, 48, 64, 3)
    assert sample.fields["audio"].seconds == pytest.approx(0.6, abs=0.01)
    with pytest.raises(DataError, match="no split 'trian'"):
        corpus.split("trian")


def test_a_video_per_speaker_and_boxes_beside_it(tmp_path: Path) -> None:
    for number in range(6):
        video(tmp_path / f"p{number}.mp4", 200, size=(720, 960))
        (tmp_path / f"p{number}.json").write_text(json.dumps({"faces": [{"box": [600, 300, 780, 420]}]}))
    corpus = TalkingHeads(str(tmp_path), seconds=1.0)
    sample = corpus.split("train")[0]
    assert sample.targets["speaker"] in {f"p{number}" for number in range(6)}
    face = sample.fields["face"].frames_THWC
    assert abs(int(face[:, 20:76, 20:76].mean()) - 200) < 6  # the box is in pixels of the video, whatever is read
    (tmp_path / "p0.json").write_text(json.dumps({"faces": [{"box": [0, 0, 9, 9]}, {"box": [0, 0, 9, 9]}]}))
    with pytest.raises(DataError, match=r"p0\.json: 2 faces, a video of this corpus has one"):
        [
            each.fields["face"]
            for name in ("train", "val", "test")
            for each in TalkingHeads(str(tmp_path), seconds=1.2).split(name)
        ]


def test_the_same_mixer_takes_it(tmp_path: Path) -> None:
    corpus = TalkingHeads(str(people(tmp_path)), seconds=1.2, faces="whole")
    mixtures = Mixtures(corpus, mixtures=4, val_mixtures=2, test_mixtures=2, seconds=0.8, rate=8000)
    for name in ("val", "test"):
        sample = mixtures.split(name)[0]
        assert len(set(sample.targets["speakers"])) == 2
        assert [len(face.frames_THWC) for face in sample.fields["faces"]] == [20, 20]
        mixture, voices = sample.fields["audio"].samples_CT[0], sample.fields["voices"].samples_CT
        np.testing.assert_allclose(mixture, voices.sum(0), atol=1e-5)
        assert np.abs(np.corrcoef(voices)[0, 1]) < 0.1


def test_videos_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    folder = people(tmp_path)
    video(folder / "mute.mp4", 90, mute=True)
    video(folder / "short.mp4", 90, seconds=0.4)
    (folder / "broken.mp4").write_bytes(b"not a video")
    corpus = TalkingHeads(str(folder), seconds=1.0, faces="whole", max_unreadable=0.5)
    assert (corpus.used, corpus.expected) == (6, 9)
    told = "\n".join(corpus.broken)
    assert "mute.mp4: no audio in it" in told
    assert "short.mp4: shorter than a clip of 1 s" in told
    assert "broken.mp4" in told
    with pytest.raises(DataError, match="3 of 9 videos cannot be used"):
        TalkingHeads(str(folder), seconds=1.0)


def test_no_folder_no_videos_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such folder"):
        TalkingHeads(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no videos in it"):
        TalkingHeads(str(tmp_path))
    with pytest.raises(DataError, match="5 speakers, 2 for val and 2 for test; needed are at least 6"):
        TalkingHeads(str(people(tmp_path / "few", 5)), seconds=1.0)
    monkeypatch.setenv("MMX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mmx.assets.store._installed_member", lambda asset: None)  # wherever its package happens to be
    corpus = TalkingHeads(str(people(tmp_path)), seconds=1.0)
    with pytest.raises(DataError, match="get the face detector"):
        corpus.split("train")[0].fields["face"]


def test_the_digest_follows_the_files(tmp_path: Path) -> None:
    folder = people(tmp_path)
    before = TalkingHeads(str(folder), seconds=1.0).digest
    assert TalkingHeads(str(folder), seconds=1.0).digest == before
    (folder / "person0" / "one.json").write_text(json.dumps({"faces": [{"box": [40, 10, 60, 40]}]}))
    boxed = TalkingHeads(str(folder), seconds=1.0).digest
    assert boxed != before  # other crops, other features
    video(folder / "person0" / "one.mp4", 250)
    assert TalkingHeads(str(folder), seconds=1.0).digest not in (before, boxed)
