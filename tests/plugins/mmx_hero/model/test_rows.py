"""Rows of numbers and the frames of a moment."""

from __future__ import annotations

import pytest
import torch

from mmx.types import Batch
from mmx_hero.model import rows
from mmx_hero.model.rows import View
from tests.plugins.mmx_hero.conftest import batch_of, row, table


def test_rows_hold_times_and_tokens_exactly() -> None:
    found = table([row(0.25, 10_799.5, 2, 50_271)])
    assert rows.ids(found)[0, 0, :2].tolist() == [2, 50_271]
    assert rows.token_mask(found)[0].tolist() == [[True, True, False, False, False], *[[False] * 5] * 3]
    features = rows.features(found)
    assert features.mask_BT is not None
    assert features.mask_BT.tolist() == [[True, False, False, False]]
    assert torch.equal(features.pooled_BD, found[:, 0])


def test_rows_come_from_features_or_inputs_and_a_missing_field_has_none() -> None:
    given = table([row(0, 1, 2)], [row(0, 1, 3)])
    live = Batch(["a", "b"], inputs={"subtitles": given}, present={"subtitles": torch.tensor([True, False])})
    assert rows.rows_of(live, "subtitles")[:, 0, rows.COUNT].tolist() == [1, 0]
    changed = rows.with_rows(live, "subtitles", given * 2)
    assert torch.equal(changed.cached["subtitles"].tokens_BTD, given * 2)  # type: ignore[arg-type]
    assert "subtitles" not in live.cached, "the batch itself is as it was"


def test_what_is_shown_travels_with_the_batch() -> None:
    batch = batch_of(torch.zeros(1, 2, 6))
    assert rows.view_of(batch) == View()
    told = rows.with_view(batch, View(local=False))
    assert not rows.view_of(told).local
    assert rows.view_of(batch).local


def test_the_mask_of_frames(frames: torch.Tensor) -> None:
    assert rows.frame_mask(batch_of(frames), "frames").all()
    mask = torch.arange(8) < torch.tensor([[8], [3]])
    assert torch.equal(rows.frame_mask(batch_of(frames, mask), "frames"), mask)
    live = Batch(["a", "b"], inputs={"frames": frames}, present={"frames": torch.tensor([True, False])})
    assert rows.frame_mask(live, "frames").sum(1).tolist() == [8, 0]


@pytest.mark.parametrize(
    ("span", "frames"),
    [((3.0, 7.5), (2, 4)), ((2.8, 7.7), (2, 4)), ((0.1, 0.2), (0, 0)), ((4.7, 5.4), (3, 3)), ((9.0, 99.0), (6, 7))],
)
def test_the_frames_of_a_moment(span: tuple[float, float], frames: tuple[int, int]) -> None:
    assert rows.frame_span(torch.tensor([span]), 1.5, 8)[0].tolist() == list(frames)
