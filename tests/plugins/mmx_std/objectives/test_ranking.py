"""The ranking loss against loops over all pairs, and over two processes against one."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing

from mmx_std.objectives.pairing import gathered
from mmx_std.objectives.ranking import pair_loss, ranking_loss, similarity


def looped(
    scores: torch.Tensor, owner: list[int], real: list[bool], kind: str, margin: float, hard: int, weight: float
) -> tuple[float, float]:
    """Both directions, with loops: mean over a query's negatives, then over queries."""

    def lost(negatives: list[float], positive: float) -> float:
        ordered = sorted(negatives, reverse=True)
        total = 0.0
        for place, negative in enumerate(ordered):
            each = (
                max(0.0, margin + negative - positive) if kind == "hinge" else math.log1p(math.exp(negative - positive))
            )
            total += each * (1.0 if not hard else weight if place < hard else 0.1)
        return total / max(1, len(ordered))

    queries = [n for n in range(len(owner)) if real[n]]
    videos = [
        lost([float(scores[n, m]) for m in range(scores.shape[1]) if m != owner[n]], float(scores[n, owner[n]]))
        for n in queries
    ]
    others = [
        lost([float(scores[q, owner[n]]) for q in queries if owner[q] != owner[n]], float(scores[n, owner[n]]))
        for n in queries
    ]
    return sum(videos) / len(videos), sum(others) / len(others)


@pytest.mark.parametrize("kind", ["hinge", "lse"])
@pytest.mark.parametrize("hard", [0, 2])
def test_the_loss_is_the_formula(kind: Any, hard: int) -> None:
    scores = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    owner, real = [0, 0, 1, 1, 2, 3], [True, False, True, True, True, True]
    found = ranking_loss(
        scores, torch.tensor(owner), torch.tensor(real), kind=kind, margin=0.1, hard=hard, hard_weight=10.0
    )
    wanted = looped(scores, owner, real, kind, 0.1, hard, 10.0)
    assert [float(each) for each in found] == pytest.approx(list(wanted), rel=1e-5)


def test_a_perfect_ranking_costs_nothing_and_one_video_has_no_negatives() -> None:
    scores = torch.eye(3) * 2 - 1
    assert [float(x) for x in ranking_loss(scores, torch.arange(3), torch.ones(3, dtype=torch.bool))] == [0.0, 0.0]
    alone = ranking_loss(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long), torch.ones(2, dtype=torch.bool))
    assert [float(x) for x in alone] == [0.0, 0.0]
    nobody = ranking_loss(scores, torch.arange(3), torch.zeros(3, dtype=torch.bool))
    assert [float(x) for x in nobody] == [0.0, 0.0]


def test_pairs_by_hand() -> None:
    a, b = torch.tensor(0.5), torch.tensor(0.2)
    assert float(pair_loss(a, b, "hinge", 0.1)) == pytest.approx(0.4)
    assert float(pair_loss(b, a, "hinge", 0.1)) == 0.0
    assert float(pair_loss(a, b, "lse", 0.1)) == pytest.approx(math.log(1 + math.exp(0.3)))


def test_similarity_is_the_best_frames_cosine() -> None:
    clips = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 3.0], [9.0, -9.0]]])
    mask = torch.tensor([[True, True], [True, False]])
    found = similarity(torch.tensor([[0.0, 5.0], [1.0, -1.0]]), clips, mask)
    assert found[0].tolist() == pytest.approx([1.0, math.sqrt(0.5)])
    assert found[1].tolist() == pytest.approx([math.sqrt(0.5), 0.0], abs=1e-6)
    none = similarity(torch.ones(1, 2), clips, torch.zeros(2, 2, dtype=torch.bool))
    assert none.tolist() == [[-1.0, -1.0]]


def process(rank: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", GLOO_SOCKET_IFNAME="lo")
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    clips, query = torch.randn(4, 3, 5, generator=generator), torch.randn(4, 2, 5, generator=generator)
    own = slice(2 * rank, 2 * rank + 2)
    mine_clips, mine_query = clips[own].clone().requires_grad_(), query[own].clone().requires_grad_()
    loss = both(gathered(mine_clips), gathered(mine_query))
    loss.backward()
    torch.save([loss.detach(), mine_clips.grad, mine_query.grad], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def both(clips: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    mask = torch.ones(clips.shape[:2], dtype=torch.bool)
    owner = torch.arange(len(query)).repeat_interleave(query.shape[1])
    real = torch.ones(len(owner), dtype=torch.bool)
    videos, queries = ranking_loss(similarity(query.flatten(0, 1), clips, mask), owner, real, hard=2)
    return videos + queries


def test_two_processes_compute_what_one_would(tmp_path: Path) -> None:
    """Every process has the whole loss; its gradient, averaged over processes as DDP does, is that of one process."""
    multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(4, 3, 5, generator=generator).requires_grad_()
    query = torch.randn(4, 2, 5, generator=generator).requires_grad_()
    loss = both(clips, query)
    loss.backward()
    assert float(found[0][0]) == pytest.approx(float(loss))
    assert float(found[1][0]) == pytest.approx(float(loss))
    assert clips.grad is not None
    assert query.grad is not None
    assert torch.allclose(torch.cat([each[1] for each in found]) / 2, clips.grad, atol=1e-6)
    assert torch.allclose(torch.cat([each[2] for each in found]) / 2, query.grad, atol=1e-6)
