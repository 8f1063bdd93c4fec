"""Evaluation mode for a while, after which every part is in its own; and what is fused or compared with what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from mmx.model.alone import evaluating, fused_with, given_to
from mmx.model.model import Plan


def test_modes_come_back() -> None:
    inner, outer = nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    outer[1].eval()
    with pytest.raises(ZeroDivisionError), evaluating(inner, outer):
        assert not any(part.training for part in (*inner.modules(), *outer.modules()))
        raise ZeroDivisionError
    assert inner.training and outer.training and outer[0].training and not outer[1].training


def test_what_an_encoder_is_fused_with() -> None:
    """By the fuser's outputs that are read, and by heads past the fuser; never another encoder of the same field."""
    behind = {"clips": ["frames", "subtitles", "thumbnails"], "query": ["queries"]}
    heads = {"pick": SimpleNamespace(needs=("encoded.queries", "encoded.candidates")), "other": SimpleNamespace()}
    fields = {"frames": "video", "thumbnails": "video", "subtitles": "cues", "queries": "text", "candidates": "list"}
    told: Any = SimpleNamespace(behind=behind.__getitem__, heads=heads, fields=fields)
    plan = Plan(tuple(fields), True, ("other",), ("clips", "query"))
    assert fused_with(told, plan, "frames") == ["subtitles"]
    assert fused_with(told, plan, "subtitles") == ["frames", "thumbnails"]
    assert fused_with(told, plan, "queries") == []
    assert fused_with(told, plan._replace(heads=("pick",)), "queries") == ["candidates"]


def test_what_a_loss_compares_with_is_said_or_among_its_needs() -> None:
    assert given_to(SimpleNamespace(needs=("heads.words", "encoded.caption"))) == ("caption",)
    assert given_to(SimpleNamespace(needs=("encoded.caption",), given=())) == ()
    assert given_to(object()) == ()
