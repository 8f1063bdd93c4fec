"""Hidden words, hidden frames, frames out of order: what is shown, and the loss against loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mmx.errors import PortError
from mmx.testing import Finding
from mmx.testing.parts.objectives import check_objective
from mmx.types import Batch, Features, Outputs
from mmx_hero.model import rows
from mmx_hero.model.rows import View
from mmx_hero.objective.one_video import FrameOrder, MaskedFrames, MaskedWords
from mmx_std.ops.masking import chosen, drawn
from tests.plugins.mmx_hero.conftest import COLUMNS, batch_of, row, table


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def good(findings: Any) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


def test_a_share_is_chosen_and_never_nothing() -> None:
    mask = torch.arange(40) < torch.tensor([[40], [1], [0]] * 200)
    picked = chosen(mask, 0.15, generator())
    assert not (picked & ~mask).any()
    counts = picked.sum(1).reshape(200, 3).float()
    assert 0.13 * 40 < counts[:, 0].mean() < 0.17 * 40
    assert counts[:, 1].eq(1).all()
    assert counts[:, 2].eq(0).all()
    assert chosen(mask, 0.01, generator(), least=2)[0].sum() == 2
    assert drawn(torch.Size([3]), generator(), mask).tolist() == torch.rand(3, generator=generator()).tolist()


def test_words_are_hidden_as_bert_does() -> None:
    many = table(*[[row(0, 1, 2, 11, 12, 13), row(1, 2, 2, 14)]] * 2000)
    objective = MaskedWords(built={}, vocabulary=40, mask=3, first=1)
    batch = batch_of(torch.zeros(2000, 2, COLUMNS), subtitles=many)
    shown = objective.view(batch, generator())
    new, labels = rows.ids(rows.rows_of(shown, "subtitles")), rows.view_of(shown).labels_BSL
    assert labels is not None
    asked = labels >= 0
    assert (asked.flatten(1).sum(1) >= 1).all()
    assert not asked[:, :, 0].any(), "the separator is no word"
    assert not asked[:, :, 4:].any(), "padding is no word"
    assert torch.equal(labels[asked], rows.ids(many)[asked])
    unasked = ~asked
    unasked[..., 0] = False
    assert torch.equal(new[unasked], rows.ids(many)[unasked])
    assert new[:, :2, 0].eq(1).all(), "the first token of this task"
    assert not new[:, 2:, 0].any(), "but not in rows of padding"
    share = {
        "mask": (new[asked] == 3).float().mean(),
        "same": (new[asked] == labels[asked]).float().mean(),
    }
    assert 0.76 < share["mask"] < 0.84
    assert 0.08 < share["same"] < 0.135  # 10 % stay, and a random word is sometimes the same
    random = new[asked & (new != 3)]
    assert random.min() >= 5
    assert random.max() < 40
    words = 4 * 2000
    assert 0.2 < asked.sum() / words < 0.37, "of four words at least one is hidden, which is more than 15 %"


def test_hidden_words_cost_their_cross_entropy() -> None:
    objective = MaskedWords(built={}, vocabulary=6)
    labels = torch.tensor([[[-1, 4, -1], [-1, 2, 5]]])
    batch = rows.with_view(Batch(["a"]), View(labels_BSL=labels))
    logits = torch.randn(3, 8, generator=generator())  # two rows of padding in the vocabulary
    losses = objective(Outputs(heads={"words": {"masked": logits}}), batch)
    wanted = sum(-math.log(float(logits[i, :6].softmax(-1)[t])) for i, t in enumerate((4, 2, 5))) / 3
    assert float(losses["loss"]) == pytest.approx(wanted, rel=1e-5)
    assert objective.chance(8) == pytest.approx(math.log(6))
    plain = batch_of(torch.zeros(1, 2, COLUMNS), subtitles=table([row(0, 1, 2, 3)]))
    every = objective(Outputs(heads={"words": {"masked": torch.zeros(1, 20, 6)}}), plain)
    assert float(every["loss"]) == pytest.approx(math.log(6)), "without a view every word is asked for"


def frames_outputs(predicted: torch.Tensor, true: torch.Tensor, mask: torch.Tensor | None = None) -> Outputs:
    return Outputs(encoded={"frames": Features(true.mean(1), true, mask)}, heads={"features": predicted})


def test_hidden_frames_are_regressed_by_distance() -> None:
    true, predicted = torch.randn(2, 4, 3, generator=generator()), torch.randn(2, 4, 3, generator=generator(1))
    hidden = torch.tensor([[True, False, False, True], [False, True, False, False]])
    batch = rows.with_view(Batch(["a", "b"]), View(hidden_BT=hidden))
    losses = MaskedFrames(kind="mffr")(frames_outputs(predicted, true), batch)
    pairs = [(0, 0), (0, 3), (1, 1)]
    wanted = (
        sum(math.sqrt(sum((float(predicted[b, t, d]) - float(true[b, t, d])) ** 2 for d in range(3))) for b, t in pairs)
        / 3
    )
    assert float(losses["loss"]) == pytest.approx(wanted, rel=1e-4)
    squares = MaskedFrames(kind="mffr", norm="mse")(frames_outputs(predicted, true), batch)
    assert float(squares["loss"]) == pytest.approx(float((predicted[hidden] - true[hidden]).square().mean()), rel=1e-5)


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("scale", ["raw", "unit"])
def test_hidden_frames_are_told_apart(padding: bool, scale: Any) -> None:
    true, predicted = torch.randn(2, 4, 3, generator=generator()), torch.randn(2, 4, 3, generator=generator(1))
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    hidden = torch.tensor([[True, False, False, True], [False, True, False, False]])
    batch = rows.with_view(Batch(["a", "b"]), View(hidden_BT=hidden))
    objective = MaskedFrames(kind="mnce", padding=padding, temperature=0.5, scale=scale)
    losses = objective(frames_outputs(predicted, true, mask), batch)

    def unit(x: torch.Tensor) -> torch.Tensor:
        return x / x.norm() if scale == "unit" else x

    pairs = [(0, 0), (0, 3), (1, 1)]
    rest = [(b, t) for b in range(2) for t in range(4) if (b, t) not in pairs and (padding or mask[b, t])]
    total = 0.0
    for place, (b, t) in enumerate(pairs):
        query = unit(predicted[b, t])
        scores = [float(query @ unit(true[p])) / 0.5 for p in pairs] + [
            float(query @ unit(predicted[p])) / 0.5 for p in rest
        ]
        total += math.log(sum(math.exp(s) for s in scores)) - scores[place]
    assert float(losses["loss"]) == pytest.approx(total / 3, rel=1e-4)
    assert float(losses["chance"]) == pytest.approx(math.log(len(pairs) + len(rest)))


def test_frames_are_hidden_by_the_view_and_only_real_ones() -> None:
    mask = torch.arange(8) < torch.tensor([[8], [3]])
    batch = batch_of(torch.zeros(2, 8, COLUMNS), mask)
    seen = torch.zeros(2, 8)
    for seed in range(400):
        shown = rows.view_of(MaskedFrames().view(batch, generator(seed))).hidden_BT
        assert shown is not None
        assert shown.sum(1).min() >= 1
        seen += shown
    assert not seen[1, 3:].any()
    assert (seen[0] > 40).all()
    nothing = frames_outputs(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool))
    assert float(MaskedFrames()(nothing, Batch(["a"]))["loss"]) == 0.0


def test_chosen_frames_change_places_among_themselves() -> None:
    mask = torch.arange(8) < torch.tensor([[8], [3], [1]])
    batch = batch_of(torch.zeros(3, 8, COLUMNS), mask)
    stayed = 0
    for seed in range(200):
        told = rows.view_of(FrameOrder(share=0.4).view(batch, generator(seed)))
        order, moved = told.order_BT, told.moved_BT
        assert order is not None
        assert moved is not None
        assert torch.equal(order.sort(1).values, torch.arange(8).expand(3, 8)), "a permutation"
        assert torch.equal(order[~moved], torch.arange(8).expand(3, 8)[~moved]), "the others stay"
        assert not (moved & ~mask).any()
        assert moved[0].sum() >= 2
        target = FrameOrder.targets(order, moved)
        for video in range(3):
            for frame in range(8):
                if moved[video, frame]:
                    assert target[video, order[video, frame]] == frame
                    stayed += int(order[video, frame] == frame)
            assert (target[video] >= 0).sum() == moved[video].sum()
    assert stayed > 0, "one that was chosen may stay where it was, and is asked for all the same"


def test_the_order_costs_the_cross_entropy_of_true_places() -> None:
    order, moved = torch.tensor([[2, 1, 0, 3]]), torch.tensor([[True, False, True, False]])
    batch = rows.with_view(Batch(["a"]), View(order_BT=order, moved_BT=moved))
    logits = torch.randn(1, 4, 5, generator=generator())
    outputs = Outputs(encoded={"frames": Features(torch.zeros(1, 2), torch.zeros(1, 4, 2))}, heads={"order": logits})
    objective = FrameOrder(places=5)
    wanted = (-logits[0, 0].log_softmax(-1)[2] - logits[0, 2].log_softmax(-1)[0]) / 2
    assert float(objective(outputs, batch)["loss"]) == pytest.approx(float(wanted), rel=1e-5)
    assert objective.chance(3) == pytest.approx(math.log(5))
    with pytest.raises(PortError, match=r"places=6, and heads\.order predicts 5: set heads\.order\.places=6"):
        FrameOrder(places=6)(outputs, batch)


def test_contracts_of_all_three() -> None:
    batch = batch_of(torch.randn(4, 8, COLUMNS, generator=generator()), subtitles=table(*[[row(0, 1, 2, 11, 12)]] * 4))
    true: Any = batch.cached["frames"].tokens_BTD
    encoded = {"frames": Features(true.mean(1), true)}
    words = MaskedWords(built={}, vocabulary=40)
    hidden = rows.view_of(words.view(batch, generator())).labels_BSL
    assert hidden is not None
    said = torch.randn(int((hidden >= 0).sum()), 40)
    assert (
        good(check_objective(words, Outputs(heads={"words": {"masked": said}}), words.view(batch, generator()))) == []
    )
    order = FrameOrder(places=8)
    outputs = Outputs(encoded=encoded, heads={"order": torch.randn(4, 8, 8)})
    assert good(check_objective(order, outputs, order.view(batch, generator()), kept=["frames"])) == []
    for kind in ("mnce", "mffr"):
        frames = MaskedFrames(kind=kind)  # type: ignore[arg-type]
        outputs = Outputs(encoded=encoded, heads={"features": torch.randn(4, 8, COLUMNS)})
        assert good(check_objective(frames, outputs, frames.view(batch, generator()), kept=["frames"])) == []
