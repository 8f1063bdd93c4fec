from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmx.errors import DataError, PortError
from mmx.interfaces import Objective
from mmx.types import Batch, Features, Outputs
from mmx_std.objectives.prediction import AnswerLoss, AttributeLoss, CrossEntropy, KlDivergence

CLASSES = {"label": ["cat", "dog", "owl"], "tags": ["red", "big", "old"], "caption": None}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def outputs(logits: Tensor) -> Outputs:
    return Outputs(heads={"label": logits})


def batch(truth: object, name: str = "label") -> Batch:
    return Batch(ids=["a", "b", "c", "d"], targets={name: truth})


def log_softmax(row: Tensor) -> list[float]:
    total = math.log(sum(math.exp(value) for value in row.tolist()))
    return [value - total for value in row.tolist()]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_indices_ignores_the_unknown(smoothing: float) -> None:
    logits, truth = torch.randn(4, 3), torch.tensor([2, -1, 0, 2])
    objective = CrossEntropy(CLASSES, label_smoothing=smoothing)
    losses = objective(outputs(logits), batch(truth))
    each, right = [], 0
    for row in (0, 2, 3):
        share = [smoothing / 3 + (1 - smoothing) * (index == int(truth[row])) for index in range(3)]
        each.append(-sum(s * value for s, value in zip(share, log_softmax(logits[row]), strict=True)))
        right += int(logits[row].argmax() == truth[row])
    assert losses["loss"].item() == pytest.approx(sum(each) / 3, abs=1e-6)
    assert losses["accuracy"].item() == pytest.approx(right / 3)
    assert isinstance(objective, Objective)
    assert objective.needs == ("heads.label", "targets.label")


def test_cross_entropy_per_frame() -> None:
    logits, truth = torch.randn(4, 5, 3), torch.randint(0, 3, (4, 5))
    expected = -sum(log_softmax(logits[b, t])[truth[b, t]] for b in range(4) for t in range(5)) / 20
    assert CrossEntropy(CLASSES)(outputs(logits), batch(truth))["loss"].item() == pytest.approx(expected, abs=1e-5)


def test_cross_entropy_of_soft_targets() -> None:
    logits, truth = torch.randn(4, 3), torch.rand(4, 3).softmax(dim=1)
    truth[1, 0] = -1
    expected = -sum(truth[r, c].item() * log_softmax(logits[r])[c] for r in (0, 2, 3) for c in range(3)) / 3
    losses = CrossEntropy(CLASSES)(outputs(logits), batch(truth))
    assert losses["loss"].item() == pytest.approx(expected, abs=1e-5)


def test_binary_cross_entropy_of_multi_hot_targets_ignores_entries() -> None:
    logits, truth = torch.randn(4, 3), torch.randint(0, 2, (4, 3))
    truth[2, 1] = -1
    terms = []
    for row in range(4):
        for index in range(3):
            if truth[row, index] >= 0:
                p = 1 / (1 + math.exp(-logits[row, index]))
                terms.append(-math.log(p if truth[row, index] else 1 - p))
    objective = CrossEntropy(CLASSES, target="tags", kind="binary")
    losses = objective(outputs(logits), batch(truth, "tags"))
    assert losses["loss"].item() == pytest.approx(sum(terms) / 11, abs=1e-6)
    assert objective.chance(4) == pytest.approx(math.log(2))


def test_binary_cross_entropy_of_indices_is_that_of_their_one_hot() -> None:
    logits = torch.randn(4, 3)
    objective = CrossEntropy(CLASSES, kind="binary")
    by_index = objective(outputs(logits), batch(torch.tensor([2, -1, 0, 1])))["loss"]
    by_rows = objective(outputs(logits), batch(torch.tensor([[0, 0, 1], [-1, -1, -1], [1, 0, 0], [0, 1, 0]])))["loss"]
    assert torch.allclose(by_index, by_rows)


@pytest.mark.parametrize("kind", ["softmax", "binary"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_chance_is_the_loss_of_equal_logits(kind: str, smoothing: float) -> None:
    objective = CrossEntropy(CLASSES, kind=kind, label_smoothing=smoothing)
    loss = objective(outputs(torch.zeros(4, 3)), batch(torch.tensor([0, 1, 2, 0])))["loss"]
    assert loss.item() == pytest.approx(objective.chance(4), abs=1e-6)
    assert CrossEntropy(CLASSES, target="caption").chance(4) is None


@pytest.mark.parametrize("kind", ["softmax", "binary"])
def test_nothing_known_costs_nothing(kind: str) -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    loss = CrossEntropy(CLASSES, kind=kind)(outputs(logits), batch(torch.full((4,), -1)))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(4, 3))


def test_words_are_not_a_class() -> None:
    with pytest.raises(DataError, match="'label'"):
        CrossEntropy(CLASSES)(outputs(torch.randn(4, 3)), batch(["a", "b", "c", "d"]))


def test_a_fused_port_can_be_the_logits() -> None:
    logits = torch.randn(4, 3)
    fused = Outputs(fused={"joint": Features(logits)})
    objective = CrossEntropy(CLASSES, head="fused.joint")
    truth = batch(torch.tensor([0, 1, 2, 0]))
    assert torch.equal(objective(fused, truth)["loss"], CrossEntropy(CLASSES)(outputs(logits), truth)["loss"])


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("gives", ["logits", "probabilities"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("reduction", ["mean", "sum", "elementmean"])
def test_kl_divergence(gives: str, temperature: float, reduction: str) -> None:
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    if gives == "probabilities":
        teacher = teacher.softmax(dim=1)
    objective = KlDivergence(
        student="label", teacher="encoded.image", teacher_gives=gives, temperature=temperature, reduction=reduction
    )
    present = torch.tensor([True, True, False, True])
    shown = Batch(ids=["a", "b", "c", "d"], present={"image": present})
    losses = objective(Outputs(heads={"label": student}, encoded={"image": Features(teacher)}), shown)
    total = uniform = 0.0
    for row in (0, 1, 3):
        powers = [
            math.exp(v / temperature) if gives == "logits" else v ** (1 / temperature) for v in teacher[row].tolist()
        ]
        p = [power / sum(powers) for power in powers]
        q = [math.exp(value) for value in log_softmax(student[row] / temperature)]
        total += kl(p, q) * temperature**2
        uniform += kl(p, [1 / 3] * 3) * temperature**2
    share = {"mean": 3, "sum": 1, "elementmean": 9}[reduction]
    assert losses["loss"].item() == pytest.approx(total / share, abs=1e-5)
    assert losses["uniform"].item() == pytest.approx(uniform / share, abs=1e-5)
    assert isinstance(objective, Objective)
    assert objective.needs == ("heads.label", "encoded.image")
    assert objective.chance(4) is None


def test_kl_is_zero_for_a_perfect_copy_and_never_reaches_the_teacher() -> None:
    teacher = torch.randn(4, 3, requires_grad=True)
    student = teacher.detach().clone().requires_grad_()
    loss = KlDivergence(student="label", teacher="image")(
        Outputs(heads={"label": student}, encoded={"image": Features(teacher)}), Batch(ids=list("abcd"))
    )["loss"]
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert teacher.grad is None


def test_kl_of_a_certain_teacher_is_finite() -> None:
    teacher = torch.tensor([[1.0, 0.0, 0.0]] * 4)
    objective = KlDivergence(student="label", teacher="image", teacher_gives="probabilities")
    loss = objective(
        Outputs(heads={"label": torch.zeros(4, 3)}, encoded={"image": Features(teacher)}), Batch(ids=list("abcd"))
    )["loss"]
    assert loss.item() == pytest.approx(math.log(3), abs=1e-5)


def test_kl_names_both_shapes_when_they_differ() -> None:
    with pytest.raises(PortError, match=r"\(4, 3\).*\(4, 5\)"):
        KlDivergence(student="label", teacher="image")(
            Outputs(heads={"label": torch.zeros(4, 3)}, encoded={"image": Features(torch.zeros(4, 5))}),
            Batch(ids=list("abcd")),
        )


def test_a_fold_that_is_held_out_takes_no_part_and_scores_are_true_probabilities() -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.5, 0.0, 3.0]])
    outputs = Outputs(heads={"label": logits})
    batch = Batch(list("abc"), targets={"label": torch.tensor([0, 1, -1]), "fold": torch.tensor([0, 1, 1])})
    classes = {"label": ["x", "y", "z"]}
    p = [[math.exp(v) / sum(map(math.exp, row)) for v in row] for row in logits.tolist()]
    held = CrossEntropy(classes, hold_out={"fold": 1})
    assert float(held(outputs, batch)["loss"]) == pytest.approx(-math.log(p[0][0]), rel=1e-6)
    assert "targets.fold" in held.needs
    score = CrossEntropy(classes).score(outputs, batch)
    torch.testing.assert_close(score[:2], torch.tensor([p[0][0], p[1][1]]))
    assert score[2].isnan()


def test_attributes_are_the_mean_of_their_cross_entropies() -> None:
    found = Outputs(heads={"traits": {"sex": torch.randn(4, 2), "age": torch.randn(4, 3)}})
    batch = Batch(list("abcd"), targets={"sex": torch.tensor([0, 1, 1, 0]), "age": torch.tensor([2, 0, 1, 1])})
    sex, age = (
        -found.heads["traits"][name].log_softmax(1)[range(4), batch.targets[name]].mean() for name in ("sex", "age")
    )
    torch.testing.assert_close(AttributeLoss("traits")(found, batch)["loss"], (sex + age) / 2)
    del batch.targets["age"]
    with pytest.raises(DataError, match="'age' must be a class"):
        AttributeLoss("traits")(found, batch)


def test_answers_are_learned_by_what_annotators_agree_on() -> None:
    """Of ten annotators n said an answer: min(1, n / 3) over the sets that leave one out."""
    objective = AnswerLoss({"label": ("red", "2", "no")})
    given = [["red"] * 8 + ["Red."] + ["a no"], "two\n" * 2 + "no\n" * 8]
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.2, 0.1]])
    found = objective(Outputs(heads={"label": logits}), Batch(["a", "b"], targets={"answers": given}))
    one, two = (1 * 0 + 9 * 1 / 3) / 10, (2 * 1 / 3 + 8 * 2 / 3) / 10
    truth = [[1.0, 0.0, one], [0.0, two, 1.0]]
    expected = sum(
        y * math.log1p(math.exp(-x)) + (1 - y) * math.log1p(math.exp(x))
        for row, each in zip(logits.tolist(), truth, strict=True)
        for x, y in zip(row, each, strict=True)
    )
    assert float(found["loss"]) == pytest.approx(expected / 2, rel=1e-5)
    assert float(found["accuracy"]) == pytest.approx((1.0 + 0.0) / 2)
