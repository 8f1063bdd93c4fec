from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmx.errors import ConfigError, PortError
from mmx.testing import check_objective
from mmx.types import Batch, Features, Outputs
from mmx_speech2face.objective.voice import FaceFeatureLoss, distillation, normalised_l2

DIM, FIRST, CLASSES, SIZE = 5, 4, 7, 3
BATCH = Batch([str(number) for number in range(SIZE)])
ALL = ("l1_dec", "l2norm", "distill", "image")


class Parts(nn.Module):
    """f_dec, f_vgg and a image, all linear and frozen."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.dec, self.vgg, self.paint = nn.Linear(DIM, FIRST), nn.Linear(DIM, CLASSES), nn.Linear(DIM, 12)
        self.requires_grad_(False)

    def outputs(self, voice: Tensor, face: Tensor) -> Outputs:
        both = {"face": face, "voice": voice}
        return Outputs(
            fused={name: Features(value) for name, value in both.items()},
            heads={
                "decoder": {
                    n: {"first": self.dec(v), "image": self.paint(v).view(-1, 3, 2, 2)} for n, v in both.items()
                },
                "classes": {name: self.vgg(value) for name, value in both.items()},
            },
        )


def pair(seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    voice, face = torch.randn(SIZE, DIM, generator=generator), torch.randn(SIZE, DIM, generator=generator)
    return voice.requires_grad_(True), face


def by_hand(parts: Parts, voice: Tensor, face: Tensor, temperature: float) -> dict[str, float]:
    """The three terms with loops, one sample and one feature at a time."""
    terms = {"l1_dec": 0.0, "l2norm": 0.0, "distill": 0.0}
    for s, f in zip(voice.detach(), face, strict=True):
        terms["l1_dec"] += sum(abs(a - b) for a, b in zip(parts.dec(f).tolist(), parts.dec(s).tolist(), strict=True))
        long_s, long_f = math.sqrt(sum(x * x for x in s.tolist())), math.sqrt(sum(x * x for x in f.tolist()))
        terms["l2norm"] += sum((a / long_f - b / long_s) ** 2 for a, b in zip(f.tolist(), s.tolist(), strict=True))
        wanted = [math.exp(x / temperature) for x in parts.vgg(f).tolist()]
        predicted = [math.exp(x / temperature) for x in parts.vgg(s).tolist()]
        terms["distill"] -= sum(
            w / sum(wanted) * math.log(p / sum(predicted)) for w, p in zip(wanted, predicted, strict=True)
        )
    return {name: value / SIZE for name, value in terms.items()}


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_loss_is_the_equation(temperature: float) -> None:
    parts, (voice, face) = Parts(), pair()
    losses = FaceFeatureLoss(lambda1=0.025, lambda2=200, temperature=temperature)(parts.outputs(voice, face), BATCH)
    expected = by_hand(parts, voice, face, temperature)
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value, rel=1e-4)
    total = expected["l1_dec"] + 0.025 * expected["l2norm"] + 200 * expected["distill"]
    assert losses["loss"].item() == pytest.approx(total, rel=1e-4)


def test_the_norms_are_taken_row_by_row() -> None:
    a, b = torch.tensor([[3.0, 4.0], [0.1, 0.0]]), torch.tensor([[0.0, 5.0], [9.0, 0.0]])
    assert float(normalised_l2(a, b)) == pytest.approx((0.6**2 + 0.2**2 + 0.0) / 2)


def test_distillation_is_smallest_where_both_agree() -> None:
    logits = torch.randn(4, 6)
    best = float(distillation(logits, logits, 2.0))
    spread = (logits / 2).softmax(1)
    assert best == pytest.approx(float(-(spread * spread.log()).sum(1).mean()), rel=1e-5)
    assert all(float(distillation(logits, torch.randn(4, 6), 2.0)) > best for _ in range(5))


def test_the_pulls_are_the_norms_of_each_terms_gradient() -> None:
    parts, (voice, face) = Parts(), pair()
    objective = FaceFeatureLoss(terms=ALL, lambda1=3.0, lambda2=5.0, lambda3=7.0)
    losses = objective(parts.outputs(voice, face), BATCH)
    for name, weight in zip(ALL, (1.0, 3.0, 5.0, 7.0), strict=True):
        (gradient,) = torch.autograd.grad(losses[name], voice, retain_graph=True)
        expected = weight * sum(float(row.norm()) for row in gradient)
        assert float(losses[f"pull_{name}"]) == pytest.approx(expected, rel=1e-4)
    losses["loss"].backward()
    assert voice.grad is not None, "measuring leaves the graph as it was"


def test_without_a_graph_there_are_no_pulls() -> None:
    parts, (voice, face) = Parts(), pair()
    with torch.no_grad():
        losses = FaceFeatureLoss()(parts.outputs(voice, face), BATCH)
    assert not [name for name in losses if name.startswith("pull_")]


def test_weights_are_set_by_the_pulls_and_stay() -> None:
    parts, (voice, face) = Parts(), pair()
    objective = FaceFeatureLoss(terms=("l1_dec", "l2norm", "distill"), lambda1=10, lambda2=0, balance=3)
    for step in range(1, 6):
        losses = objective(parts.outputs(voice, face), BATCH)
        weights = [float(losses[f"lambda_{name}"]) for name in objective.terms]
        if step < 3:
            assert weights == [1.0, 10.0, 0.0]
    gradient_norms = [float(losses[f"pull_{name}"]) for name in objective.terms]
    assert gradient_norms == pytest.approx([gradient_norms[0]] * 3, rel=1e-4), "equally strong from then on"
    settled = objective.lambdas.clone()
    other_voice, other_face = pair(9)
    objective(parts.outputs(other_voice, other_face), BATCH)
    assert torch.equal(objective.lambdas, settled)


def test_a_resumed_objective_goes_on_where_it_was() -> None:
    parts, (voice, face) = Parts(), pair()
    whole = FaceFeatureLoss(balance=4)
    for _ in range(2):
        whole(parts.outputs(voice, face), BATCH)
    resumed = FaceFeatureLoss(balance=4)
    resumed.load_state_dict(whole.state_dict())
    for _ in range(3):
        losses = [each(parts.outputs(voice, face), BATCH)["loss"] for each in (whole, resumed)]
        assert torch.equal(*losses)
    assert torch.equal(whole.lambdas, resumed.lambdas)


def test_faces_get_no_gradient() -> None:
    parts, (voice, face) = Parts(), pair()
    face.requires_grad_(True)
    FaceFeatureLoss(terms=ALL)(parts.outputs(voice, face), BATCH)["loss"].backward()
    assert face.grad is None or not face.grad.any()


def test_the_control_teaches_with_another_persons_face() -> None:
    parts, (voice, face) = Parts(), pair()
    shuffled = FaceFeatureLoss(terms=ALL, shuffled=True)(parts.outputs(voice, face), BATCH)
    rolled = FaceFeatureLoss(terms=ALL)(parts.outputs(voice, face.roll(1, 0)), BATCH)
    for name in (*ALL, "loss"):
        torch.testing.assert_close(shuffled[name], rolled[name])


def test_the_relu_of_f_dec_is_a_switch() -> None:
    parts, (voice, face) = Parts(), pair()
    found = FaceFeatureLoss(terms=("l1_dec",), fdec_relu=True)(parts.outputs(voice, face), BATCH)["l1_dec"]
    torch.testing.assert_close(found, (parts.dec(face).relu() - parts.dec(voice).relu()).abs().sum(1).mean())


def test_terms_decide_what_is_read() -> None:
    assert FaceFeatureLoss(terms=("l2norm",)).needs == ("fused.face", "fused.voice")
    assert "heads.classes" in FaceFeatureLoss(terms=("distill",)).needs
    with pytest.raises(ConfigError, match="at most once"):
        FaceFeatureLoss(terms=("l2norm", "l2norm"))


def test_other_widths_are_told() -> None:
    outputs = Outputs(fused={"face": Features(torch.zeros(2, 4)), "voice": Features(torch.zeros(2, 5))})
    with pytest.raises(PortError, match=r"encoders\.voice to 4"):
        FaceFeatureLoss(terms=("l2norm",))(outputs, BATCH)


def test_contract() -> None:
    voice, face = pair()
    findings = list(check_objective(FaceFeatureLoss(), Parts().outputs(voice.detach(), face), BATCH))
    assert all(finding.ok for finding in findings), findings
