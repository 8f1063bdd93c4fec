import numpy as np
import pytest
import torch
from mmx import DataError, Signal

from mmx_my_plugin.model import Tower


def test_padded_frames_never_count() -> None:
    tower = Tower(channels=3, width=5)
    x = torch.randn(2, 7, 3)
    mask = torch.arange(7) < torch.tensor([[4], [7]])
    batch = tower(x, mask)
    alone = tower(x[:1, :4])
    torch.testing.assert_close(batch.pooled_BD[:1], alone.pooled_BD)
    torch.testing.assert_close(batch.tokens_BTD[:1, :4], alone.tokens_BTD)


def test_the_order_of_frames_is_lost() -> None:
    tower = Tower(channels=3)
    x = torch.randn(1, 6, 3)
    torch.testing.assert_close(tower(x).pooled_BD, tower(x.flip(1)).pooled_BD)


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(DataError, match="3 channels"):
        Tower(channels=3).prepare(Signal(np.zeros((5, 2), np.float32), 10))
