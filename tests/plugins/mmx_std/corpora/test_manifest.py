from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx.media.audio_image import write_video
from mmx.types import Cue, Video
from mmx_std.corpora.manifest import Manifest

ROWS = [
    {"audio": "low.wav", "image": "red.png", "caption": "a low tone", "label": "low", "split": "train"},
    {"audio": "high.wav", "caption": "a high tone", "label": "high", "split": "train"},
    {"audio": "low.wav", "start": 0.05, "image": "blue.png", "label": "low", "split": "test"},
]


def test_a_manifest_is_a_corpus(media: Path, write_rows: Callable[..., str]) -> None:
    corpus = Manifest(path=write_rows(media / "m.jsonl", ROWS))
    assert isinstance(corpus, Corpus)
    assert corpus.fields == {"audio": "audio", "image": "image", "caption": "text"}
    assert corpus.targets == {"label": ("high", "low")}
    assert (corpus.used, corpus.expected, list(corpus.broken)) == (3, 3, [])
    train = corpus.split("train")
    assert [sample.id for sample in train] == ["low.wav", "high.wav"]
    assert [sample.targets["label"] for sample in train] == [1, 0]
    assert train[0].fields["image"].shape == (6, 8, 3)
    assert train[1].fields.get("image") is None
    test = corpus.split("test")[0]
    assert test.id == "low.wav@0.05"
    assert test.fields["audio"].samples_CT.shape == (1, 400)
    assert corpus.card.licence
    with pytest.raises(DataError, match=r"no split 'tset'; did you mean 'test'\?; splits: test, train"):
        corpus.split("tset")


def test_csv_gives_the_same(media: Path, write_rows: Callable[..., str]) -> None:
    (media / "m.csv").write_text(
        "audio,image,caption,label,split,start\n"
        "low.wav,red.png,a low tone,low,train,\n"
        "high.wav,,a high tone,high,train,\n"
        "low.wav,blue.png,,low,test,0.05\n"
    )
    csv = Manifest(path=str(media / "m.csv"))
    jsonl = Manifest(path=write_rows(media / "m.jsonl", ROWS))
    assert (csv.fields, csv.targets, csv.digest) == (jsonl.fields, jsonl.targets, jsonl.digest)
    assert np.array_equal(csv.split("test")[0].fields["image"], jsonl.split("test")[0].fields["image"])


def test_subtitles_are_a_field_with_times(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        {"video": "video.mp4", "subtitles": "video.srt", "split": "train"},
        {"video": "video.mp4", "subtitles": "video.srt", "start": 0.5, "split": "train"},
        {"video": "video.mp4", "subtitles": [{"start": 0.1, "end": 0.4, "text": "here"}], "split": "test"},
        {"video": "video.mp4", "split": "test", "id": "silent"},
        {"video": "video.mp4", "subtitles": "gone.srt", "split": "test", "id": "gone"},
    ]
    path = write_rows(media / "m.jsonl", rows)
    corpus = Manifest(path=path, max_unreadable=0.2)
    assert corpus.fields == {"video": "video", "subtitles": "cues"}
    assert "gone.srt: no such file" in str(corpus.broken[0])
    first, second = corpus.split("train")
    assert [cue.text for cue in first.fields["subtitles"]] == ["black", "white"]
    assert second.fields["subtitles"][0] == Cue(0.0, pytest.approx(0.1), "black")
    written, silent = corpus.split("test")
    assert written.fields["subtitles"] == (Cue(0.1, 0.4, "here"),)
    assert "subtitles" not in silent.fields
    rows[2]["subtitles"] = [{"start": 0.1, "end": 0.4, "text": "there"}]
    assert Manifest(path=write_rows(media / "m.jsonl", rows), max_unreadable=0.2).digest != corpus.digest
    (media / "m.csv").write_text("video,subtitles\nvideo.mp4,video.srt\n")
    in_csv = Manifest(path=str(media / "m.csv"), val=0, test=0).split("train")[0]
    assert in_csv.fields["subtitles"] == first.fields["subtitles"]


def test_broken_rows_and_files_are_left_out_and_listed(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        *ROWS,
        {"audio": "broken.wav", "split": "train"},
        {"audio": "gone.wav", "split": "train"},
        {"audio": "low.wav", "image": "empty.png", "split": "train"},
        {"audio": "high.wav"},
        {"id": "x", "audio": "high.wav", "split": "test"},
        {"id": "x", "audio": "low.wav", "split": "test"},
    ]
    path = write_rows(media / "m.jsonl", rows)
    corpus = Manifest(path=path, max_unreadable=0.6)
    assert (corpus.used, corpus.expected) == (4, 9)
    assert [fault.line for fault in corpus.broken] == [4, 5, 6, 7, 9]
    messages = [fault.message for fault in corpus.broken]
    assert "broken.wav" in messages[0]
    assert "no such file" in messages[1]
    assert "empty" in messages[2]
    assert messages[3] == "split is empty"
    assert messages[4] == "id 'x' is also that of line 8"
    with pytest.raises(
        DataError, match=r"5 of 9 rows cannot be used \(56%, max_unreadable=0.5\).*mmx data check"
    ) as error:
        Manifest(path=path, max_unreadable=0.5)
    assert "line 5: audio" in str(error.value)


def test_the_error_names_the_first_ten(media: Path, write_rows: Callable[..., str]) -> None:
    path = write_rows(media / "m.jsonl", [{"audio": f"gone{i}.wav"} for i in range(25)])
    with pytest.raises(DataError) as error:
        Manifest(path=path, max_unreadable=1.0)
    assert "line 10:" in str(error.value)
    assert "line 11:" not in str(error.value)
    assert "and 15 more" in str(error.value)


def test_no_path_and_no_file_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus.path=FILE.jsonl .*mmx data check FILE"):
        Manifest()
    with pytest.raises(DataError, match="no such file"):
        Manifest(path=str(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="nothing to train on"):
        Manifest(path="x.jsonl", val=0.5, test=0.5)


def test_without_a_split_column_groups_are_hashed(media: Path, write_rows: Callable[..., str]) -> None:
    rows = [{"id": str(i), "audio": "low.wav", "group": f"tape {i // 2}", "label": "ab"[i % 2]} for i in range(40)]
    corpus = Manifest(path=write_rows(media / "m.jsonl", rows))
    found = {name: [sample.targets["group"] for sample in corpus.split(name)] for name in ("train", "val", "test")}
    assert sum(map(len, found.values())) == 40
    assert not set(found["train"]) & (set(found["test"]) | set(found["val"]))
    again = Manifest(path=write_rows(media / "n.jsonl", rows[::-1]))
    assert {s.id for s in again.split("test")} == {s.id for s in corpus.split("test")}


def test_the_same_file_twice_gets_two_names(media: Path, write_rows: Callable[..., str]) -> None:
    corpus = Manifest(path=write_rows(media / "m.jsonl", [{"audio": "low.wav", "split": "train"}] * 3))
    assert [sample.id for sample in corpus.split("train")] == ["low.wav", "low.wav#2", "low.wav#3"]


def test_the_digest_changes_with_content_and_options_only(media: Path, write_rows: Callable[..., str]) -> None:
    path = write_rows(media / "m.jsonl", ROWS)
    before = Manifest(path=path).digest
    assert len(before) <= 36
    os.utime(media / "low.wav")
    assert Manifest(path=path).digest == before
    assert Manifest(path=path, class_names={"label": ["low", "high"]}).digest != before
    content = bytearray((media / "low.wav").read_bytes())
    content[-1] ^= 1
    (media / "low.wav").write_bytes(content)
    assert Manifest(path=path).digest != before
    (media / "low.wav").write_bytes((media / "high.wav").read_bytes())
    changed = Manifest(path=path).digest
    write_rows(media / "m.jsonl", [{**ROWS[0], "caption": "another"}, *ROWS[1:]])
    assert Manifest(path=path).digest not in (before, changed)


def test_a_relative_path_is_found_from_the_working_folder(
    media: Path, monkeypatch: pytest.MonkeyPatch, write_rows: Callable[..., str]
) -> None:
    write_rows(media / "m.jsonl", ROWS)
    monkeypatch.chdir(media.parent)
    assert Manifest(path="data/m.jsonl").used == 3


def test_videos_give_their_audio_track_and_silent_ones_what_they_have(
    media: Path, write_rows: Callable[..., str]
) -> None:
    write_video(media / "dumb.mp4", Video(np.zeros((4, 8, 8, 3), np.uint8), 4.0))
    rows = [
        {"video": "video.mp4", "split": "train"},
        {"video": "dumb.mp4", "split": "train"},
        {"video": "dumb.mp4", "audio": "dumb.mp4", "split": "train", "id": "asked"},
        {"audio": "dumb.mp4", "split": "train", "id": "nothing left"},
    ]
    corpus = Manifest(path=write_rows(media / "m.jsonl", rows), audio=True, max_unreadable=0.5)
    assert corpus.fields == {"video": "video", "audio": "audio"}
    samples = corpus.split("train")
    assert [sorted(sample.fields) for sample in samples] == [["audio", "video"], ["video"], ["video"]]
    assert samples[0].fields["audio"].rate > 0
    assert ["no audio" in fault.message for fault in corpus.broken] == [True]
    assert "audio" not in Manifest(path=write_rows(media / "n.jsonl", rows[:2])).fields


def test_videos_are_read_at_the_rate_and_size_that_are_wanted(media: Path, write_rows: Callable[..., str]) -> None:
    path = write_rows(media / "m.jsonl", [{"video": "video.mp4", "split": "train"}])
    own, small = Manifest(path=path), Manifest(path=path, fps=5, shortest=4)
    video = small.split("train")[0].fields["video"]
    assert video.fps == 5
    assert min(video.frames_THWC.shape[1:3]) == 4
    assert len(video.frames_THWC) * 2 == pytest.approx(len(own.split("train")[0].fields["video"].frames_THWC), abs=1)
    assert own.digest != small.digest


@pytest.mark.parametrize("written", [True, False])
def test_subtitles_around_an_item_keep_times_beyond_its_own(
    media: Path, write_rows: Callable[..., str], written: bool
) -> None:
    cues = [{"start": s, "end": s + 0.1, "text": str(i)} for i, s in enumerate((0.0, 0.2, 0.45, 0.7, 0.9))]
    (media / "many.vtt").write_text(
        "WEBVTT\n\n" + "".join(f"00:00:{c['start']:06.3f} --> 00:00:{c['end']:06.3f}\n{c['text']}\n\n" for c in cues)
    )
    row = {
        "video": "video.mp4",
        "start": 0.4,
        "end": 0.6,
        "subtitles": cues if written else "many.vtt",
        "split": "train",
    }
    path = write_rows(media / "m.jsonl", [row])
    only = Manifest(path=path).split("train")[0].fields["subtitles"]
    assert [cue.text for cue in only] == ["2"]
    around = Manifest(path=path, cues_around=0.35).split("train")[0].fields["subtitles"]
    assert [cue.text for cue in around] == ["0", "1", "2", "3", "4"][: len(around)]
    assert {cue.text for cue in around} >= {"1", "2", "3"}
    assert [cue.start for cue in around if cue.text in "123"] == pytest.approx([-0.2, 0.05, 0.3])


def test_the_first_cause_is_told_where_no_row_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,label,note\na,b\nc,d\n")
    with pytest.raises(DataError, match=r"2 of 2 rows cannot be used.*\n  line 2: has 2 cells under 3 columns"):
        Manifest(path=str(path))


def test_names_with_accents_are_found_however_they_are_composed(media: Path, write_rows: Callable[..., str]) -> None:
    for form, other in (("NFD", "NFC"), ("NFC", "NFD")):
        (media / "low.wav").rename(media / unicodedata.normalize(form, "lök.wav"))
        rows = [{"audio": unicodedata.normalize(other, "lök.wav"), "label": "x"}]
        assert Manifest(path=write_rows(media / "m.jsonl", rows)).used == 1
        (media / unicodedata.normalize(form, "lök.wav")).rename(media / "low.wav")
