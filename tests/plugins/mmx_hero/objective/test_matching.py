"""Queries that are taken out of videos or given: what is shown, and the loss."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.types import Batch, Features, Outputs
from mmx_hero.model import rows
from mmx_hero.model.rows import View
from mmx_hero.objective.matching import Matching
from mmx_std.objectives.ranking import ranking_loss, similarity
from tests.plugins.mmx_hero.conftest import COLUMNS, batch_of, row, table


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


EPISODES = table(
    [row(0, 1, 2, 11), row(1, 2, 2, 12), row(2, 3, 2, 13)],
    [row(0, 1, 2, 14)],
    [],
)


def test_subtitles_are_taken_out_and_asked_for() -> None:
    batch = batch_of(torch.zeros(3, 4, COLUMNS), subtitles=EPISODES)
    batch.present["queries"] = torch.zeros(3, dtype=torch.bool)
    objective, taken = Matching(most=2), set()
    for seed in range(60):
        shown = objective.view(batch, generator(seed))
        left, asked = rows.rows_of(shown, "subtitles"), rows.rows_of(shown, "queries")
        assert asked.shape[1] == 2
        words = [sorted(int(r[4]) for r in each if r[rows.COUNT] > 0) for each in (left[0], asked[0])]
        assert sorted(words[0] + words[1]) == [11, 12, 13], "none twice, none lost"
        assert len(words[1]) == 2
        taken.update(words[1])
        assert int((left[1, :, rows.COUNT] > 0).sum()) == 0, "of one subtitle, that one is taken"
        assert int((asked[2, :, rows.COUNT] > 0).sum()) == 0
        place = [int(r[0]) for r in asked[0]]
        assert place == [int(r[4]) - 11 for r in asked[0]], "with its time"
    assert taken == {11, 12, 13}
    many = Matching(most=5).view(batch, generator())
    assert int((rows.rows_of(many, "queries")[0, :, rows.COUNT] > 0).sum()) == 2, "one of three stays"
    assert torch.equal(rows.rows_of(batch, "subtitles"), EPISODES), "the batch itself is as it was"


def test_given_queries_are_drawn_and_nothing_is_taken_out() -> None:
    batch = batch_of(torch.zeros(3, 4, COLUMNS), subtitles=EPISODES, queries=EPISODES)
    seen = set()
    for seed in range(30):
        shown = Matching(queries="given", most=1).view(batch, generator(seed))
        asked = rows.rows_of(shown, "queries")
        assert asked.shape[1] == 1
        seen.add(int(asked[0, 0, 4]))
        assert int(asked[1, 0, 4]) == 14
        assert not asked[2].any()
        assert torch.equal(rows.rows_of(shown, "subtitles"), EPISODES)
    assert seen == {11, 12, 13}


def test_the_local_loss_comes_in_a_fifth_of_the_steps() -> None:
    batch = batch_of(torch.zeros(3, 4, COLUMNS), subtitles=EPISODES)
    local = [rows.view_of(Matching().view(batch, generator(seed))).local for seed in range(500)]
    assert 0.15 < sum(local) / 500 < 0.25
    assert all(rows.view_of(Matching(local_drop=0).view(batch, generator(s))).local for s in range(20))


def outputs_of(seed: int = 0) -> tuple[Outputs, Batch]:
    made = generator(seed)
    clips, query = torch.randn(2, 4, 5, generator=made), torch.randn(2, 2, 5, generator=made)
    real = torch.tensor([[True, True], [True, False]])
    asked = table([row(1.5, 4.5, 2, 11), row(0.0, 1.5, 2, 12)], [row(3.0, 6.0, 2, 13)], lines=2)
    located = {"start": torch.randn(2, 2, 4, generator=made), "end": torch.randn(2, 2, 4, generator=made)}
    outputs = Outputs(
        fused={
            "clips": Features(clips.mean(1), clips, torch.ones(2, 4, dtype=torch.bool)),
            "query": Features(query.mean(1), query, real),
        },
        heads={"localiser": located},
    )
    return outputs, batch_of(torch.zeros(2, 4, COLUMNS), queries=asked)


def test_the_loss_is_global_and_local() -> None:
    outputs, batch = outputs_of()
    losses = Matching(queries="given", local_weight=0.5, negatives="in-batch")(outputs, batch)
    clips: Any = outputs.fused["clips"].tokens_BTD
    query: Any = outputs.fused["query"].tokens_BTD
    scores = similarity(query.flatten(0, 1), clips, torch.ones(2, 4, dtype=torch.bool))
    videos, queries = ranking_loss(scores, torch.tensor([0, 0, 1, 1]), torch.tensor([True, True, True, False]))
    located = outputs.heads["localiser"]
    spans = {(0, 0): (1, 2), (0, 1): (0, 0), (1, 0): (2, 3)}
    local = (
        sum(
            -float(located["start"][b, k].log_softmax(-1)[a]) - float(located["end"][b, k].log_softmax(-1)[z])
            for (b, k), (a, z) in spans.items()
        )
        / 3
    )
    assert float(losses["local"]) == pytest.approx(local, rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(8 * float(videos + queries) + 0.5 * local, rel=1e-5)
    quiet = Matching(queries="given", local_weight=0.5, negatives="in-batch")(
        outputs, rows.with_view(batch, View(local=False))
    )
    assert float(quiet["loss"]) == pytest.approx(8 * float(videos + queries), rel=1e-5)
    assert "local" not in quiet


@pytest.mark.parametrize(
    ("vsm", "terms"),
    [
        ("global", {"videos", "queries", "negatives"}),
        ("local", {"local"}),
        ("both", {"videos", "queries", "negatives", "local"}),
    ],
)
def test_either_half_can_be_left_out(vsm: Any, terms: set[str]) -> None:
    outputs, batch = outputs_of()
    objective = Matching(queries="given", vsm=vsm)
    assert set(objective(outputs, batch)) == {"loss", *terms}
    assert ("heads.localiser" in objective.needs) is (vsm != "global")


def test_hard_negatives_count_more_from_a_step_on_and_a_checkpoint_keeps_it() -> None:
    outputs, batch = outputs_of()
    soft, hard = (
        Matching(queries="given", negatives="in-batch", vsm="global"),
        Matching(queries="given", vsm="global", hard_from=2, hard_pool=1),
    )
    before = float(soft(outputs, batch)["loss"])
    assert [float(hard(outputs, batch)["loss"]) for _ in range(2)] == pytest.approx([before, before])
    after = float(hard(outputs, batch)["loss"])
    assert after != pytest.approx(before)
    with torch.no_grad():
        judged = [float(hard(outputs, batch)["loss"]) for _ in range(2)]
    assert judged == pytest.approx([after, after])
    assert int(hard.updates) == 3, "judging is no step"
    resumed = Matching(queries="given", vsm="global", hard_from=2, hard_pool=1)
    resumed.load_state_dict(hard.state_dict())
    assert float(resumed(outputs, batch)["loss"]) == pytest.approx(after)
    assert math.isfinite(after)


def test_scores_are_the_shares_of_queries_that_rank_first() -> None:
    outputs, batch = outputs_of(seed=2)
    found = Matching(queries="given").scores(outputs, batch)
    clips: Any = outputs.fused["clips"].tokens_BTD
    query: Any = outputs.fused["query"].tokens_BTD
    near = similarity(query.flatten(0, 1), clips, torch.ones(2, 4, dtype=torch.bool)).view(2, 2, 2)  # video, query, of
    finds = [[float(near[v, k, v] > near[v, k, 1 - v]) for k in range(2)] for v in range(2)]
    assert found["fused.query"].tolist() == [sum(finds[0]) / 2, finds[1][0]], "a place without a query does not count"
    leads = [float(near[0, k, 0] > near[1, 0, 0]) for k in range(2)]
    assert found["fused.clips"].tolist() == [sum(leads) / 2, float(near[1, 0, 1] > near[0, :, 1].max())]
