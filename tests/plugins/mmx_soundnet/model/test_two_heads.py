"""The two classifiers over time."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import ConfigError, DataError
from mmx.types import Batch, Features
from mmx_soundnet.model.two_heads import TwoHeads

BATCH = Batch(ids=("a", "b"))


def features(steps: int, width: int = 6, mask: torch.Tensor | None = None) -> dict[str, Features]:
    tokens = torch.randn(2, steps, width, generator=torch.Generator().manual_seed(0))
    return {"audio": Features(tokens.mean(1), tokens, mask)}


@pytest.mark.parametrize(
    ("window", "steps", "expected"),
    [((8, 2, 0), 15, 4), ((8, 2, 0), 8, 1), ((16, 12, 4), 54, 4), ((4, 1, 0), 9, 6)],
)
def test_predictions_per_clip_are_those_of_the_table(window: tuple, steps: int, expected: int) -> None:
    kernel, stride, padding = window
    head = TwoHeads({"audio": 6}, objects=5, scenes=3, kernel=kernel, stride=stride, padding=padding)
    logits = head(features(steps), BATCH)
    assert logits["objects"].shape == (2, expected, 5)
    assert logits["scenes"].shape == (2, expected, 3)
    assert set(logits) == {"objects", "scenes"}


def test_a_prediction_is_a_weighted_sum_over_its_window() -> None:
    head = TwoHeads({"audio": 6}, objects=5, scenes=3, kernel=3, stride=2)
    inputs = features(9)
    logits_BTK = head(inputs, BATCH)["objects"]
    conv = head.convs["objects"]
    for clip in range(2):
        for step in range(4):
            for label in range(5):
                expected = conv.bias[label].item()
                for offset in range(3):
                    token_D = inputs["audio"].tokens_BTD[clip, 2 * step + offset]
                    expected += (token_D * conv.weight[label, :, offset]).sum().item()
                assert logits_BTK[clip, step, label].item() == pytest.approx(expected, abs=1e-5)


def test_class_counts_come_from_the_teachers() -> None:
    head = TwoHeads({"audio": 6, "objects": 1000, "scenes": 7})
    assert [head.convs[name].out_channels for name in ("objects", "scenes")] == [1000, 7]
    with pytest.raises(ConfigError, match="scenes"):
        TwoHeads({"audio": 6, "objects": 1000})


def test_a_classifier_without_classes_is_left_out() -> None:
    head = TwoHeads({"audio": 6}, objects=5, scenes=0, kernel=4, stride=2)
    assert set(head(features(12), BATCH)) == {"objects"}
    with pytest.raises(ConfigError, match="both"):
        TwoHeads({"audio": 6}, objects=0, scenes=0)


def test_masked_clips_say_where_their_predictions_end() -> None:
    mask = torch.tensor([[True] * 9 + [False] * 3, [True] * 12])
    logits = TwoHeads({"audio": 6}, objects=5, scenes=3, kernel=4, stride=2)(features(12, mask=mask), BATCH)
    assert logits["mask"].tolist() == [[True, True, True, False, False], [True] * 5]


def test_a_clip_that_is_too_short_is_named() -> None:
    head = TwoHeads({"audio": 6}, objects=5, scenes=3)
    with pytest.raises(DataError, match=r"encoders\.audio\.seconds"):
        head(features(7), BATCH)
    with pytest.raises(DataError, match="no time axis"):
        head({"audio": Features(torch.zeros(2, 6))}, BATCH)


def test_port() -> None:
    assert TwoHeads({"sound": 6}, source="sound", objects=5, scenes=3).needs == ("fused.sound",)
