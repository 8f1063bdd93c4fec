"""The decoder by itself: it looks back only, and at its moment only."""

from __future__ import annotations

import torch

from mmx_hero.model.decoder import Decoder


def test_a_state_depends_on_words_up_to_its_own_and_on_frames_that_are_shown() -> None:
    torch.manual_seed(0)
    part = Decoder(2, 8, 2, 10, 0.0).eval()
    words, clips = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    before = part(words, clips, mask)
    later = words.clone()
    later[:, 3:] = torch.randn(2, 2, 8)
    after = part(later, clips, mask)
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-5)
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-3)
    hidden = clips.clone()
    hidden[:, 2:] = torch.randn(2, 2, 8)
    seen = part(words, hidden, mask)
    assert torch.allclose(before[0], seen[0], atol=1e-5)
    assert not torch.allclose(before[1], seen[1], atol=1e-3)


def test_every_weight_learns_and_places_count() -> None:
    torch.manual_seed(0)
    part = Decoder(1, 8, 2, 10, 0.0)
    same = torch.ones(1, 3, 8)
    states = part(same, torch.randn(1, 4, 8), torch.ones(1, 4, dtype=torch.bool))
    assert not torch.allclose(states[0, 0], states[0, 1])
    states.square().sum().backward()
    assert all(parameter.grad is not None for parameter in part.parameters())
