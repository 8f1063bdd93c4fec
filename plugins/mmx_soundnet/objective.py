"""Distillation objectives of SoundNet: the distance of the student's predictions from the teachers' probabilities.

For a clip, a time step t and a head h, the teacher's class probabilities are p_h(t) and the student's logits z_h(t).
The paper's objective (equation 1) is the sum over h and t of KL(p_h(t) || softmax(z_h(t))), without temperature.

The teachers encode a few frames per clip, the student predicts at its own rate: the teachers' probabilities are
interpolated linearly in time (centres aligned) to the student's steps, or averaged where the student has fewer. Both
keep them probabilities.

Shape legend: B batch, T student steps, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from mmx import Batch, DataError, Features, Losses, Outputs, PortError

OFFICIAL_SCALE: Final = 250 / 8
"""Factor on the sum of the eight terms in the official code (two heads, four steps)."""
Reduction = Literal["paper_sum", "torch_elementmean_x31.25"]
Teachers = Literal["objects", "scenes", "both"]


@dataclass(eq=False)
class Distillation(ABC):
    """Distance from the teachers to the student, for objects and scenes at every time step.

    `chance` is the loss of the best model without an input, the constant that predicts the teachers' mean distribution,
    estimated from all batches up to now; it is unknown before the first batch.

    Args:
        student: Name of the head `soundnet/two-heads`.
        objects: Port of the object teacher's logits.
        scenes: Port of the scene teacher's logits.
        teachers: Which of them are used.
        shuffled: Control: the targets of every clip are its neighbour's in the batch.
        shift: Audio is shifted in time by up to this share of its length, circularly. An addition to the paper, for
            small corpora whose teachers give one distribution per clip.
        encoder: Name of the audio encoder, whose input is shifted.
    """

    student: str = "labels"
    objects: str = "encoded.objects"
    scenes: str = "encoded.scenes"
    teachers: Teachers = "both"
    shuffled: bool = False
    shift: Annotated[float, Field(ge=0, le=1)] = 0.0
    encoder: str = "audio"

    def __post_init__(self) -> None:
        ports = teacher_ports(self.objects, self.scenes, self.teachers)
        self.pairs = TeacherPairs(self.student, ports, self.shuffled)
        self.needs = self.pairs.needs

    def view(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with the audio of every clip shifted in time."""
        return shifted(batch, self.encoder, self.shift, generator)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and per head the distance per time step."""
        terms, losses = [], {}
        for pair in self.pairs(outputs, batch):
            per_step_BT = self.distance(pair)
            terms.append(self.scale(pair.logits_BTK.shape[-1]) * pair.per_clip(per_step_BT))
            losses[pair.name] = pair.per_step(per_step_BT).detach()
        return {"loss": torch.stack(terms).sum(), **losses}

    def chance(self, batch_size: int) -> float | None:
        """Return the loss of the constant predictor, or None before the first batch."""
        constants = self.pairs.constants()
        distances = [self.scale(constant.classes) * self.distance_of(constant) for constant in constants]
        return self.pairs.steps * sum(distances) if constants else None

    @abstractmethod
    def distance(self, pair: TeacherPair) -> Tensor:
        """Return the distance per clip and step (B, T)."""

    @abstractmethod
    def distance_of(self, constant: ConstantPredictor) -> float:
        """Return the mean distance of a constant predictor."""

    def scale(self, classes: int) -> float:
        """Return the factor on the term of a head with so many classes."""
        return 1.0


@dataclass(eq=False)
class DistillKl(Distillation):
    """Kullback-Leibler divergence from the teachers to the student, in nats, for objects and scenes at every time step.

    `paper_sum` adds the divergences of all heads and steps and averages over clips. `torch_elementmean_x31.25` is the
    official code: each term is averaged over clips *and classes*, and 31.25 times their sum is minimised, which
    weighs the head with fewer classes higher.

    Args:
        reduction: How the terms are added up.
    """

    reduction: Reduction = "paper_sum"

    def distance(self, pair: TeacherPair) -> Tensor:
        """Return the divergence per clip and step (B, T), in nats."""
        return divergence(pair.teacher_BTK, pair.logits_BTK)

    def distance_of(self, constant: ConstantPredictor) -> float:
        """Return the mean divergence of a constant predictor, in nats."""
        return constant.divergence()

    def scale(self, classes: int) -> float:
        """Return 1, or the official code's factor for a mean over classes."""
        return 1.0 if self.reduction == "paper_sum" else OFFICIAL_SCALE / classes


@dataclass(eq=False)
class DistillL2(Distillation):
    """Squared distance between the probabilities of student and teacher, the paper's ablation.

    It is summed over heads and steps and averaged over clips.
    """

    def distance(self, pair: TeacherPair) -> Tensor:
        """Return the squared distance per clip and step (B, T)."""
        return (pair.logits_BTK.float().softmax(-1) - pair.teacher_BTK).square().sum(-1)

    def distance_of(self, constant: ConstantPredictor) -> float:
        """Return the mean squared distance of a constant predictor."""
        return constant.distance()


class TeacherPair(NamedTuple):
    """Logits of one head and the probabilities of its teacher, per time step."""

    name: str
    logits_BTK: Tensor
    teacher_BTK: Tensor
    weight_BT: Tensor
    """False where a clip has no frames or has ended."""

    def per_clip(self, values_BT: Tensor) -> Tensor:
        """Sum over steps, averaged over the clips that have any."""
        return (values_BT * self.weight_BT).sum() / self.weight_BT.any(1).sum().clamp(min=1)

    def per_step(self, values_BT: Tensor) -> Tensor:
        """Average over all steps."""
        return (values_BT * self.weight_BT).sum() / self.weight_BT.sum().clamp(min=1)


class TeacherPairs(nn.Module):
    """Pairs the student's logits with the teachers' probabilities, and accumulates the teachers' mean.

    Args:
        student: Name of the head `soundnet/two-heads`.
        ports: Head's part ("objects", "scenes") -> port of its teacher's logits.
        shuffled: Pair each clip with the teacher of its neighbour in the batch.
    """

    def __init__(self, student: str, ports: Mapping[str, str], shuffled: bool = False) -> None:
        super().__init__()
        self.student, self.ports, self.shuffled = student, dict(ports), shuffled
        self.needs = (f"heads.{student}", *self.ports.values())
        self._constants = {name: ConstantPredictor() for name in self.ports}
        self.steps = 0

    def forward(self, outputs: Outputs, batch: Batch) -> Iterator[TeacherPair]:
        """Yield one pair per teacher."""
        for name, port in self.ports.items():
            logits_BTK = outputs.heads[self.student].get(name)
            if logits_BTK is None:
                raise PortError(
                    f"the teacher of {name} is used, but heads.{self.student} has no such classifier ({name}=0)"
                )
            teacher_BTK = aligned(probabilities(outputs, port), logits_BTK.shape[1])
            if teacher_BTK.shape != logits_BTK.shape:
                raise PortError(
                    f"{name}: the teacher {port!r} has {teacher_BTK.shape[-1]} classes, "
                    f"the student {logits_BTK.shape[-1]}; set heads.{self.student}.{name}={teacher_BTK.shape[-1]}"
                )
            if self.shuffled:
                if batch.size < 2:
                    raise DataError("shuffled pairs need at least two clips per batch; raise batch_size")
                teacher_BTK = teacher_BTK.roll(1, dims=0)
            weight_BT = known(outputs, batch, self.student, port, teacher_BTK)
            self._constants[name].update(teacher_BTK, weight_BT)
            self.steps = logits_BTK.shape[1]
            yield TeacherPair(name, logits_BTK, teacher_BTK, weight_BT)

    def constants(self) -> Sequence[ConstantPredictor]:
        """Return the constant predictor of every teacher, none before the first batch."""
        return [constant for constant in self._constants.values() if constant.classes]


class ConstantPredictor:
    """The best prediction without an input: the mean of all teacher distributions given to it.

    Its mean divergence from the teacher is H(mean p) - mean H(p); its mean squared distance is mean |p|^2 - |mean p|^2.
    """

    def __init__(self) -> None:
        self._total_K = torch.zeros(0)
        self._count = self._entropy = self._square = torch.zeros(())

    @property
    def classes(self) -> int:
        """Number of classes; 0 before the first batch."""
        return self._total_K.shape[0]

    @torch.no_grad()
    def update(self, teacher_BTK: Tensor, weight_BT: Tensor) -> None:
        """Add a batch of teacher distributions; `weight_BT` is False where there is none."""
        teacher_NK = teacher_BTK[weight_BT].double()
        if not self.classes:
            self._total_K = torch.zeros_like(teacher_BTK[0, 0], dtype=torch.float64)
            self._count = self._entropy = self._square = self._total_K.sum()
        self._total_K = self._total_K + teacher_NK.sum(0)
        self._count = self._count + weight_BT.sum()
        self._entropy = self._entropy + torch.special.entr(teacher_NK).sum()
        self._square = self._square + teacher_NK.square().sum()

    def mean(self) -> Tensor:
        """Return the mean distribution (K,)."""
        return (self._total_K / self._count).float()

    def divergence(self) -> float:
        """Return the constant's mean divergence from what it was given, in nats."""
        return float(torch.special.entr(self._total_K / self._count).sum() - self._entropy / self._count)

    def distance(self) -> float:
        """Return the constant's mean squared distance from what it was given."""
        return float(self._square / self._count - (self._total_K / self._count).square().sum())


def divergence(teacher_BTK: Tensor, logits_BTK: Tensor) -> Tensor:
    """Return KL(teacher || softmax(logits)) per clip and step (B, T), in nats."""
    log_student = logits_BTK.float().log_softmax(-1)
    nats_BTK: Tensor = -torch.special.entr(teacher_BTK) - teacher_BTK * log_student
    return nats_BTK.sum(-1)


def probabilities(outputs: Outputs, port: str) -> Tensor:
    """Return the softmax of a teacher's logits as (B, T, K), T = 1 where it gives one distribution per clip.

    Raises:
        PortError: The port does not exist.
    """
    group, _, name = port.partition(".")
    parts: Mapping[str, Any] = getattr(outputs, group, {})
    if name not in parts:
        raise PortError(f"teacher {port!r}: the model has no such output; {group} has: {', '.join(parts) or 'nothing'}")
    value = parts[name]
    if isinstance(value, Features):
        # The tokens of a video teacher are logits over time; those of an image classifier are places, of another width.
        over_time = value.tokens_BTD is not None and value.tokens_BTD.shape[-1] == value.pooled_BD.shape[-1]
        value = value.tokens_BTD if over_time else value.pooled_BD
    logits_BTK: Tensor = value if value.dim() == 3 else value.unsqueeze(1)
    return logits_BTK.detach().float().softmax(-1)


def aligned(teacher_BTK: Tensor, steps: int) -> Tensor:
    """Bring teacher probabilities to the student's number of steps."""
    teacher_BKT = teacher_BTK.transpose(1, 2)
    if teacher_BTK.shape[1] > steps:
        return functional.adaptive_avg_pool1d(teacher_BKT, steps).transpose(1, 2)
    if teacher_BTK.shape[1] < steps:
        return functional.interpolate(teacher_BKT, size=steps, mode="linear", align_corners=False).transpose(1, 2)
    return teacher_BTK


def known(outputs: Outputs, batch: Batch, student: str, port: str, teacher_BTK: Tensor) -> Tensor:
    """Return which clips and steps (B, T) have both audio and frames."""
    weight_BT = torch.ones(teacher_BTK.shape[:2], dtype=torch.bool, device=teacher_BTK.device)
    mask_BT = outputs.heads[student].get("mask")
    if mask_BT is not None:
        weight_BT = weight_BT & mask_BT
    present_B = batch.present.get(port.partition(".")[2])
    return weight_BT if present_B is None else weight_BT & present_B.unsqueeze(1)


def shifted(batch: Batch, encoder: str, share: float, generator: torch.Generator) -> Batch:
    """Shift the inputs of `encoder` circularly, each by its own random part of at most `share` of its length.

    They are waveforms (B, T), or the frames (B, T, F) of a front end that computes them while a sample is prepared.
    """
    x_BT = batch.inputs.get(encoder)
    if not share or x_BT is None:
        return batch
    mask_BT = batch.masks.get(encoder)
    length_B = torch.full(x_BT.shape[:1], x_BT.shape[1]) if mask_BT is None else mask_BT.sum(1).cpu()
    offset_B = (torch.rand(len(x_BT), generator=generator) * share * length_B).long()
    place_T = torch.arange(x_BT.shape[1])
    source_BT = (place_T - offset_B[:, None]) % length_B[:, None]
    source_BT = torch.where(place_T < length_B[:, None], source_BT, place_T).to(x_BT.device)
    shifted_BT = torch.stack([x_T[source_T] for x_T, source_T in zip(x_BT, source_BT, strict=True)])
    return replace(batch, inputs={**batch.inputs, encoder: shifted_BT})


def teacher_ports(objects: str, scenes: str, teachers: Teachers) -> dict[str, str]:
    """Return head name -> port of the teachers that are used."""
    ports = {"objects": objects, "scenes": scenes}
    return ports if teachers == "both" else {teachers: ports[teachers]}
