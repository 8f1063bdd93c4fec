"""Evaluation mode for a while: every part comes back in its own mode, also after an error."""

from __future__ import annotations

import pytest
from torch import nn

from mmx.model.alone import evaluating


def test_modes_come_back() -> None:
    inner, outer = nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    outer[1].eval()
    with pytest.raises(ZeroDivisionError), evaluating(inner, outer):
        assert not any(part.training for part in (*inner.modules(), *outer.modules()))
        raise ZeroDivisionError
    assert inner.training and outer.training and outer[0].training and not outer[1].training
