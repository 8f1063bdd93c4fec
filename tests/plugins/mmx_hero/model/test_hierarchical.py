"""The fuser: what may influence what, how controls blind it, and the paper's sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_hero.model import rows
from mmx_hero.model.hierarchical import Hierarchical
from mmx_hero.model.rows import View
from tests.plugins.mmx_hero.conftest import COLUMNS, DIMS, TOKENS, WIDTH, batch_of, fuser, row, seen, table

CHANGE = torch.arange(COLUMNS).float()
"""What is added to a frame: not the same everywhere, since normalisation would take that out."""


def words_of(model: Hierarchical, batch: Batch) -> torch.Tensor:
    words: Any = seen(model, batch)["words"].tokens_BTD
    found: torch.Tensor = words.unflatten(1, (-1, TOKENS))
    return found


def clips_of(model: Hierarchical, batch: Batch) -> torch.Tensor:
    clips: torch.Tensor = seen(model, batch)["clips"].tokens_BTD
    return clips


def crossed(model: Hierarchical, batch: Batch) -> torch.Tensor:
    """Frames after the cross-modal transformer, before the temporal one."""
    from mmx_hero.model.hierarchical import Reading

    return Reading(model, batch.cached, batch)._crossed[0]


def test_a_subtitle_meets_its_own_frames_and_nothing_else(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    before = words_of(model, batch_of(frames, subtitles=subtitles))
    changed = frames.clone()
    changed[0, 5] += CHANGE  # a frame of the first video's second subtitle
    after = words_of(model, batch_of(changed, subtitles=subtitles))
    assert not torch.allclose(before[0, 1], after[0, 1])
    assert torch.equal(before[0, 0], after[0, 0])
    assert torch.allclose(before[1], after[1])
    other = subtitles.clone()
    other[0, 1, 4] = 20  # a word of it
    frames_before, frames_after = (crossed(model, batch_of(frames, subtitles=s)) for s in (subtitles, other))
    moved = (frames_before - frames_after).abs().amax(-1)[0] > 1e-6
    assert moved.tolist() == [False, False, False, False, True, True, False, False]


def test_frames_without_a_subtitle_pass_by(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    found = crossed(model, batch_of(frames, subtitles=subtitles))
    alone = model.residual(frames)
    assert torch.allclose(found[0, [3, 6, 7]], alone[0, [3, 6, 7]], atol=1e-5)
    assert not torch.allclose(found[0, 4], alone[0, 4], atol=1e-2)
    bare = crossed(fuser(frame_residual=False), batch_of(frames, subtitles=subtitles))
    assert not bare[0, [3, 6, 7]].any()


def test_places_are_counted_within_a_subtitle(frames: torch.Tensor) -> None:
    """The same frames and words, later in the video, look the same: so the order of frames is not given away."""
    model = fuser()
    same = frames[:1].clone()
    same[0, 4:6] = same[0, 0:2]
    batch = batch_of(same, subtitles=table([row(0.0, 3.0, 2, 11, 12), row(6.0, 9.0, 2, 11, 12)]))
    found = crossed(model, batch)
    assert torch.allclose(found[0, 0:2], found[0, 4:6], atol=1e-5)
    assert not torch.allclose(clips_of(model, batch)[0, 0], clips_of(model, batch)[0, 4], atol=1e-3)
    flat = crossed(fuser(hierarchy="flat"), batch)
    assert not torch.allclose(flat[0, 0:2], flat[0, 4:6], atol=1e-3)


def test_alone_or_in_a_batch_it_is_the_same(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    mask = torch.arange(8) < torch.tensor([[8], [5]])
    both = seen(model, batch_of(frames, mask, subtitles=subtitles))["clips"]
    alone = seen(model, batch_of(frames[1:, :5], subtitles=subtitles[1:, :1]))["clips"]
    assert torch.allclose(both.tokens_BTD[1, :5], alone.tokens_BTD[0], atol=1e-4)
    assert torch.allclose(both.pooled_BD[1], alone.pooled_BD[0], atol=1e-4)
    assert not both.tokens_BTD[1, 5:].any()


def test_a_silent_video_is_read_in_groups(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser(group=3)
    silent = batch_of(frames, subtitles=torch.zeros_like(subtitles))
    found = crossed(model, silent)
    assert torch.isfinite(found).all()
    changed = frames.clone()
    changed[0, 4] += CHANGE
    moved = (crossed(model, batch_of(changed, subtitles=torch.zeros_like(subtitles))) - found).abs().amax(-1)[0] > 1e-6
    assert moved.tolist() == [False] * 3 + [True] * 3 + [False] * 2
    mixed = subtitles.clone()
    mixed[1] = 0
    one = crossed(model, batch_of(frames, subtitles=mixed))
    assert torch.allclose(one[1], found[1], atol=1e-5)
    assert torch.allclose(one[0], crossed(model, batch_of(frames, subtitles=subtitles))[0], atol=1e-5)


def test_what_is_missing_stays_finite(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    batch = batch_of(frames, subtitles=subtitles)
    batch.present = {"frames": torch.tensor([False, True]), "subtitles": torch.tensor([True, False])}
    clips = seen(model, batch)["clips"]
    assert torch.isfinite(clips.pooled_BD).all()
    assert clips.mask_BT.sum(1).tolist() == [0, 8]
    silent = crossed(model, batch_of(frames, subtitles=torch.zeros_like(subtitles)))
    assert torch.allclose(crossed(model, batch)[1], silent[1], atol=1e-5)


@pytest.mark.parametrize(
    ("uses", "blind", "deaf"), [("both", False, False), ("video", False, True), ("subtitles", True, False)]
)
def test_controls_never_see_what_they_must_not(
    frames: torch.Tensor, subtitles: torch.Tensor, uses: str, blind: bool, deaf: bool
) -> None:
    model = fuser(uses=uses)
    before = clips_of(model, batch_of(frames, subtitles=subtitles))
    other = subtitles.clone()
    other[..., 4] = 30
    assert torch.equal(before, clips_of(model, batch_of(frames, subtitles=other))) is deaf
    assert torch.equal(before, clips_of(model, batch_of(frames + 1.0 * frames.flip(1), subtitles=subtitles))) is blind


def test_the_flat_model_is_as_large_and_joins_everything(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    flat, deep = fuser(hierarchy="flat"), fuser()
    assert sum(p.numel() for p in flat.parameters()) == sum(p.numel() for p in deep.parameters())
    before = words_of(flat, batch_of(frames, subtitles=subtitles))
    changed = frames.clone()
    changed[0, 7] += CHANGE  # a frame without a subtitle reaches every word
    after = words_of(flat, batch_of(changed, subtitles=subtitles))
    assert not torch.allclose(before[0, 0, :3], after[0, 0, :3])
    assert torch.allclose(before[1], after[1])


def test_earlier_subtitles_stand_before_a_later_one(frames: torch.Tensor) -> None:
    model = fuser(sub_ctx_len=1)
    rows_BSR = table([row(0.0, 3.0, 2, 11, 12), row(3.0, 6.0, 2, 13), row(6.0, 9.0, 2, 14, 15)])
    before = words_of(model, batch_of(frames[:1], subtitles=rows_BSR))
    assert before.shape == (1, 4, TOKENS, WIDTH)
    other = rows_BSR.clone()
    other[0, 0, 4] = 25
    after = words_of(model, batch_of(frames[:1], subtitles=other))
    changed = [(before[0, s] - after[0, s]).abs().max() > 1e-6 for s in range(3)]
    assert changed == [True, True, False]
    # One that was taken out is no context either: the third then follows the first.
    without = rows_BSR.clone()
    without[0, 1] = 0
    other_without = other.clone()
    other_without[0, 1] = 0
    gap = (
        words_of(model, batch_of(frames[:1], subtitles=without)),
        words_of(model, batch_of(frames[:1], subtitles=other_without)),
    )
    assert (gap[0][0, 2] - gap[1][0, 2]).abs().max() > 1e-6


def test_hidden_frames_hide_their_features_at_both_levels(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    hidden = torch.zeros(2, 8, dtype=torch.bool)
    hidden[0, 4] = hidden[1, 6] = True
    changed = frames.clone()
    changed[hidden] += 5.0
    found = [
        clips_of(model, rows.with_view(batch_of(x, subtitles=subtitles), View(hidden_BT=hidden)))
        for x in (frames, changed)
    ]
    assert torch.equal(*found)
    assert not torch.allclose(found[0], clips_of(model, batch_of(frames, subtitles=subtitles)))


def test_frames_change_places_after_they_met_their_subtitles(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    order = torch.tensor([[0, 5, 2, 3, 1, 4, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7]])  # frame i goes to place order[i]
    batch = batch_of(frames, subtitles=subtitles)
    shown = rows.with_view(batch, View(order_BT=order))
    before = crossed(model, batch)
    moved = torch.zeros_like(before)
    for i in range(8):
        moved[0, order[0, i]] = before[0, i]
    wanted = model.temporal(model.places(moved[:1]), torch.ones(1, 8, dtype=torch.bool))
    assert torch.allclose(clips_of(model, shown)[0], wanted[0], atol=1e-5)
    assert torch.allclose(clips_of(model, shown)[1], clips_of(model, batch)[1], atol=1e-6)


def test_queries_go_through_the_cross_modal_transformer_alone(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    asked = table([row(0, 1, 2, 11, 12), row(0, 1, 2, 13)], [row(0, 1, 2, 11, 12)])
    batch = batch_of(frames, subtitles=subtitles, queries=asked)
    found = seen(model, batch)["query"]
    assert found.mask_BT.tolist() == [[True, True, False, False], [True, False, False, False]]
    assert torch.allclose(found.tokens_BTD[0, 0], found.tokens_BTD[1, 0], atol=1e-5)
    ids, mask = torch.tensor([[2, 11, 12]]), torch.ones(1, 3, dtype=torch.bool)
    alone = model.query(model.cross(model.text(ids, mask), mask), mask)
    assert torch.allclose(found.tokens_BTD[0, 0], alone[0], atol=1e-5)
    only = Features(torch.zeros(2, 1), asked)
    assert set(model({"queries": only}, Batch(["a", "b"]))) == {"query"}


def test_a_candidate_can_be_read_as_a_query_is(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    found = seen(fuser(), batch_of(frames, subtitles=subtitles, queries=subtitles, question=subtitles))
    assert torch.equal(found["candidates"].tokens_BTD, found["query"].tokens_BTD)
    assert "candidates" not in fuser(dims={name: DIMS[name] for name in ("frames", "subtitles", "question")}).dims


def test_without_vectors_for_hidden_frames_it_is_the_same_model(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    whole, without = fuser(), fuser(hides=False)
    missing = without.load_state_dict(whole.state_dict(), strict=False)
    assert missing.missing_keys == []
    assert missing.unexpected_keys == ["masks.weight", "image.masks.weight"]
    batch = batch_of(frames, subtitles=subtitles)
    assert torch.equal(seen(whole, batch)["clips"].tokens_BTD, seen(without, batch)["clips"].tokens_BTD)


def test_each_candidate_sees_the_video_by_itself(frames: torch.Tensor, subtitles: torch.Tensor) -> None:
    model = fuser()
    asked = table([row(0, 0, 2, 11, 2, 12), row(0, 0, 2, 11, 2, 13)], [row(0, 0, 2, 11, 2, 12)], lines=2)
    both = seen(model, batch_of(frames, subtitles=subtitles, question=asked))["answers"]
    assert both.tokens_BTD.shape == (2, 2 * 8, WIDTH)
    assert both.mask_BT.tolist() == [[True] * 16, [True] * 8 + [False] * 8]
    swapped = seen(model, batch_of(frames, subtitles=subtitles, question=asked.flip(1)))["answers"].tokens_BTD
    assert torch.allclose(swapped[0, :8], both.tokens_BTD[0, 8:], atol=1e-5)
    assert not torch.allclose(both.tokens_BTD[0, :8], both.tokens_BTD[0, 8:], atol=1e-3)
    # The words of a candidate reach frames that have no subtitle, through the temporal transformer.
    silent = seen(model, batch_of(frames, subtitles=subtitles, question=asked[:, :1]))["answers"].tokens_BTD
    other = asked[:, :1].clone()
    other[..., 4] = 33
    changed = seen(model, batch_of(frames, subtitles=subtitles, question=other))["answers"].tokens_BTD
    assert not torch.allclose(silent[0, 7], changed[0, 7], atol=1e-4)


@pytest.mark.parametrize("hierarchy", ["on", "flat"])
def test_every_weight_learns(frames: torch.Tensor, subtitles: torch.Tensor, hierarchy: str) -> None:
    model = fuser(hierarchy=hierarchy, sub_ctx_len=1)
    batch = batch_of(frames, subtitles=subtitles, queries=subtitles, question=subtitles)
    fused = seen(model, batch)
    sum(fused[name].tokens_BTD.square().sum() for name in fused).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("hierarchy", ["on", "flat"])
def test_half_precision_runs(frames: torch.Tensor, subtitles: torch.Tensor, hierarchy: str) -> None:
    model = fuser(hierarchy=hierarchy)
    order = torch.tensor([[1, 0, 2, 3, 4, 5, 6, 7]] * 2)
    batch = batch_of(frames, subtitles=subtitles, queries=subtitles, question=subtitles)
    shown = rows.with_view(batch, View(order_BT=order, hidden_BT=torch.zeros(2, 8, dtype=torch.bool)))
    with torch.autocast("cpu", torch.bfloat16):
        fused = seen(model, shown)
        loss = sum(fused[name].tokens_BTD.float().square().mean() for name in fused)
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    exact = seen(model, batch_of(frames, subtitles=subtitles))["clips"].tokens_BTD
    with torch.autocast("cpu", torch.bfloat16):
        close = seen(model, batch_of(frames, subtitles=subtitles))["clips"].tokens_BTD
    assert (exact - close).abs().mean() < 0.1


def test_only_what_is_read_is_computed(
    frames: torch.Tensor, subtitles: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fuser()
    fused = seen(model, batch_of(frames, subtitles=subtitles, queries=subtitles))
    monkeypatch.setattr(model.temporal, "forward", lambda *_: pytest.fail("nobody asked for frames in time"))
    assert fused["words"].pooled_BD.shape == (2, WIDTH)


def test_encoders_behind_each_output() -> None:
    model = fuser()
    assert model.requires("query") == ["queries"]
    assert model.requires("clips") == model.requires("words") == ["frames", "subtitles"]
    assert model.requires("answers") == ["frames", "subtitles", "question"]
    assert model.requires("candidates") == ["question"]
    assert set(fuser(dims={"frames": COLUMNS, "subtitles": 8}).dims) == {"clips", "words"}
    with pytest.raises(PortError, match="no subtitles"):
        fuser(dims={"frames": COLUMNS})


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        model = Hierarchical({"frames": 4352, "subtitles": 63, "queries": 63}, built={}, vocabulary=50272)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    layer = 4 * (768 * 768 + 768) + 2 * 768 + 2 * 768 * 3072 + 3072 + 768 + 2 * 768
    assert sizes["cross"] == 6 * layer
    assert sizes["temporal"] == 3 * layer
    assert sizes["text"] == (50272 + 514 + 2 + 2) * 768
    assert sizes["image"] == 2 * 4352 + 2 * 4352 + (4352 + 1) * 768 + (100 + 2) * 768
    assert sizes["residual"] == 2 * 4352 + (4352 + 1) * 768
    assert sizes["places"] == (514 + 2) * 768
    assert sizes["query"] == 2 * 768 + (768 + 1) * 768 + (514 + 2) * 768 + 4 * (768 * 768 + 768) + 2 * 768 + 768
    assert DIMS["frames"] != 4352


def test_an_exported_model_computes_padding_too_and_finds_the_same(
    frames: torch.Tensor, subtitles: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fuser()
    silent = subtitles.clone()
    silent[1] = 0
    for batch in (batch_of(frames, subtitles=subtitles), batch_of(frames, subtitles=silent)):
        with monkeypatch.context() as patch:
            usual = clips_of(model, batch)
            patch.setattr(torch.compiler, "is_exporting", lambda: True)
            torch.testing.assert_close(clips_of(model, batch), usual, atol=1e-5, rtol=0)
