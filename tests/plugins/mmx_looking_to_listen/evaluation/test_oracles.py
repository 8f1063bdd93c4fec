from __future__ import annotations

import torch

from mmx_looking_to_listen.evaluation.metrics import si_sdr
from mmx_looking_to_listen.evaluation.oracles import oracle_crm, oracle_gate, oracle_irm
from mmx_looking_to_listen.model.front import Front

FRONT = Front(8000, 256, 128, 256, 0.3, "cartesian")


def voices() -> torch.Tensor:
    time = torch.arange(8000) / 8000
    first = torch.sin(2 * torch.pi * 300 * time) * (time < 0.6)
    second = 0.5 * torch.sin(2 * torch.pi * 1500 * time) * (time > 0.4)
    return torch.stack([first, second])


def test_oracles_are_upper_bounds() -> None:
    clean = voices() + 0.05 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    mixture = clean.sum(0)
    for found, least in (
        (oracle_irm(FRONT, mixture, clean, torch.zeros(8000)), 15),
        (oracle_crm(FRONT, mixture, clean), 25),
    ):
        for voice in range(2):
            assert si_sdr(found[voice, 256:7600].numpy(), clean[voice, 256:7600].numpy()) > least


def test_the_time_gate_is_exact_where_voices_take_turns_and_nothing_where_both_speak() -> None:
    time = torch.arange(8000) / 8000
    first, second = torch.sin(2 * torch.pi * 300 * time), torch.sin(2 * torch.pi * 1500 * time)
    turns = torch.stack([first * (time < 0.5), second * (time > 0.5)])
    both = torch.stack([first, second])
    for clean, low, high in ((turns, 15, 100), (both, -0.5, 0.5)):
        found = oracle_gate(FRONT, clean.sum(0), clean, torch.zeros(8000))
        for voice in range(2):
            assert low < si_sdr(found[voice, 256:7600].numpy(), clean[voice, 256:7600].numpy()) < high


def test_the_complex_mask_is_cut_at_its_range() -> None:
    clean = voices()
    mixture = clean.sum(0)
    wide, narrow = (oracle_crm(FRONT, mixture, clean, (-top, top)) for top in (10.0, 0.2))
    assert si_sdr(narrow[0].numpy(), clean[0].numpy()) < si_sdr(wide[0].numpy(), clean[0].numpy())
