from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmx.errors import DataError
from mmx.types import Cue
from mmx_std.corpora.layout import RowError, make_item, make_layout
from mmx_std.corpora.tables import Row


def item_of(folder: Path, values: dict[str, Any], **options: Any) -> Any:
    settings: dict[str, Any] = {"fields": {}, "modalities": {}, "allow_outside": False, **options}
    return make_item(Row(7, values), make_layout(folder, list(values), **settings))


def test_the_convention(tmp_path: Path) -> None:
    item = item_of(
        tmp_path,
        {
            "id": 12, "audio": "a/x.wav", "image": "video.mp4", "caption": "a cat.png", "label": 3,
            "label_scene": "beach", "labels": "red; big;",
            "group": "tape 1", "start": "0.5", "end": 2, "split": "Dev", "mood": "calm",
        },
    )  # fmt: skip
    assert (item.id, item.group, item.split, item.line) == ("12", "tape 1", "val", 7)
    assert {name: (m.modality, m.source.path, m.start, m.end) for name, m in item.media.items()} == {
        "audio": ("audio", tmp_path / "a/x.wav", 0.5, 2.0),
        "image": ("image", tmp_path / "video.mp4", 0.5, 2.0),
    }
    assert item.texts == {"caption": "a cat.png"}
    assert item.labels == {"label": "3", "scene": "beach", "labels": ("red", "big")}


def test_captions_are_a_caption_a_row(tmp_path: Path) -> None:
    assert item_of(tmp_path, {"image": "x.png", "captions": "a cat.png"}).texts == {"caption": "a cat.png"}
    both = item_of(tmp_path, {"caption": "a cat", "captions": "a dog"})
    assert both.texts == {"caption": "a cat"}
    renamed = item_of(tmp_path, {"captions": "a cat"}, fields={"title": "captions"})
    assert renamed.texts == {"title": "a cat"}
    with pytest.raises(RowError, match="one row per text"):
        item_of(tmp_path, {"captions": ["a cat", "a dog"]})


def test_a_file_column_follows_the_suffix_or_the_modality(tmp_path: Path) -> None:
    assert list(item_of(tmp_path, {"file": "x.jpg"}).media) == ["image"]
    assert item_of(tmp_path, {"path": "x.bin", "modality": "audio"}).media["audio"].modality == "audio"
    assert list(item_of(tmp_path, {"file": "x.mp4", "modality": "movie"}).media) == ["video"]
    with pytest.raises(RowError, match="add a column `modality`"):
        item_of(tmp_path, {"file": "x.bin"})


def test_subtitles_are_a_file_or_written_out(tmp_path: Path) -> None:
    video = {"video": "x.mp4", "start": 1, "end": 3}
    item = item_of(tmp_path, {**video, "subtitles": "x.srt"})
    assert {name: (m.modality, m.start, m.end) for name, m in item.media.items()} == {
        "video": ("video", 1.0, 3.0),
        "subtitles": ("cues", 1.0, 3.0),
    }
    rows = [{"start": 0, "end": 1.5, "text": "one"}, {"start": 2, "end": 9, "text": "two"}]
    written = item_of(tmp_path, {**video, "subtitles": rows}).media["subtitles"]
    assert written.read() == (Cue(0.0, 0.5, "one"), Cue(1.0, 2.0, "two"))
    assert item_of(tmp_path, {"file": "x.vtt"}).media["subtitles"].modality == "cues"
    assert item_of(tmp_path, {"said": "x.srt"}, fields={"speech": "said"}).media["speech"].modality == "cues"
    assert item_of(tmp_path, {"said": rows}, fields={"subtitles": "said"}).media["subtitles"].read()[0].end == 1.5
    assert item_of(tmp_path, {"asked": rows}, fields={"queries": "asked"}).media["queries"].modality == "cues"
    for value, message in (
        ("just words", "no such file"),
        ("x.mp4", ".mp4 is a video file, not cues"),
        ([{"start": 0}], r"subtitles: subtitle 1: .* is not \{start, end, text\}"),
        (7, "is not a path"),
    ):
        with pytest.raises((RowError, DataError), match=message):
            item_of(tmp_path, {**video, "subtitles": value}).media["subtitles"].read()
    with pytest.raises(RowError, match=r"\.srt is a subtitle file, not audio"):
        item_of(tmp_path, {"audio": "x.srt"})


def test_fields_rename_and_add(tmp_path: Path) -> None:
    values = {"clip": "x.mp4", "words": "hello", "song": "y.wav"}
    item = item_of(tmp_path, values, fields={"audio": "clip", "faces": "clip", "query": "words", "music": "song"})
    assert {name: media.modality for name, media in item.media.items()} == {
        "audio": "audio",  # a field named as a modality is one
        "faces": "video",
        "music": "audio",
    }
    assert item.texts == {"query": "hello"}
    assert (
        item_of(tmp_path, {"x": "a.mp4"}, fields={"face": "x"}, modalities={"face": "image"}).media["face"].modality
        == "image"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": {"audio": "clap"}}, "fields.audio=clap: no such column; did you mean 'clip'"),
        ({"fields": {"a/b": "clip"}}, "no name of a field"),
        (
            {"fields": {"x": "clip"}, "modalities": {"x": "smell"}},
            "one of audio, image, video, cues, signal, text",
        ),
        ({}, "no column of media or text"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        item_of(tmp_path, {"clip": "x.wav"}, **options)


def test_a_misspelt_column_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'audio'"):
        item_of(tmp_path, {"audoi": "x.wav"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"audio": "../x.wav"}, "outside the manifest's folder; corpus.allow_outside=true"),
        ({"audio": "/etc/x.wav"}, "outside"),
        ({"audio": "link/x.wav"}, "outside"),
        ({"audio": "a\0.wav"}, "audio: "),
        ({"audio": "https://example.org/x.wav"}, "network"),
        ({"audio": 5}, "not a path"),
        ({"audio": "x.png"}, ".png is an image file, not audio"),
        ({"audio": "x.wav", "start": "soon"}, "start: 'soon' is not a number"),
        ({"audio": "x.wav", "start": -1}, "0 or more"),
        ({"audio": "x.wav", "start": 10**400}, "start: 10+ is not a number"),
        ({"file": "x", "modality": ["audio"]}, "cannot tell the modality"),
        ({"subtitles": [{"start": 0, "end": 10**400, "text": "a"}]}, "start and end must be seconds"),
        ({"audio": "x.wav", "end": "nan"}, "0 or more"),
        ({"audio": "x.wav", "start": 2, "end": 2}, "end 2 s is not after start 2 s"),
        ({"text": ["a", "b"]}, "one row per text"),
        ({"text": "a", "label": ["a"]}, "several go into a column `labels`"),
        ({"text": "a", "labels": [["a"]]}, "list of class names"),
        ({"audio": "x.wav", "file": "y.wav", "label": {}}, "one class"),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(RowError, match=message):
        item_of(folder, values)


def test_a_row_without_anything(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, ["audio", "label"], fields={}, modalities={}, allow_outside=False)
    with pytest.raises(RowError, match="no media and no text"):
        make_item(Row(1, {"label": "cat"}), layout)


def test_outside_is_read_when_allowed_and_ids_follow_the_files(tmp_path: Path) -> None:
    assert item_of(tmp_path, {"audio": "../x.wav"}, allow_outside=True).media["audio"].source.path.name == "x.wav"
    assert item_of(tmp_path, {"audio": "a/x.wav"}).id == "a/x.wav"
    assert item_of(tmp_path, {"audio": "a/x.wav", "start": 1.5}).id == "a/x.wav@1.5"
    assert item_of(tmp_path, {"text": "hello"}).id == "line-7"
    assert item_of(tmp_path, {"text": "hello"}).group == "line-7"
