"""Long videos as short items: where they begin, what goes with them, and what stays whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import DataError
from mmx.media.audio_image import write_video
from mmx.types import Audio, Video
from mmx_std.corpora.decoding import FileSource, Media
from mmx_std.corpora.files.facts import FileFacts
from mmx_std.corpora.items import Item
from mmx_std.corpora.manifest import Manifest
from mmx_std.corpora.stretches import stretches

LEVELS = 12


@pytest.fixture
def long(media: Path) -> Path:
    """Six seconds that get lighter twice a second, with a tone that gets louder; a word is said in each second."""
    levels_T = np.repeat(np.arange(LEVELS, dtype=np.uint8) * 20, 5)
    frames = levels_T[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    rise = np.linspace(0.05, 0.9, 6 * 8000)
    tone = (rise * np.sin(2 * np.pi * 300 * np.arange(len(rise)) / 8000))[None].astype(np.float32)
    write_video(media / "long.mp4", Video(frames, 10.0), Audio(tone, 8000))
    (media / "long.srt").write_text(
        "".join(f"{i + 1}\n00:00:0{i},200 --> 00:00:0{i},800\nword{i}\n\n" for i in range(6))
    )
    return media


def test_a_long_video_becomes_items_with_their_own_frames_audio_and_subtitles(
    long: Path, write_rows: Callable[..., str]
) -> None:
    rows = [{"video": "long.mp4", "subtitles": "long.srt", "label": "x", "split": "train"}]
    samples = Manifest(path=write_rows(long / "m.jsonl", rows), audio=True, window=2.0).split("train")
    assert [sample.id for sample in samples] == ["long.mp4+0", "long.mp4+2", "long.mp4+4"]
    assert {sample.targets["group"] for sample in samples} == {"long.mp4"}
    for number, sample in enumerate(samples):
        assert sample.fields["video"].seconds == pytest.approx(2.0, abs=0.11)
        level = sample.fields["video"].frames_THWC.mean((1, 2, 3))
        assert level == pytest.approx(np.repeat(np.arange(4) * 20 + 80 * number, 5), abs=6)
        assert sample.fields["audio"].seconds == pytest.approx(2.0, abs=0.1)
        loud = float(np.sqrt((sample.fields["audio"].samples_CT ** 2).mean()))
        assert loud == pytest.approx(0.95 * (number * 2 + 1) / 6 / 2**0.5, abs=0.06)
        words = [(cue.text, cue.start) for cue in sample.fields["subtitles"]]
        assert [text for text, _ in words] == [f"word{2 * number}", f"word{2 * number + 1}"]
        assert [start for _, start in words] == pytest.approx([0.2, 1.2])
        assert sample.targets["label"] == 0


def test_stretches_lie_within_start_and_end_and_cover_them(long: Path) -> None:
    video = FileSource(long / "long.mp4")
    for start, end in ((0.5, 5.5), (1.0, None), (None, 4.4), (2.0, 3.0)):
        item = Item("a", 1, {"video": Media("video", video, start, end)}, group="g")
        first, length = start or 0.0, (end or 6.0) - (start or 0.0)
        found = stretches(item, 1.5, FileFacts(long))
        assert len(found) == max(1, round(length / 1.5))
        if len(found) > 1:
            spans = [(each.media["video"].start or 0.0, each.media["video"].end or 0.0) for each in found]
            assert spans[0][0] == first
            assert spans[-1][1] == pytest.approx(first + length, abs=0.06)
            assert all(stop - begin == pytest.approx(1.5, abs=0.06) for begin, stop in spans)
            assert {each.group for each in found} == {"g"}
            assert len({each.id for each in found}) == len(found)
        else:
            assert found == [item]


def test_images_and_texts_have_no_length(long: Path) -> None:
    still = Item("a", 1, {"image": Media("image", FileSource(long / "red.png"))}, {"text": "red"})
    assert stretches(still, 1.0, FileFacts(long)) == [still]
    both = Item("b", 1, {**still.media, "video": Media("video", FileSource(long / "long.mp4"))})
    found = stretches(both, 3.0, FileFacts(long))
    assert len(found) == 2
    assert all(each.media["image"] == still.media["image"] for each in found)
    middle = stretches(
        Item("c", 1, {**both.media, "image": Media("image", FileSource(long / "long.mp4"))}), 3.0, FileFacts(long)
    )
    assert [float(each.media["image"].read().mean()) for each in middle] == pytest.approx([60, 180], abs=12)


def test_one_text_about_the_whole_is_cut_for_training_only(long: Path, write_rows: Callable[..., str]) -> None:
    rows = [
        {"id": split, "video": "long.mp4", "text": "it gets lighter", "split": split} for split in ("train", "test")
    ]
    corpus = Manifest(path=write_rows(long / "m.jsonl", rows), window=2.0)
    assert [len(corpus.split(name)) for name in ("train", "test")] == [3, 1]
    assert {sample.fields["text"] for sample in corpus.split("train")} == {"it gets lighter"}
    assert corpus.split("test")[0].id == "test"
    assert corpus.digest != Manifest(path=str(long / "m.jsonl")).digest


def test_stretches_of_one_video_stay_in_one_split(long: Path, write_rows: Callable[..., str]) -> None:
    for number in range(8):
        (long / f"{number}.mp4").write_bytes((long / "long.mp4").read_bytes())
    corpus = Manifest(path=write_rows(long / "m.jsonl", [{"video": f"{n}.mp4"} for n in range(8)]), window=1.0)
    homes: dict[str, set[str]] = {}
    for item in corpus.items:
        homes.setdefault(item.group, set()).add(item.split)
    assert len(corpus.items) == 8 * 6
    assert all(len(splits) == 1 for splits in homes.values())


def test_a_video_longer_than_is_read_at_once_can_be_used(media: Path, write_rows: Callable[..., str]) -> None:
    frames = np.arange(660, dtype=np.uint8)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    write_video(media / "hours.mp4", Video(frames, 1.0))
    path = write_rows(media / "m.jsonl", [{"video": "hours.mp4", "split": "train"}])
    with pytest.raises(DataError, match="longer than 600 s"):
        Manifest(path=path)
    samples = Manifest(path=path, window=60.0).split("train")
    assert len(samples) == 11
    assert samples[10].fields["video"].frames_THWC[:, 0, 0, 0] == pytest.approx(
        frames[600:, 0, 0, 0].astype(int), abs=4
    )
