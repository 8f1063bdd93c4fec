"""Windows of long items: their places, their number, and one decoding per item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmx import Audio, DataError, LazyFields, Sample, Video
from mmx_std.ops.windows import Windows, cut, starts


def video(frames: int) -> Video:
    return Video(np.arange(frames, dtype=np.uint8)[:, None, None, None].repeat(3, 3), 10.0)


def recording(samples: int, rate: int) -> Audio:
    return Audio(np.arange(samples, dtype=np.int32).astype(np.float32)[None], rate)


def test_windows_go_from_the_beginning_to_the_end() -> None:
    windows = [window.frames_THWC[:, 0, 0, 0] for window in cut(video(100), 2.0, 4)]
    assert [int(window[0]) for window in windows] == [0, 27, 53, 80]
    assert all(len(window) == 20 for window in windows)
    assert cut(recording(1000, 100), 4.0, 2)[1].samples_CT[0].tolist() == list(range(600, 1000))
    assert int(cut(video(100), 2.0, 1)[0].frames_THWC[0, 0, 0, 0]) == 40


def test_starts_are_spread_and_one_is_in_the_middle() -> None:
    assert starts(10.0, 2.0, 3) == [0.0, 4.0, 8.0]
    assert starts(10.0, 2.0, 1) == [4.0]
    assert starts(1.5, 2.0, 3) == [0.0]


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("count", [2, 4])
def test_a_recording_of_any_number_of_samples_ends_with_its_last_window(rate: int, count: int) -> None:
    for samples in np.random.default_rng(0).integers(round(2.01 * rate), 4 * rate, 40).tolist():
        found = [int(window.samples_CT[0, 0]) for window in cut(recording(samples, rate), 2.0, count)]
        room = samples - 2 * rate
        assert found == [round(room * window / (count - 1)) for window in range(count)]


def test_what_is_short_or_does_not_last_stays_whole() -> None:
    short = video(20)
    assert all(window is short for window in cut(short, 2.0, 4))
    assert len(cut(short, 2.0, 4)) == 4
    assert cut("text", 2.0, 2) == ["text", "text"]


def test_a_video_that_ends_a_little_late_is_one_window() -> None:
    late = recording(16010, 8000)
    assert cut(late, 2.0, 3)[2] is late
    assert cut(recording(16100, 8000), 2.0, 2)[1].samples_CT.shape == (1, 16000)


def test_windows_are_samples_with_their_items_number() -> None:
    samples = [Sample("a", {"video": video(40), "text": "x"}), Sample("b", {"video": video(10)})]
    windows = Windows(samples, "video", 2.0, 2)
    assert len(windows) == 4
    assert [window.id for window in windows] == ["0", "0", "1", "1"]
    assert set(windows[1].fields) == {"video"}
    assert [len(window.fields["video"].frames_THWC) for window in windows[0:4]] == [20, 20, 10, 10]
    with pytest.raises(IndexError):
        windows[4]


def test_a_sample_without_the_field_is_named() -> None:
    with pytest.raises(DataError, match=r"^b: no video$"):
        Windows([Sample("b", {})], "video", 2.0, 2)[1]


def test_an_item_is_decoded_once_for_all_its_windows_and_not_kept() -> None:
    decoded = []

    class Videos(list[str]):
        def __getitem__(self, index: Any) -> Any:
            def decode() -> Video:
                decoded.append(index)
                return video(40)

            return Sample("abc"[index], LazyFields({"video": decode}))

    windows = Windows(Videos("abc"), "video", 1.0, 4)  # type: ignore[arg-type]
    for _ in range(2):
        assert [len(window.fields["video"].frames_THWC) for window in windows] == [10] * 12
    assert decoded == [0, 1, 2] * 2
