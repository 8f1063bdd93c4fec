"""Which media belong to one item, and how a row of them is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmx.media.audio_image import write_image
from mmx.report.inline_media import Embedder
from mmx.report.items import OPEN_ROWS, OPEN_WIDE, Shown, duration, grouped, of_an_item, opened, rows


def shown(key: str, folder: Path = Path(), *, figure: bool = False) -> Shown:
    return Shown("image", folder / f"{key}.png", key, key.upper(), figure=figure)


def keys(names: list[str], figures: tuple[str, ...] = ()) -> tuple[list[list[str]], list[str]]:
    groups, rest = grouped([shown(name, figure=name in figures) for name in names])
    return [[each.key for each in group.values()] for group in groups], [each.key for each in rest]


def test_keys_with_one_number_are_one_item() -> None:
    assert keys(["voice_0", "face_0", "voice_7", "face_7", "matrix"]) == (
        [["voice_0", "face_0"], ["voice_7", "face_7"]],
        ["matrix"],
    )


def test_a_longer_key_belongs_to_the_item_that_it_begins_with() -> None:
    names = ["mixture_1", "mixture_1_voice_1", "mixture_1_voice_1_truth", "mixture_1_voice_2"]
    assert keys([*names, "separation_1"], figures=("separation_1",)) == ([[*names, "separation_1"]], [])


def test_what_only_shares_a_number_is_not_put_together() -> None:
    names = ["audio_1_query", "audio_1_answer", "text_1_query", "text_1_answer", "sound_1"]
    assert keys(names)[0] == [["audio_1_query", "audio_1_answer"], ["text_1_query", "text_1_answer"], ["sound_1"]]


def test_a_second_medium_of_one_role_is_kept() -> None:
    assert keys(["face_1", "face_1"]) == ([["face_1"]], ["face_1"])


def test_rows_are_aligned_and_the_later_ones_folded(tmp_path: Path) -> None:
    items = []
    for number in range(OPEN_ROWS + 2):
        for name in ("voice", "face") if number != 1 else ("voice",):
            items.append(shown(f"{name}_{number}", tmp_path))
            write_image(items[-1].path, np.zeros((2, 2, 3), np.uint8))
    groups, _ = grouped(items)
    text = rows(groups, Embedder())
    assert text.count("<div class=item") == OPEN_ROWS + 2
    assert text.count("--columns: 2") == OPEN_ROWS + 2
    assert text.count("<div></div>") == 1, "the face that item 1 lacks keeps its place"
    assert text.index("<details><summary>2 more</summary>") > text.index("FACE_2")
    assert text.index("FACE_3") > text.index("<details>")


def test_a_mixture_and_two_voices_beside_their_truths_stand_in_one_row_below_their_figure(tmp_path: Path) -> None:
    items = []
    for number in range(OPEN_WIDE + 1):
        for name in ("figure", "m", "m_voice_1", "m_voice_1_truth", "m_voice_2", "m_voice_2_truth"):
            first, _, rest = name.partition("_")
            key = f"{first}_{number}_{rest}".strip("_")
            item = shown(key, tmp_path, figure=name == "figure")
            items.append(replace(item, wide=item.figure))
            write_image(item.path, np.zeros((2, 2, 3), np.uint8))
    text = rows(grouped(items)[0], Embedder())
    assert text.count("--columns: 5") == text.count("<div class=item") == OPEN_WIDE + 1
    assert text.count("class='image row'") == OPEN_WIDE + 1
    assert text.index("<summary>1 more</summary>") > text.index(f"M_{OPEN_WIDE - 1}")


def test_a_figure_over_the_whole_width_takes_the_place_of_two() -> None:
    narrow, wide = (Shown("image", Path("a.png"), "a", "", figure=True, wide=each) for each in (False, True))
    assert opened([]) == 1
    assert opened([narrow] * 9) == 4
    assert opened([wide] * 9) == 2
    assert opened([wide, narrow, wide, narrow]) == 2, "the second wide one would be the fifth place"
    assert opened([narrow, narrow, narrow, wide]) == 3


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.354, "0.35 s"), (1.0, "1.0 s"), (59.4, "59.4 s"), (59.6, "1 min 0 s"), (125.0, "2 min 5 s")],
)
def test_lengths(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_keys_of_items() -> None:
    assert [of_an_item(key) for key in ("face_1", "mixture_1_truth", "faces", "sex_by_face")] == [
        True,
        True,
        False,
        False,
    ]
