"""Objectives over one prediction: cross-entropy and Kullback-Leibler divergence. Shapes: B batch, C classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from mmx import Batch, DataError, Losses, Outputs, PortError
from mmx_std.ops.ports import class_names, qualify, read, short
from mmx_std.tasks.answers.scoring import scores

__all__ = ["AnswerLoss", "AttributeLoss", "CrossEntropy", "KlDivergence"]

IGNORED = -1
"""A class index, or an entry of a soft target, that is not known and takes no part."""


class CrossEntropy:
    """Cross-entropy of a head's logits against class indices, soft targets, or multi-hot targets.

    Targets may be indices (B,) or (B, T), where -1 is ignored; distributions (B, C), whose rows with a negative entry
    are ignored; or, with `kind="binary"`, independent probabilities (B, C), whose negative entries are ignored.

    Args:
        head: Head that gives the logits, or any port (`fused.joint`).
        target: Target that holds the truth.
        classes: The corpus's class names by target.
        kind: One class out of C ("softmax"), or C independent yes/no questions ("binary").
        label_smoothing: Share of the truth that is spread evenly over the classes.
        hold_out: Target -> number; samples with it take no part: one fold of several (one class per sample only).
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        kind: Literal["softmax", "binary"] = "softmax",
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        hold_out: Mapping[str, int] = {},
    ) -> None:
        self.port = qualify(head, "heads")
        self.target = target
        self.hold_out = dict(hold_out)
        self.needs = (self.port, f"targets.{target}", *(f"targets.{name}" for name in hold_out))
        self.kind = kind
        self.label_smoothing = label_smoothing
        self.count = len(class_names(classes, target)) if classes.get(target) is not None else None

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and `accuracy` where the truth is one class."""
        logits = read(outputs, self.port).float()
        truth = batch.targets[self.target]
        if not isinstance(truth, Tensor):
            raise DataError(f"target {self.target!r} is not a number per sample: cross-entropy cannot use it")
        for name, number in self.hold_out.items():
            truth = torch.where(batch.targets[name] == number, IGNORED, truth)
        if self.kind == "binary":
            return {"loss": self._binary(logits, truth)}
        logits_NC = logits.flatten(0, -2)
        if truth.is_floating_point() or truth.dim() == logits.dim():
            return {"loss": self._soft(logits_NC, truth.flatten(0, -2).to(logits.dtype))}
        truth_N = truth.flatten().long()
        known_N = truth_N != IGNORED
        count = known_N.sum().clamp(min=1)
        total = functional.cross_entropy(
            logits_NC, truth_N, ignore_index=IGNORED, reduction="sum", label_smoothing=self.label_smoothing
        )
        right = ((logits_NC.argmax(dim=1) == truth_N) & known_N).sum()
        return {"loss": total / count, "accuracy": right / count}

    def score(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Return the probability of each sample's true class (B,), not a number where it is not known.

        Of several places or classes per sample it is the mean over those that are known.
        """
        logits = read(outputs, self.port).float()
        truth = batch.targets[self.target].to(logits.device)
        if self.kind == "binary" or truth.is_floating_point() or truth.dim() == logits.dim():
            return logits.new_full((len(logits),), torch.nan)
        known = truth != IGNORED
        right = logits.softmax(dim=-1).gather(-1, truth.clamp(min=0).long()[..., None])[..., 0]
        return torch.where(known, right, torch.nan).reshape(len(logits), -1).nanmean(dim=1)

    def _soft(self, logits_NC: Tensor, truth_NC: Tensor) -> Tensor:
        known_N = (truth_NC >= 0).all(dim=1)
        truth_NC = truth_NC * (1 - self.label_smoothing) + self.label_smoothing / truth_NC.shape[1]
        each_N = -(truth_NC * logits_NC.log_softmax(dim=1)).sum(dim=1)
        return torch.where(known_N, each_N, 0.0).sum() / known_N.sum().clamp(min=1)

    def _binary(self, logits: Tensor, truth: Tensor) -> Tensor:
        if truth.dim() == logits.dim() - 1:  # class indices as yes/no questions; -1 is unknown in every class
            known = (truth != IGNORED)[..., None].expand_as(logits)
            truth = functional.one_hot(truth.clamp(min=0).long(), logits.shape[-1])
        else:
            known = truth >= 0
        truth = truth.to(logits.dtype) * (1 - self.label_smoothing) + self.label_smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return torch.where(known, each, 0.0).sum() / known.sum().clamp(min=1)

    def chance(self, batch_size: int) -> float | None:
        """Return ln C, the loss of the uniform prediction (ln 2 for yes/no questions)."""
        if self.kind == "binary":
            return math.log(2)
        return None if self.count is None else math.log(self.count)


class AttributeLoss:
    """Cross-entropies of attributes, their mean.

    Args:
        head: Head with the logits by attribute.
    """

    def __init__(self, head: str = "attributes") -> None:
        self.head = head
        self.needs = (f"heads.{head}",)

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return the loss and one term per attribute.

        Raises:
            DataError: A sample lacks an attribute.
        """
        losses: Losses = {}
        for name, logits_BK in outputs.heads[self.head].items():
            truth_B = batch.targets.get(name)
            if not isinstance(truth_B, Tensor) or truth_B.is_floating_point():
                raise DataError(f"target {name!r} must be a class for every sample")
            losses[name] = functional.cross_entropy(logits_BK, truth_B)
        return {"loss": sum(losses.values(), start=next(iter(losses.values())) * 0) / len(losses), **losses}

    def chance(self, batch_size: int) -> float | None:
        """Return None: attributes are not equally frequent."""
        return None


class KlDivergence:
    """KL(teacher || student) between class distributions: a student that copies a teacher.

    The teacher gets no gradient. Samples that lack the teacher's or the student's field take no part. The loss
    is scaled by the square of the temperature, so that gradients keep their size (Hinton et al., 2015, section 2).

    Args:
        student: Port of the student's logits: a head's name, or `fused.NAME`, `encoded.NAME`.
        teacher: Port of the teacher, `encoded.NAME` or `fused.NAME` or `heads.NAME`.
        teacher_gives: What the teacher's values are.
        temperature: Both distributions are softened by it.
        reduction: "mean": sum over classes, mean over samples; "sum": sum over both; "elementmean": mean over both.
    """

    def __init__(
        self,
        *,
        student: str,
        teacher: str,
        teacher_gives: Literal["logits", "probabilities"] = "logits",
        temperature: Annotated[float, Field(gt=0)] = 1.0,
        reduction: Literal["mean", "sum", "elementmean"] = "mean",
    ) -> None:
        self.student = qualify(student, "heads")
        self.teacher = qualify(teacher, "encoded")
        self.needs = (self.student, self.teacher)
        self.teacher_gives = teacher_gives
        self.temperature = temperature
        self.reduction = reduction

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and `uniform`: what a uniform prediction would have cost on this batch."""
        student_BC = read(outputs, self.student).float()
        teacher_BC = read(outputs, self.teacher).detach().float()
        if student_BC.shape != teacher_BC.shape:
            raise PortError(
                f"{self.student} gives shape {tuple(student_BC.shape)}, {self.teacher} {tuple(teacher_BC.shape)}: "
                "a student and its teacher need the same classes; set the head's out_dim"
            )
        if self.teacher_gives == "probabilities":
            teacher_BC = teacher_BC.clamp(min=torch.finfo(teacher_BC.dtype).tiny).log()
        log_p_BC = (teacher_BC / self.temperature).log_softmax(dim=-1)
        log_q_BC = (student_BC / self.temperature).log_softmax(dim=-1)
        uniform = torch.full_like(log_q_BC, -math.log(log_q_BC.shape[-1]))
        known_B = self._known(batch, log_q_BC)
        return {
            "loss": self._reduced(log_p_BC, log_q_BC, known_B),
            "uniform": self._reduced(log_p_BC, uniform, known_B),
        }

    def _known(self, batch: Batch, like: Tensor) -> Tensor:
        known_B = torch.ones(like.shape[0], dtype=torch.bool, device=like.device)
        for port in (self.student, self.teacher):
            if not port.startswith("heads.") and short(port) in batch.present:
                known_B = known_B & batch.present[short(port)]
        return known_B

    def _reduced(self, log_p: Tensor, log_q: Tensor, known_B: Tensor) -> Tensor:
        terms = functional.kl_div(log_q, log_p, reduction="none", log_target=True).flatten(1)
        total = torch.where(known_B[:, None], terms, 0.0).sum() * self.temperature**2
        if self.reduction == "sum":
            return total
        rows = known_B.sum().clamp(min=1)
        return total / rows if self.reduction == "mean" else total / (rows * terms.shape[1])

    def chance(self, batch_size: int) -> float | None:
        """Return None: a uniform prediction costs ln C minus the teacher's entropy; see the term `uniform`."""
        return None


class AnswerLoss:
    """Binary cross-entropy of each answer against the accuracy that annotators give it: VQA with several right answers.

    Summed over the answers, mean over questions, as in the code of ViLBERT and VL-BERT.

    Args:
        classes: The corpus's class names by target (filled in).
        head: Head with a logit for each answer.
        target: The most frequent answer, whose class names are the answers.
        answers: Target with the annotators' answers: a list of texts, or one text with an answer a line.
    """

    def __init__(
        self,
        classes: Mapping[str, Sequence[str] | None],
        *,
        head: str = "label",
        target: str = "label",
        answers: str = "answers",
    ) -> None:
        self.port, self.answers, self.names = qualify(head, "heads"), answers, class_names(classes, target)
        self.needs = (self.port, f"targets.{answers}")

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        """Return `loss`, and the accuracy of the likeliest answers (`accuracy`)."""
        logits_BC = read(outputs, self.port).float()
        given = [each.splitlines() if isinstance(each, str) else list(each) for each in batch.targets[self.answers]]
        truth_BC = torch.as_tensor(scores(self.names, given)).to(logits_BC)
        losses_BC = functional.binary_cross_entropy_with_logits(logits_BC, truth_BC, reduction="none")
        right_B = truth_BC.gather(1, logits_BC.argmax(1, keepdim=True))[:, 0]
        return {"loss": losses_BC.sum(1).mean(), "accuracy": right_B.mean()}

    def chance(self, batch_size: int) -> float | None:
        """Return None: it depends on how annotators agree."""
        return None
