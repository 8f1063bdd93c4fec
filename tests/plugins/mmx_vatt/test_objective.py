"""NCE and MIL-NCE against their equations written out in loops; what is missing; DropToken; chance."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmx.types import Batch, Features, Outputs
from mmx_vatt.objective import MilNce, Side, dropped, pairs_loss

CLIPS, TEXTS, WIDTH = 5, 3, 6


def unit(*shape: int, seed: int) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(x, dim=-1)


def written_out(v_BD: Tensor, t_BPD: Tensor, real_BP: Tensor, tau: float, kind: str) -> float:
    """The mean loss by the definition, clip by clip: one without text is no anchor, and in `paper` no negative."""
    clips = [i for i in range(len(v_BD)) if bool(real_BP[i].any())]

    def total(i: int, j: int) -> float:
        """sum over the texts of clip j of exp s(video of clip i, text)"""
        return sum(math.exp(float(v_BD[i] @ t_BPD[j, p]) / tau) for p in range(t_BPD.shape[1]) if real_BP[j, p])

    losses = []
    for i in clips:
        own = total(i, i)
        rows = sum(total(i, j) for j in clips if j != i)
        others = clips if kind == "paper" else range(len(v_BD))  # in the released code all videos are negatives
        columns = sum(total(j, i) for j in others if j != i)
        if kind == "paper":
            losses.append(-math.log(own / (own + rows + columns)))
        elif kind == "asymmetric":
            losses.append(-math.log(own / (2 * own + rows + columns)))
        else:
            losses.append(-math.log(own / (own + rows)) - math.log(own / (own + columns)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("kind", ["paper", "symmetric", "asymmetric"])
@pytest.mark.parametrize("texts", [1, TEXTS])
def test_the_loss_is_the_equation(kind: str, texts: int) -> None:
    v_BD, t_BPD = unit(CLIPS, WIDTH, seed=1), unit(CLIPS, texts, WIDTH, seed=2)
    real_BP = torch.ones(CLIPS, texts, dtype=torch.bool)
    video, other = Side(v_BD[:, None], torch.ones(CLIPS, 1, dtype=torch.bool)), Side(t_BPD, real_BP)
    loss, *_ = pairs_loss(video, other, torch.tensor(1 / 0.07), kind)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(written_out(v_BD, t_BPD, real_BP, 0.07, kind))


@pytest.mark.parametrize("kind", ["paper", "symmetric", "asymmetric"])
def test_clips_without_text_are_no_anchors_and_by_the_paper_no_negatives(kind: str) -> None:
    v_BD, t_BPD = unit(CLIPS, WIDTH, seed=3), unit(CLIPS, TEXTS, WIDTH, seed=4)
    real_BP = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=torch.bool)
    everyone = torch.ones(CLIPS, 1, dtype=torch.bool)
    loss, _, share, _ = pairs_loss(Side(v_BD[:, None], everyone), Side(t_BPD, real_BP), torch.tensor(10.0), kind)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(written_out(v_BD, t_BPD, real_BP, 0.1, kind))
    assert float(share) == pytest.approx(3 / 5)
    # whatever stands in the places of missing texts changes nothing, nor do their videos by the paper
    moved_v, moved_t = v_BD.clone(), t_BPD.clone()
    moved_t[~real_BP] = unit(1, WIDTH, seed=9)[0]
    again, *_ = pairs_loss(Side(moved_v[:, None], everyone), Side(moved_t, real_BP), torch.tensor(10.0), kind)  # type: ignore[arg-type]
    assert float(again) == pytest.approx(float(loss))
    moved_v[1] = moved_v[1].flip(0)
    again, *_ = pairs_loss(Side(moved_v[:, None], everyone), Side(moved_t, real_BP), torch.tensor(10.0), kind)  # type: ignore[arg-type]
    assert (float(again) == pytest.approx(float(loss))) == (kind == "paper")


def test_the_released_code_divides_by_the_weights() -> None:
    both = MilNce(weight=0.5, audio_weight=2.0, denominator="asymmetric")(outputs(), batch())
    assert float(both["loss"]) == pytest.approx((2.0 * float(both["va"]) + 0.5 * float(both["vt"])) / 2.5)


def test_a_batch_without_any_text_has_no_loss_and_a_finite_gradient() -> None:
    x = torch.randn(4, 1, WIDTH, requires_grad=True)
    nobody = torch.zeros(4, 1, dtype=torch.bool)
    loss, *_ = pairs_loss(Side(x, ~nobody), Side(x, nobody), torch.tensor(10.0), "paper")
    loss.backward()
    assert float(loss) == 0.0
    assert bool(torch.isfinite(x.grad).all())  # type: ignore[arg-type]


def outputs(seed: int = 0, clips: int = 6) -> Outputs:
    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))

    texts_BPD = some(clips, TEXTS, 4)
    real_BP = torch.ones(clips, TEXTS, dtype=torch.bool)
    return Outputs(
        fused={
            "video_va": Features(some(clips, WIDTH)),
            "audio_va": Features(some(clips, WIDTH) + 0.1),
            "video_vt": Features(some(clips, 4)),
            "text_vt": Features(texts_BPD[:, 0], texts_BPD, real_BP),
        }
    )


def batch(clips: int = 6, **present: Tensor) -> Batch:
    return Batch([str(i) for i in range(clips)], present=dict(present))


def test_the_whole_is_the_weighted_sum() -> None:
    both = MilNce(weight=0.5, audio_weight=2.0)(outputs(), batch())
    assert float(both["loss"]) == pytest.approx(2.0 * float(both["va"]) + 0.5 * float(both["vt"]))
    assert float(both["temperature"]) == pytest.approx(0.07)
    alone = MilNce(weight=0.0)
    assert alone.needs == ("fused.video_va", "fused.audio_va")
    assert set(alone(outputs(), batch())) >= {"loss", "va"}
    with pytest.raises(ValueError, match="no loss is left"):
        MilNce(weight=0, audio_weight=0)


def test_a_missing_audio_or_video_does_not_count() -> None:
    missing = torch.tensor([True, True, False, True, True, True])
    cut = outputs()
    for name, each in list(cut.fused.items()):
        rows = torch.tensor([0, 1, 3, 4, 5])
        cut.fused[name] = each.map(lambda x, rows=rows: x[rows])  # type: ignore[index]
    whole = MilNce()(outputs(), batch(video=missing))
    without = MilNce()(cut, batch(5))
    assert float(whole["loss"]) == pytest.approx(float(without["loss"]), rel=1e-5)
    sound = MilNce()(outputs(), batch(audio=missing))
    assert float(sound["va"]) == pytest.approx(float(without["va"]), rel=1e-5)
    assert float(sound["vt"]) == pytest.approx(float(MilNce()(outputs(), batch())["vt"]), rel=1e-5)


@pytest.mark.parametrize("kind", ["paper", "symmetric", "asymmetric"])
def test_chance_is_the_loss_of_equal_vectors(kind: str) -> None:
    objective = MilNce(denominator=kind)  # type: ignore[arg-type]
    equal = Outputs(fused={name: each.map(torch.ones_like) for name, each in outputs().fused.items()})
    before = objective.chance(6)
    loss = float(objective(equal, batch())["loss"])
    assert before == pytest.approx(loss)
    assert objective.chance(6) == pytest.approx(loss)
    third = torch.tensor([True, False, False, True, False, False])
    objective(outputs(), batch(text=third))
    fewer = objective.chance(6)
    assert fewer == pytest.approx(float(objective(equal, batch(text=third))["loss"]))
    assert fewer < loss


def test_a_learned_temperature_moves_and_stays_within_limits() -> None:
    objective = MilNce(learned=True, max_scale=20.0)
    losses = objective(outputs(), batch())
    losses["loss"].backward()
    assert objective.log_scale.grad is not None
    with torch.no_grad():
        objective.log_scale.fill_(9.0)
    assert float(objective(outputs(), batch())["temperature"]) == pytest.approx(1 / 20)
    assert list(MilNce().parameters()) == []


def test_shuffled_pairs_are_the_pairs_of_others() -> None:
    given = outputs()
    moved = Outputs(fused=dict(given.fused))
    for number, name in enumerate(("audio_va", "text_vt"), 1):
        moved.fused[name] = given.fused[name].map(lambda x, n=number: x.roll(n, 0))  # type: ignore[index]
    assert float(MilNce(shuffled=True)(given, batch())["loss"]) == pytest.approx(
        float(MilNce()(moved, batch())["loss"])
    )
    assert float(MilNce(shuffled=True)(given, batch())["loss"]) != pytest.approx(
        float(MilNce()(given, batch())["loss"])
    )


@pytest.mark.parametrize(("share", "kept"), [(0.0, 12), (0.5, 6), (0.75, 3), (0.99, 1)])
def test_dropped_tokens_are_the_same_for_the_whole_batch(share: float, kept: int) -> None:
    mask_BT = dropped(torch.zeros(4, 12, 7), share, torch.Generator().manual_seed(0))
    assert mask_BT.shape == (4, 12)
    assert mask_BT.sum(1).tolist() == [kept] * 4
    assert bool((mask_BT == mask_BT[:1]).all())


def test_the_view_drops_video_and_audio_but_no_words() -> None:
    given = Batch(
        ["a", "b"], {"video": torch.zeros(2, 10, 3), "audio": torch.zeros(2, 8, 3), "text": torch.zeros(2, 5, 4)}
    )
    shown = MilNce(drop_token=0.5).view(given, torch.Generator().manual_seed(1))
    other = MilNce(drop_token=0.5).view(given, torch.Generator().manual_seed(2))
    assert set(shown.masks) == {"video", "audio"}
    assert [int(shown.masks[name][0].sum()) for name in ("video", "audio")] == [5, 4]
    assert not torch.equal(shown.masks["video"], other.masks["video"])
    assert MilNce(drop_token=0.0).view(given, torch.Generator()) is given


def test_right_is_the_share_of_first_guesses() -> None:
    v = torch.eye(4)[:, None]
    everyone = torch.ones(4, 1, dtype=torch.bool)
    _, all_right, *_ = pairs_loss(Side(v, everyone), Side(v, everyone), torch.tensor(10.0), "paper")
    _, none_right, *_ = pairs_loss(Side(v, everyone), Side(v.roll(1, 0), everyone), torch.tensor(10.0), "paper")
    assert (float(all_right), float(none_right)) == (1.0, 0.0)


def test_scores_of_each_side_in_loops_and_looking_leaves_chance_alone() -> None:
    loss, found = MilNce(temperature=0.5), outputs()
    real_BP = torch.ones(6, TEXTS, dtype=torch.bool)
    real_BP[1, 1:], real_BP[4] = False, False
    found.fused["text_vt"] = Features(*(found.fused["text_vt"].pooled_BD, found.fused["text_vt"].tokens_BTD, real_BP))
    scores = loss.scores(found, batch())
    unit_of = {name: torch.nn.functional.normalize(x.pooled_BD, dim=-1) for name, x in found.fused.items()}
    texts = torch.nn.functional.normalize(found.fused["text_vt"].tokens_BTD, dim=-1)  # type: ignore[arg-type]
    for i in range(6):
        near = {j: math.exp(2 * float(unit_of["video_va"][i] @ unit_of["audio_va"][j])) for j in range(6)}
        assert float(scores["fused.video_va"][i]) == pytest.approx(near[i] / sum(near.values()), rel=1e-4)
        words = [(j, p) for j in range(6) for p in range(TEXTS) if real_BP[j, p]]
        near_text = {each: math.exp(2 * float(unit_of["video_vt"][i] @ texts[each])) for each in words}
        own = sum(power for (j, _), power in near_text.items() if j == i)
        expected = math.nan if i == 4 else own / sum(near_text.values())
        assert float(scores["fused.video_vt"][i]) == pytest.approx(expected, rel=1e-4, nan_ok=True)
        by_text = []
        for p in range(TEXTS):
            powers = [math.exp(2 * float(unit_of["video_vt"][j] @ texts[i, p])) for j in range(6)]
            by_text += [powers[i] / sum(powers)] if real_BP[i, p] else []
        expected = sum(by_text) / len(by_text) if by_text else math.nan
        assert float(scores["fused.text_vt"][i]) == pytest.approx(expected, rel=1e-4, nan_ok=True)
    loss.eval()(found, batch())
    assert loss.chance(6) == MilNce().chance(6), "chance is a mean over what was learned from"
