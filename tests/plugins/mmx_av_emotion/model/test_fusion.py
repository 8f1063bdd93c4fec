"""Fusion within segments against loops over clips and segments."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.interfaces import Fuser
from mmx.types import Batch, Features
from mmx_av_emotion.model.fusion import SegmentFusion

DIMS = {"video": 3, "audio": 2}
IDS = ["a", "b", "c"]


def given() -> dict[str, Features]:
    torch.manual_seed(0)
    heard, shown = torch.randn(3, 4, 2), torch.randn(3, 3, 3)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    return {"audio": Features(heard.mean(1), heard, mask), "video": Features(shown.mean(1), shown, mask[:, :3])}


@pytest.mark.parametrize("pooling", ["mean", "max"])
@pytest.mark.parametrize("order", ["fuse-pool", "pool-fuse"])
def test_each_segment_then_all(pooling: str, order: str) -> None:
    fuser = SegmentFusion(DIMS, hidden=(5, 4), pooling=pooling, order=order).eval()  # type: ignore[arg-type]
    assert isinstance(fuser, Fuser)
    features = given()
    fused = fuser(features, Batch(IDS))
    over = torch.amax if pooling == "max" else torch.mean
    for row, count in enumerate((3, 2, 1)):
        heard, shown = (features[name].tokens_BTD[row, :count] for name in ("audio", "video"))  # type: ignore[index]
        side = torch.cat([heard, shown], 1)
        expected = fuser.layers(over(side, 0)) if order == "pool-fuse" else over(fuser.layers(side), 0)
        torch.testing.assert_close(fused["joint"].pooled_BD[row], expected)
    assert fused["joint"].pooled_BD.shape[1] == fuser.dims["joint"] == 4
    assert fuser.requires("joint") == ["audio", "video"] and fuser.requires("audio") == ("audio",)


def test_a_missing_modality_has_zeros() -> None:
    fuser = SegmentFusion(DIMS, hidden=(4,)).eval()
    features = given()
    there = torch.tensor([True, False, True])
    batch = Batch(IDS, present={"audio": there})
    features["audio"].tokens_BTD[1] = torch.nan  # type: ignore[index]
    joint = fuser(features, batch)["joint"].pooled_BD
    side = torch.cat([torch.zeros(2, 2), features["video"].tokens_BTD[1, :2]], 1)  # type: ignore[index]
    torch.testing.assert_close(joint[1], fuser.layers(side).mean(0))
    alone = fuser({"video": features["video"]}, Batch(IDS))["joint"].pooled_BD
    torch.testing.assert_close(alone[1], joint[1])
    nothing = Batch(IDS, present={name: torch.tensor([True, False, True]) for name in DIMS})
    assert torch.isfinite(fuser(features, nothing)["joint"].pooled_BD).all()


def test_encoders_without_segments_are_refused() -> None:
    fuser = SegmentFusion(DIMS)
    with pytest.raises(PortError, match="'audio' gives no tokens"):
        fuser({**given(), "audio": Features(torch.zeros(3, 2))}, Batch(IDS))
