"""The loss of the voice encoder: its feature against the face's, through the frozen parts (section 3).

Shape legend: B batch, D width of the face feature, H width of the decoder's first layer, K identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmx import Batch, ConfigError, Losses, Outputs, PortError
from mmx_speech2face.objective.gradients import agreed, equalising, gradient_norms
from mmx_std import ports

Term = Literal["l1_dec", "l2norm", "distill", "image"]
TERMS: tuple[Term, ...] = ("l1_dec", "l2norm", "distill")
_MOMENTUM = 0.9
"""Share of the running mean of gradient norms that stays at every step."""


class FaceFeatureLoss(nn.Module):
    """L = |f_dec(v_f) - f_dec(v_s)|_1 + lambda1 |v_f/|v_f| - v_s/|v_s||^2 + lambda2 L_distill(f_vgg(v_f), f_vgg(v_s)).

    L_distill(a, b) = - sum over i of p_i(a) log p_i(b), with p(a) = softmax(a / T). Sums over features, means over the
    batch. f_dec is the decoder's first layer, f_vgg the face network's last one; both are frozen. Every term, and
    the norm of its gradient with respect to v_s times its weight, are logged at every step.

    The paper chose the weights so that the three gradients are about equally large early in training. With
    `balance: N` that is what happens: after N steps the weights are set by the norms measured until then (running
    means), are logged, and stay.

    Args:
        face: Name of the face features, v_f.
        voice: Name of the voice features, v_s.
        decoder: The face decoder, whose first layer is f_dec.
        classes: Head that is f_vgg.
        terms: Terms of the loss; `image` is the mean absolute difference of the decoded faces (a baseline).
        lambda1: Weight of the normalised L2.
        lambda2: Weight of the distillation.
        lambda3: Weight of `image`.
        temperature: T.
        fdec_relu: Whether f_dec's ReLU is part of it; the paper does not state it.
        balance: Steps after which weights are set by the gradients' norms; null keeps the given ones.
        shuffled: Control: the target of every voice is another person's face.

    Raises:
        ConfigError: A term is named twice.
    """

    steps: Tensor
    norms: Tensor
    lambdas: Tensor

    def __init__(
        self,
        face: str = "face",
        voice: str = "voice",
        decoder: str = "decoder",
        classes: str = "classes",
        terms: Annotated[Sequence[Term], Field(min_length=1)] = TERMS,
        lambda1: Annotated[float, Field(ge=0)] = 0.025,
        lambda2: Annotated[float, Field(ge=0)] = 200.0,
        lambda3: Annotated[float, Field(ge=0)] = 1.0,
        temperature: Annotated[float, Field(gt=0)] = 2.0,
        fdec_relu: bool = False,
        balance: Annotated[int | None, Field(ge=1)] = None,
        shuffled: bool = False,
    ) -> None:
        super().__init__()
        if len(set(terms)) != len(terms):
            raise ConfigError([f"terms: {', '.join(terms)}: each at most once"])
        self.face, self.voice, self.decoder, self.classes = ports.short(face), ports.short(voice), decoder, classes
        self.terms = tuple(terms)
        self.temperature, self.fdec_relu, self.balance, self.shuffled = temperature, fdec_relu, balance, shuffled
        heads = {"l1_dec": decoder, "image": decoder, "distill": classes}
        used = dict.fromkeys(f"heads.{heads[term]}" for term in terms if term in heads)
        self.needs = (f"fused.{self.face}", f"fused.{self.voice}", *used)
        given = {"l1_dec": 1.0, "l2norm": lambda1, "distill": lambda2, "image": lambda3}
        self.register_buffer("lambdas", torch.tensor([given[term] for term in self.terms]))
        self.register_buffer("norms", torch.zeros(len(self.terms)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss, its terms, their weights, and the weighted norms of their gradients.

        Raises:
            PortError: Face and voice features differ in width.
        """
        voice_BD = outputs.fused[self.voice].pooled_BD
        face_BD = outputs.fused[self.face].pooled_BD
        if voice_BD.shape != face_BD.shape:
            raise PortError(
                f"voice features are {voice_BD.shape[1]} wide, face features {face_BD.shape[1]}: set dim of "
                f"encoders.{self.voice} to {face_BD.shape[1]}"
            )
        terms: Losses = {term: self._term(term, outputs, voice_BD, face_BD) for term in self.terms}
        norms = gradient_norms(terms, voice_BD)
        if norms:
            self._measure(norms)
        weights: Losses = dict(zip(self.terms, self.lambdas.unbind(), strict=True))
        losses: Losses = {
            "loss": sum((weights[n] * v for n, v in terms.items()), start=voice_BD.new_zeros(())),
            **terms,
        }
        losses |= {f"pull_{name}": weights[name] * norm for name, norm in norms.items()}
        losses |= {f"lambda_{name}": weight.detach().clone() for name, weight in weights.items()}
        return losses

    def chance(self, batch_size: int) -> float | None:
        """Return None: the chance level depends on the faces."""
        return None

    def _term(self, term: Term, outputs: Outputs, voice_BD: Tensor, face_BD: Tensor) -> Tensor:
        if term == "l2norm":
            return normalised_l2(self._target(face_BD), voice_BD)
        if term == "distill":
            logits = outputs.heads[self.classes]
            return distillation(self._target(logits[self.face]), logits[self.voice], self.temperature)
        key = "first" if term == "l1_dec" else "image"
        drawn = outputs.heads[self.decoder]
        truth, guess = self._target(drawn[self.face][key]), drawn[self.voice][key]
        if term == "l1_dec" and self.fdec_relu:
            truth, guess = truth.relu(), guess.relu()
        distance_B: Tensor = (truth - guess).abs().flatten(1).sum(1)
        return distance_B.mean() if term == "l1_dec" else distance_B.mean() / truth[0].numel()

    def _target(self, value: Tensor) -> Tensor:
        """Return a target from the face: without gradient, and in the control another person's."""
        fixed = value.detach()
        return fixed.roll(1, 0) if self.shuffled else fixed

    def _measure(self, norms: Losses) -> None:
        """Follow the gradients' norms, and set the weights when it is time."""
        if self.balance is None or int(self.steps) >= self.balance:
            return
        now = torch.stack([norms[name].detach() for name in self.terms]).to(self.norms)
        self.norms.copy_(now if int(self.steps) == 0 else _MOMENTUM * self.norms + (1 - _MOMENTUM) * now)
        self.steps += 1
        if int(self.steps) == self.balance:
            measured: Losses = dict(zip(self.terms, agreed(self.norms).unbind(), strict=True))
            found = equalising(measured, self.terms[0])
            self.lambdas.copy_(torch.stack([found[name] for name in self.terms]))


def normalised_l2(face_BD: Tensor, voice_BD: Tensor) -> Tensor:
    """Return |a/|a| - b/|b||^2, norms taken row by row, mean over the batch."""
    return (normalize(face_BD, dim=1) - normalize(voice_BD, dim=1)).square().sum(1).mean()


def distillation(teacher_BK: Tensor, student_BK: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy of both softmaxes at a temperature, sum over identities, mean over the batch."""
    wanted_BK = (teacher_BK / temperature).softmax(1)
    return -(wanted_BK * (student_BK / temperature).log_softmax(1)).sum(1).mean()
