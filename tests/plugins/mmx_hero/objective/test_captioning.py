"""The next word of captions: targets, smoothing, and what is drawn."""

from __future__ import annotations

import math

import pytest
import torch

from mmx.types import Outputs
from mmx_hero.model import rows
from mmx_hero.objective.captioning import Captioning, following
from tests.plugins.mmx_hero.conftest import COLUMNS, batch_of, row, table


def test_each_word_is_followed_by_the_next_and_the_last_by_the_end() -> None:
    said = table([row(0, 1, 2, 7, 8), row(0, 1, 2, 9, 9, 9, 9)], lines=3)
    assert following(said, 3)[0].tolist() == [[7, 8, 3, -1, -1], [9, 9, 9, 9, 3], [-1] * 5]


def test_the_loss_is_smoothed_cross_entropy_per_word() -> None:
    said = table([row(0, 1, 2, 7)], lines=1)
    logits = torch.randn(1, 1, 5, 10, generator=torch.Generator().manual_seed(0))
    outputs = Outputs(encoded={"captions": rows.features(said)}, heads={"words": {"captions": logits}})
    found = Captioning(built={}, smoothing=0.1, end=3, vocabulary=10)(outputs, batch_of(torch.zeros(1, 2, COLUMNS)))
    wanted = 0.0
    for place, target in ((0, 7), (1, 3)):
        log = logits[0, 0, place].log_softmax(-1)
        wanted += -0.9 * float(log[target]) - 0.1 * float(log.mean())
    assert float(found["loss"]) == pytest.approx(wanted / 2, rel=1e-5)
    assert Captioning(built={}, vocabulary=10).chance(4) == pytest.approx(math.log(10))


def test_some_captions_are_drawn_with_nothing_but_padding_cut_off() -> None:
    said = table([row(0, 1, 2, 7), row(1, 2, 2, 8), row(2, 3, 2, 9)], [row(0, 1, 2)])
    batch = batch_of(torch.zeros(2, 2, COLUMNS), captions=said)
    seen = set()
    for seed in range(30):
        shown = rows.rows_of(
            Captioning(built={}, most=2, vocabulary=10).view(batch, torch.Generator().manual_seed(seed)), "captions"
        )
        assert shown.shape == (2, 2, 3 + 2)
        seen.add(tuple(sorted(int(x) for x in shown[0, :, 4])))
        assert shown[1, :, rows.COUNT].tolist() == [1, 0]
    assert seen == {(7, 8), (7, 9), (8, 9)}
