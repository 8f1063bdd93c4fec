"""What is added up before the transformers, number by number."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmx.errors import ConfigError
from mmx_hero.model.embeddings import FrameEmbedding, QueryEncoder, TextEmbedding, masked
from mmx_std.ops.tokens.transformer import PlaceEmbedding


def test_text_is_word_place_and_type_one() -> None:
    torch.manual_seed(0)
    part = TextEmbedding(10, 4, 6, 0.0)
    ids = torch.tensor([[7, 3, 5, 0, 8, 1]])
    mask = torch.tensor([[True, False, True, True, True, True]])
    found = part(ids, mask)
    places = [0, 0, 1, 2, 3, 3]  # counted over real tokens from 0, the last one shared beyond the table
    for at in (0, 2, 3, 4, 5):
        total = part.words.weight[ids[0, at]] + part.positions.weight[places[at]] + part.types.weight[1]
        assert torch.allclose(found[0, at], part.norm(total), atol=1e-6)


def test_hidden_frames_are_the_mask_vector_alone() -> None:
    torch.manual_seed(0)
    part = FrameEmbedding(5, 3, 6, 0.0)
    x = torch.randn(1, 4, 5)
    hidden = torch.tensor([[False, True, False, False]])
    x[0, 1] = 0  # the fuser has blanked it
    projected = part.projected(x, hidden)
    assert torch.allclose(projected[0, 1], part.project(part.entry(part.masks.weight[1])))
    assert torch.allclose(projected[0, 0], part.project(part.entry(x[0, 0])))
    kind = torch.randn(6)
    found = part(projected, torch.tensor([[0, 1, 2, 9]]), kind)
    assert torch.allclose(found[0, 3], part.norm(projected[0, 3] + part.positions.weight[2] + kind), atol=1e-6)


def test_features_of_any_size_come_out_of_the_entry_at_unit_scale() -> None:
    """The check that the released weights ask for: 4352 raw numbers, whatever their scale."""
    part = FrameEmbedding(4352, 100, 8, 0.0)
    x = torch.randn(2, 3, 4352, generator=torch.Generator().manual_seed(0)) * 37 + 5
    assert abs(part.entry(x).std().item() - 1) < 0.01


def test_places_beyond_the_table_share_the_last_one() -> None:
    part = PlaceEmbedding(3, 6, 0.0)
    found = part(torch.zeros(1, 5, 6))
    assert torch.equal(found[0, 2], found[0, 4])
    assert not torch.equal(found[0, 1], found[0, 2])
    assert torch.equal(part(torch.zeros(1, 2, 6))[0], part.norm(part.positions.weight[:2]))


def test_a_query_is_pooled_over_its_words_only() -> None:
    torch.manual_seed(0)
    part = QueryEncoder(8, 6, 2, 0.0).eval()
    x = torch.randn(2, 5, 6)
    mask = torch.arange(5) < torch.tensor([[3], [5]])
    found = part(x, mask)
    assert found.shape == (2, 6)
    longer = x.clone()
    longer[0, 3:] = 100.0
    assert torch.allclose(part(longer, mask)[0], found[0], atol=1e-5)
    assert not torch.allclose(part(x.flip(1), mask)[1], found[1], atol=1e-3), "order counts"


def test_hidden_frames_need_a_vector_that_stands_for_them() -> None:
    x, hidden = torch.ones(1, 3, 2), torch.tensor([[False, True, False]])
    table = nn.Embedding.from_pretrained(torch.tensor([[0.0, 0.0], [2.0, 3.0]]))
    assert masked(x, table, hidden).tolist() == [[[1, 1], [3, 4], [1, 1]]]
    assert masked(x, None, ~hidden & hidden) is x
    with pytest.raises(ConfigError, match=r"fuser\.hides"):
        masked(x, None, hidden)
