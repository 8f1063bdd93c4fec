"""Classification with mixup: smoothing, balance, and one share for inputs and labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch

from mmx.types import Batch, Outputs, Sample
from mmx_std.objectives.mixup import Mixup

NAMES: Mapping[str, Sequence[str] | None] = {"label": ("a", "b", "c")}


class Corpus:
    def split(self, name: str) -> list[Sample]:
        return [Sample(str(i), {}, {"label": label}) for i, label in enumerate([0] * 6 + [1] * 3 + [-1])]


def classify(**options: Any) -> Mixup:
    return Mixup(Corpus(), NAMES, **options)  # type: ignore[arg-type]


def labelled() -> Batch:
    return Batch(
        ["x", "y", "z"], {"video": torch.arange(6.0).reshape(3, 2)}, targets={"label": torch.tensor([0, 2, -1])}
    )


LOGITS = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.2, 0.1], [0.0, 3.0, 0.0]])


def test_smoothed_cross_entropy_without_unknown_classes() -> None:
    loss = classify(smoothing=0.1)(Outputs(heads={"label": LOGITS}), labelled())["loss"]
    expected = torch.nn.functional.cross_entropy(LOGITS[:2], torch.tensor([0, 2]), label_smoothing=0.1)
    assert float(loss) == pytest.approx(float(expected))


def test_chance_is_the_logarithm_of_the_number_of_classes() -> None:
    objective = classify()
    assert objective.chance(4) == pytest.approx(math.log(3))
    loss = objective(Outputs(heads={"label": torch.zeros(3, 3)}), labelled())["loss"]
    assert float(loss) == pytest.approx(math.log(3))
    assert classify(balanced=True).chance(4) is None


def test_mixup_mixes_inputs_and_labels_with_the_same_share() -> None:
    objective = classify(mixup=5.0, smoothing=0.0)
    given = Batch(["x", "y"], {"video": torch.tensor([[0.0], [1.0]])}, targets={"label": torch.tensor([0, 1])})
    seen = set()
    for seed in range(40):
        shown = objective.view(given, torch.Generator().manual_seed(seed))
        labels = shown.targets["mixup"]
        assert torch.allclose(labels.sum(1), torch.ones(2))
        assert torch.allclose(labels[:, 1:2], shown.inputs["video"], atol=1e-6)
        seen.add(round(float(shown.inputs["video"][0]), 3))
    shares = [share for share in seen if 0 < share < 1]
    assert 0.35 < sum(shares) / len(shares) < 0.65  # Beta(5, 5) has mean 1/2
    assert min(shares) > 0.05
    assert torch.equal(given.inputs["video"], torch.tensor([[0.0], [1.0]]))


def test_rare_classes_weigh_more_and_the_mean_weight_is_one() -> None:
    weights = classify(balanced=True).weight_C
    assert weights.tolist() == pytest.approx([2 / 3, 4 / 3, 0.0])


def test_without_a_view_it_reads_the_labels() -> None:
    objective = classify(smoothing=0.0)
    direct = objective(Outputs(heads={"label": LOGITS}), labelled())["loss"]
    viewed = objective(Outputs(heads={"label": LOGITS}), objective.view(labelled(), torch.Generator()))["loss"]
    assert float(direct) == pytest.approx(float(viewed))
    assert objective.needs == ("heads.label", "targets.label")


@pytest.mark.parametrize("truth", [torch.tensor([0, 2, -1]), torch.tensor([[1, 0, 0], [0, 0, 1], [-1, 0, 0]])])
def test_yes_and_no_for_each_class(truth: torch.Tensor) -> None:
    objective = classify(kind="binary", smoothing=0.0)
    given = Batch(["x", "y", "z"], {"video": torch.zeros(3, 2)}, targets={"label": truth})
    loss = objective(Outputs(heads={"label": LOGITS}), objective.view(given, torch.Generator()))["loss"]
    p, hot = LOGITS[:2].sigmoid(), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    assert float(loss) == pytest.approx(float(-(hot * p.log() + (1 - hot) * (1 - p).log()).mean()))
    assert objective.chance(4) == pytest.approx(math.log(2))


def test_a_rate_mixes_some_items_each_at_its_own_share() -> None:
    objective = classify(mixup=10.0, smoothing=0.0, rate=0.5, mixed=["audio"])
    count = 2000
    given = Batch(
        [str(i) for i in range(count)],
        {"audio": torch.arange(count).float()[:, None] % 3},
        targets={"label": torch.arange(count) % 3},
    )
    shown = objective.view(given, torch.Generator().manual_seed(0))
    labels_BC, x_B = shown.targets["mixup"], shown.inputs["audio"][:, 0]
    assert torch.allclose(labels_BC.sum(1), torch.ones(count))
    assert torch.allclose(labels_BC @ torch.arange(3.0), x_B, atol=1e-5), "inputs and labels share one mixture"
    own_B = labels_BC.gather(1, given.targets["label"][:, None])[:, 0]
    mixed_B = own_B < 1
    assert 0.5 * 2 / 3 * 0.85 < mixed_B.float().mean() < 0.5 * 2 / 3 * 1.15  # a third meets its own class
    assert len(own_B[mixed_B].unique()) > 0.9 * mixed_B.sum(), "one share per item"
    # Beta(10, 10): mean 1/2, standard deviation (1 / (4 * 21)) ** 0.5 = 0.109
    assert float(own_B[mixed_B].mean()) == pytest.approx(0.5, abs=0.02)
    assert float(own_B[mixed_B].std()) == pytest.approx(0.109, abs=0.015)
    assert torch.equal(
        classify(mixup=10.0, rate=0.0, mixed=["audio"]).view(given, torch.Generator()).inputs["audio"],
        given.inputs["audio"],
    )
