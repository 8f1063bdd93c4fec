"""Texts under another field, texts during a clip, videos of one frame."""

from __future__ import annotations

import numpy as np

from mmx.data.lazy import LazyFields
from mmx.types import Cue, Sample, Video
from mmx_vatt.evaluation.items import during, having, still, texts


def video(frames: int) -> Video:
    return Video(np.arange(frames, dtype=np.uint8)[:, None, None, None].repeat(3, 3), 10.0)


def test_texts_take_another_fields_place() -> None:
    found = texts([Sample("a", {"text": "hello"}), Sample("b", {})], "text", "narration", 2.0)
    assert [text.fields for text in found] == [{"narration": "hello"}, {"narration": None}]
    assert found[0:1][0].id == "0"


def test_a_clip_is_judged_by_what_is_said_during_it() -> None:
    cues = tuple(Cue(at, at + 1.0, str(at)) for at in (-2.0, -0.5, 0.5, 1.9, 2.0, 7.0))
    (text,) = texts([Sample("a", {"narration": cues})], "narration", "narration", 2.0)
    assert [cue.text for cue in text.fields["narration"]] == ["-0.5", "0.5", "1.9"]
    assert during(cues[-1:], 2.0) is None
    assert during("a text", 2.0) == "a text"
    assert during(["a", "b"], 2.0) == ["a", "b"]


def test_a_video_stands_still_at_its_middle() -> None:
    found = still([Sample("a", {"video": video(9)}), Sample("b", {})], "video")
    assert found[0].fields["video"].frames_THWC[:, 0, 0, 0].tolist() == [4]
    assert found[0:2][1].fields["video"] is None
    assert len(found) == 2


def test_who_has_a_field_is_known_without_decoding() -> None:
    def fail() -> None:
        raise AssertionError("decoded")

    samples = [Sample("a", LazyFields({"video": fail})), Sample("b", {"video": None}), Sample("c", {"video": 1})]
    assert having(samples, "video") == [0, 2]
