"""Windows of long items, texts under another name, films that stand still."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmx.data.lazy import LazyFields
from mmx.types import Audio, Cue, Sample, Video
from mmx_vatt.evaluation.windows import Still, Texts, Windows, cut, during, having, places


def film(frames: int) -> Video:
    return Video(np.arange(frames, dtype=np.uint8)[:, None, None, None].repeat(3, 3), 10.0)


def test_windows_go_from_the_beginning_to_the_end() -> None:
    windows = [cut(film(100), 2.0, w, 4).frames_THWC[:, 0, 0, 0] for w in range(4)]
    assert [int(w[0]) for w in windows] == [0, 27, 53, 80]
    assert all(len(w) == 20 for w in windows)
    sound = Audio(np.arange(1000, dtype=np.float32)[None], 100)
    assert cut(sound, 4.0, 1, 2).samples_CT[0].tolist() == list(range(600, 1000))
    assert int(cut(film(100), 2.0, 0, 1).frames_THWC[0, 0, 0, 0]) == 40


def test_what_is_short_or_no_film_stays_whole() -> None:
    short = film(20)
    assert cut(short, 2.0, 1, 4) is short
    assert cut("text", 2.0, 1, 4) == "text"


def test_windows_are_samples_that_know_their_item() -> None:
    samples = [Sample("a", {"video": film(40), "text": "x"}), Sample("b", {"video": film(10)})]
    windows = Windows(samples, "video", 2.0, 2)
    assert len(windows) == 4
    assert [window.id for window in windows] == ["0", "0", "1", "1"]
    assert set(windows[1].fields) == {"video"}
    assert [len(window.fields["video"].frames_THWC) for window in windows[0:4]] == [20, 20, 10, 10]


def test_an_item_is_decoded_once_for_all_its_windows_and_not_kept() -> None:
    decoded = []

    class Films(list[str]):
        def __getitem__(self, index: Any) -> Any:
            def decode() -> Video:
                decoded.append(index)
                return film(40)

            return Sample("abc"[index], LazyFields({"video": decode}))

    windows = Windows(Films("abc"), "video", 1.0, 4)
    for _ in range(2):
        assert [len(window.fields["video"].frames_THWC) for window in windows] == [10] * 12
    assert decoded == [0, 1, 2] * 2


def test_places_are_spread_and_one_is_in_the_middle() -> None:
    assert places(10.0, 2.0, 3) == [0.0, 4.0, 8.0]
    assert places(10.0, 2.0, 1) == [4.0]
    assert places(1.5, 2.0, 3) == [0.0]


def test_texts_take_another_fields_place() -> None:
    texts = Texts([Sample("a", {"text": "hello"}), Sample("b", {})], "text", "narration", 2.0)
    assert [text.fields for text in texts] == [{"narration": "hello"}, {"narration": None}]
    assert texts[0:1][0].id == "0"


def test_a_clip_is_judged_by_what_is_said_during_it() -> None:
    cues = tuple(Cue(at, at + 1.0, str(at)) for at in (-2.0, -0.5, 0.5, 1.9, 2.0, 7.0))
    (text,) = Texts([Sample("a", {"narration": cues})], "narration", "narration", 2.0)
    assert [cue.text for cue in text.fields["narration"]] == ["-0.5", "0.5", "1.9"]
    assert during(cues[-1:], 2.0) is None
    assert during("a text", 2.0) == "a text"
    assert during(["a", "b"], 2.0) == ["a", "b"]


def test_a_film_stands_still_at_its_middle() -> None:
    still = Still([Sample("a", {"video": film(9)}), Sample("b", {})], "video")
    assert still[0].fields["video"].frames_THWC[:, 0, 0, 0].tolist() == [4]
    assert still[0:2][1].fields["video"] is None
    assert len(still) == 2


def test_who_has_a_field_is_known_without_decoding() -> None:
    def fail() -> None:
        raise AssertionError("decoded")

    samples = [Sample("a", LazyFields({"video": fail})), Sample("b", {"video": None}), Sample("c", {"video": 1})]
    assert having(samples, "video") == [0, 2]
