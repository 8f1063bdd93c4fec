from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.interfaces import Corpus
from mmx_std.corpora.manifest import Manifest
from mmx_std.corpora.shards.corpus import Shards

ROWS = [
    {"audio": "low.wav", "image": "red.png", "words": "a low tone", "label": "low", "split": "train", "group": "g"},
    {"audio": "high.wav", "words": "a high tone", "label": "high", "split": "train", "group": "g"},
    {"audio": "low.wav", "start": 0.05, "image": "video.mp4", "label": "low", "labels": ["x"], "split": "test"},
    {"words": "no media", "split": "test"},
]


def test_packed_shards_hold_what_the_manifest_holds(
    media: Path, tmp_path: Path, write_rows: Callable[..., str]
) -> None:
    path = write_rows(media / "m.jsonl", ROWS)
    manifest = Manifest(path=path, fields={"query": "words"})
    Manifest.pack(path, str(tmp_path / "out"), fields={"query": "words"}, size=1)
    shards = Shards(path=str(tmp_path / "out"))
    assert isinstance(shards, Corpus)
    assert (shards.fields, shards.targets) == (manifest.fields, manifest.targets)
    assert (shards.used, shards.expected, shards.ignored) == (4, 4, 0)
    for name in ("train", "test"):
        for ours, theirs in zip(shards.split(name), manifest.split(name), strict=True):
            assert ours.id == theirs.id
            assert set(ours.fields) == set(theirs.fields)
            np.testing.assert_equal(dict(ours.targets), dict(theirs.targets))
            for field in theirs.fields:
                a, b = ours.fields[field], theirs.fields[field]
                assert np.array_equal(getattr(a, "samples_CT", a), getattr(b, "samples_CT", b))
    assert len(shards.digest) <= 36
    assert Shards(path=str(tmp_path / "out")).digest == shards.digest
    assert pickle.loads(pickle.dumps(shards.split("train")))[1].fields["audio"].rate == 8000


def test_subtitles_go_into_shards_and_come_back(media: Path, tmp_path: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        {"video": "video.mp4", "subtitles": "video.srt", "start": 0.4, "end": 0.9, "split": "train"},
        {"video": "video.mp4", "subtitles": [{"start": 0.1, "end": 1 / 3, "text": "ö"}], "split": "train", "id": "b"},
    ]
    path = write_rows(media / "m.jsonl", rows)
    manifest = Manifest(path=path)
    Manifest.pack(path, str(tmp_path / "out"))
    shards = Shards(path=str(tmp_path / "out"))
    assert shards.fields == manifest.fields == {"video": "video", "subtitles": "cues"}
    for ours, theirs in zip(shards.split("train"), manifest.split("train"), strict=True):
        assert ours.fields["subtitles"] == theirs.fields["subtitles"]
    write_tar(tmp_path / "train.tar", {
        "a.srt": (media / "video.srt").read_bytes(), "b.json": b'{"cues": {"subtitles": 3}}',
        "b.txt": b"x", "c.txt": b"y",
    })  # fmt: skip
    others = Shards(path=str(tmp_path / "train.tar"), max_unreadable=0.5)
    assert len(others.split("train")[0].fields["subtitles"]) == 2
    assert "b.json: 3 is no list" in others.broken[0].message
    long = [
        {"start": i, "end": i + 1, "text": "語" * 1000} for i in range(500)
    ]  # a line has characters, a member bytes
    (media / "n.jsonl").write_text(json.dumps({"video": "video.mp4", "subtitles": long}, ensure_ascii=False))
    path = str(media / "n.jsonl")
    with pytest.raises(DataError, match=r"into a \.srt file"):
        Manifest.pack(path, str(tmp_path / "large"))


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_shards_of_others(media: Path, tmp_path: Path) -> None:
    sound, image = (media / "low.wav").read_bytes(), (media / "red.png").read_bytes()
    write_tar(
        tmp_path / "train_000.tar",
        {
            "a/0.WAV": sound, "a/0.cls": b"3\n", "a/0.txt": b"a tone",
            "a/1.left.png": image, "a/1.json": b'{"label": 12, "caption": "red", "split": "Valid"}',
            "b/0.png": image, "b/0.json": b'{"labels": ["x", "y"], "media": {"image": 5}, "id": 7}',
            "b/0.unknown": b"?",
        },
    )  # fmt: skip
    shards = Shards(path=str(tmp_path))
    assert shards.fields == {"audio": "audio", "left": "image", "image": "image", "text": "text", "caption": "text"}
    train, val = shards.split("train"), shards.split("val")
    assert [sample.id for sample in train] == ["train_000.tar:a/0", "train_000.tar:b/0"]
    assert shards.targets == {"label": ("3",), "labels": ("x", "y")}
    assert [sample.targets["label"] for sample in (*train, *val)] == [0, -1, -1]
    assert train[0].fields["text"] == "a tone"
    assert val[0].fields["left"].shape == (6, 8, 3)


def test_without_any_split_they_are_hashed(media: Path, tmp_path: Path) -> None:
    sound = (media / "low.wav").read_bytes()
    write_tar(tmp_path / "data.tar", {f"{i}.wav": sound for i in range(30)})
    shards = Shards(path=str(tmp_path / "data.tar"))
    assert sum(len(shards.split(name)) for name in ("train", "val", "test")) == 30
    assert len(shards.split("train")) > 10
    with pytest.raises(DataError, match="splits: test, train, val"):
        shards.split("dev")


def test_what_is_broken_is_counted_and_stops_beyond_the_limit(media: Path, tmp_path: Path) -> None:
    sound = (media / "low.wav").read_bytes()
    members = {f"{i}.wav": sound for i in range(6)}
    members |= {f"{i}.json": json.dumps({"id": "same"}).encode() for i in (0, 1)}
    members |= {"x.json": b"{", "y.json": b"[]", "z.unknown": b"?"}
    write_tar(tmp_path / "train.tar", members)
    with pytest.raises(DataError, match=r"5 of 9 samples can be used .*max_unreadable=0.1"):
        Shards(path=str(tmp_path))
    shards = Shards(path=str(tmp_path), max_unreadable=0.5)
    assert (shards.used, shards.expected) == (5, 9)
    assert len(shards.broken) == 4


@pytest.mark.parametrize("start", [10**400, -1, "1", [1], True, float("inf")])
def test_a_start_that_is_no_time_costs_the_item_and_is_never_taken_for_none(
    media: Path, tmp_path: Path, start: object
) -> None:
    sound = (media / "low.wav").read_bytes()
    members = {f"{number}.wav": sound for number in range(3)}
    write_tar(tmp_path / "a.tar", {**members, "0.json": json.dumps({"media": {"audio": {"start": start}}}).encode()})
    shards = Shards(path=str(tmp_path / "a.tar"), max_unreadable=0.5)
    assert (shards.used, shards.expected) == (2, 3)
    assert "0.json: start and end are numbers of seconds" in str(shards.broken[0])


def test_a_member_that_cannot_be_decoded_is_named_by_its_place(media: Path, tmp_path: Path) -> None:
    write_tar(tmp_path / "train.tar", {"0.wav": b"nothing", "1.wav": (media / "low.wav").read_bytes()})
    samples = Shards(path=str(tmp_path)).split("train")
    with pytest.raises(DataError, match=r"train\.tar:0\.wav"):
        samples[0].fields["audio"]
    assert samples[1].fields["audio"].seconds == pytest.approx(0.1)
    (tmp_path / "train.tar").write_bytes(b"")
    with pytest.raises(DataError, match="shorter than it was"):
        samples[1].fields["audio"]


def test_paths_that_hold_no_shards(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus.path=FOLDER; make one: mmx data pack"):
        Shards()
    with pytest.raises(DataError, match=r"no .tar files"):
        Shards(path=str(tmp_path))
    with pytest.raises(DataError, match=r"no .tar files"):
        Shards(path=str(tmp_path / "none.tar"))
    (tmp_path / "a.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="decompress"):
        Shards(path=str(tmp_path))


def test_folders_hidden_members_and_lists_of_texts(media: Path, tmp_path: Path) -> None:
    image = (media / "red.png").read_bytes()
    for split, count in (("train", 3), ("validation", 2)):
        (tmp_path / "out" / split).mkdir(parents=True)
        members = {}
        for number in range(count):
            described = {"text": [f"image {number}", "a red one"], "tag": ["colour"], "caption": None}
            members |= {
                f"./{number:05d}.png": image,
                f"./._{number:05d}.png": b"Mac OS X",
                f"./{number:05d}.json": json.dumps(described).encode(),
                f"./{number:05d}.cls": b"1",
            }
        write_tar(tmp_path / "out" / split / "00000.tar", members)
        (tmp_path / "out" / split / "00000_stats.json").write_text("{}")
    shards = Shards(path=str(tmp_path / "out"))
    assert (len(shards.split("train")), len(shards.split("val"))) == (3, 2)
    assert (shards.used, shards.expected, shards.ignored) == (5, 5, 5)
    assert "Not read: 5 that are hidden" in shards.card.summary
    assert shards.fields == {"image": "image", "text": "text", "text_2": "text"}
    first = shards.split("val")[0]
    assert first.id == "validation/00000.tar:00000"
    assert (first.fields["text"], first.fields["text_2"]) == ("image 0", "a red one")


def test_no_shard_and_no_kind_of_member_is_left_out_silently(media: Path, tmp_path: Path) -> None:
    image = (media / "red.png").read_bytes()
    for name in ("Train-0.tar", "TEST-0.TAR"):
        write_tar(tmp_path / name, {"1.png": image, "1.label": b"a", "1.npy": b"", "1.cls": b"a"})
    shards = Shards(path=str(tmp_path))
    assert (len(shards.split("train")), len(shards.split("test"))) == (1, 1)
    assert "Not read: 4 members of other kinds (label, npy)." in shards.card.summary
    (tmp_path / "val-0.TGZ").write_bytes(b"\x1f\x8b")
    with pytest.raises(DataError, match="only plain"):
        Shards(path=str(tmp_path))


@pytest.mark.parametrize("described", [["a cat", "an animal"], {"captions": ["a cat", "an animal"]}])
def test_several_texts_in_other_forms(media: Path, tmp_path: Path, described: object) -> None:
    image = (media / "red.png").read_bytes()
    write_tar(tmp_path / "train-0.tar", {"a.png": image, "a.json": json.dumps(described).encode()})
    fields = Shards(path=str(tmp_path)).split("train")[0].fields
    assert [fields[name] for name in fields if name != "image"] == ["a cat", "an animal"]


def test_no_shard_is_given_another_split_than_its_name_tells(media: Path, tmp_path: Path) -> None:
    image = (media / "red.png").read_bytes()
    write_tar(tmp_path / "toy-train-0.tar", {f"train_{i}.png": image for i in range(20)})
    write_tar(tmp_path / "toy-test-0.tar", {f"test_{i}.png": image for i in range(10)})
    shards = Shards(path=str(tmp_path))
    assert (len(shards.split("train")), len(shards.split("test"))) == (20, 10)
    write_tar(tmp_path / "toy-eval-0.tar", {f"{i}.png": image for i in range(10)})
    with pytest.raises(DataError, match=r"toy-eval-0\.tar: which split is it of\?"):
        Shards(path=str(tmp_path))
    assert len(Shards(path=str(tmp_path), splits={"*-eval-*": "dev"}).split("val")) == 10
    mixed = tmp_path / "mixed.tar"
    write_tar(mixed, {f"{split}/{i}.png": image for split in ("train", "val") for i in range(20)})
    assert [len(Shards(path=str(mixed)).split(name)) for name in ("train", "val")] == [20, 20]


def test_a_file_of_many_rows_is_packed_once(media: Path, tmp_path: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        {
            "video": "video.mp4",
            "start": i / 20,
            "end": i / 20 + 0.2,
            "id": f"{i}",
            "split": "test" if i > 7 else "train",
        }
        for i in range(10)
    ]
    path = write_rows(media / "m.jsonl", rows)
    written = Manifest.pack(path, str(tmp_path / "out"), size=4)
    assert len(written) == 3
    assert sum(each.stat().st_size for each in written) < (media / "video.mp4").stat().st_size + 50_000
    manifest, shards = Manifest(path=path), Shards(path=str(tmp_path / "out"))
    for name in ("train", "test"):
        for ours, theirs in zip(shards.split(name), manifest.split(name), strict=True):
            np.testing.assert_array_equal(ours.fields["video"].frames_THWC, theirs.fields["video"].frames_THWC)
    holds_it = next(each for each in written if each.stat().st_size > (media / "video.mp4").stat().st_size)
    holds_it.unlink()
    with pytest.raises(DataError, match=rf"stored as \S+\.mp4 in {holds_it.name}, which is not there"):
        Shards(path=str(tmp_path / "out"))
