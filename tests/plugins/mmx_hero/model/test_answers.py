"""Candidates and statements: pooling, and what a missing candidate does."""

from __future__ import annotations

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_hero.model.answers import Answer
from mmx_std.ops.tokens.transformer import NOTHING

DIMS = {"fused.answers": 6}


def features(candidates: int = 3, frames: int = 4) -> dict[str, Features]:
    x = torch.randn(2, candidates * frames, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, candidates, frames, dtype=torch.bool)
    mask[1, :, 3] = False  # the second video is shorter
    mask[1, 2:] = False  # and its question has one candidate less
    return {"answers": Features(x.mean(1), x, mask.flatten(1))}


def test_each_candidate_is_pooled_over_its_own_frames() -> None:
    torch.manual_seed(0)
    head = Answer(DIMS, candidates=3)
    found = head(features(), Batch(["a", "b"]))
    tokens = features()["answers"].tokens_BTD
    assert tokens is not None
    x = tokens.reshape(2, 3, 4, 6)
    weights = head.pool.score(x[1, 0, :3]).softmax(0)
    assert float(found["fits"][1, 0]) == pytest.approx(float(head.judge((weights * x[1, 0, :3]).sum(0))), rel=1e-4)
    assert float(found["fits"][1, 2]) == NOTHING
    # Where: each frame is a mixture of its states over candidates.
    mix = head.span_pool.score(x[0, :, 2]).softmax(0)
    start, end = head.span((mix * x[0, :, 2]).sum(0)).tolist()
    assert (float(found["start"][0, 2]), float(found["end"][0, 2])) == pytest.approx((start, end), rel=1e-4)
    assert float(found["start"][1, 3]) == NOTHING
    with pytest.raises(PortError, match="not those of 5 candidates"):
        Answer(DIMS, candidates=5)(features(), Batch(["a", "b"]))


def test_candidates_that_are_read_as_queries_meet_the_nearest_frame() -> None:
    dims = {**DIMS, "fused.candidates": 2, "fused.clips": 2}
    clips = torch.tensor([[[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]]])
    mask = torch.tensor([[True, True, False]])
    asked = torch.tensor([[[0.0, 5.0], [2.0, 0.0], [1.0, 1.0]]])
    real = torch.tensor([[True, True, False]])
    fused = {"candidates": Features(asked.mean(1), asked, real), "clips": Features(clips.mean(1), clips, mask)}
    head = Answer(dims, None, alone="fused.candidates", candidates=3, gain=10.0)
    assert head.needs == ("fused.candidates", "fused.clips")
    found = head(fused, Batch(["a"]))
    assert set(found) == {"fits"}, "the place is told by the paper's way alone"
    assert found["fits"][0].tolist() == pytest.approx([8.0, 10.0, NOTHING])
    told = Answer(dims, None, alone="fused.candidates", kind="statement", candidates=3)(fused, Batch(["a"]))
    assert told["fits"][0, :2].tolist() == pytest.approx([3.0, 5.0]), "a cosine of one half is neither true nor false"
    with pytest.raises(PortError, match="this head takes 2"):
        Answer(dims, None, alone="fused.candidates", candidates=2)(fused, Batch(["a"]))
    with pytest.raises(PortError, match="or both"):
        Answer(dims, None)


def test_both_ways_add_up() -> None:
    dims = {**DIMS, "fused.candidates": 6, "fused.clips": 6}
    given = features()
    generator = torch.Generator().manual_seed(1)
    asked, clips = torch.randn(2, 3, 6, generator=generator), torch.randn(2, 4, 6, generator=generator)
    given |= {"candidates": Features(asked.mean(1), asked), "clips": Features(clips.mean(1), clips)}
    torch.manual_seed(0)
    both = Answer(dims, alone="fused.candidates", candidates=3)
    paper, other = Answer(dims, candidates=3), Answer(dims, None, alone="fused.candidates", candidates=3)
    paper.load_state_dict({name: value for name, value in both.state_dict().items() if name != "gain"})
    batch = Batch(["a", "b"])
    total = paper(given, batch)["fits"] + other(given, batch)["fits"]
    assert torch.allclose(both(given, batch)["fits"], total)
    assert set(both(given, batch)) == {"fits", "start", "end"}


def test_a_statement_has_one_logit_and_no_place() -> None:
    head = Answer(DIMS, kind="statement", candidates=1)
    found = head(features(1, 4), Batch(["a", "b"]))
    assert set(found) == {"fits"}
    assert found["fits"].shape == (2, 1)
    assert not hasattr(head, "span")
