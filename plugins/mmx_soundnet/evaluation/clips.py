"""Agreement of the student with its teachers on unseen clips, and recognition of clips by audio and visual features.

Shape legend: B batch, N clips, T time steps, K classes, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from mmx_soundnet.objective import ConstantPredictor, TeacherPairs, divergence, probabilities
from mmx_std import baselines, probes

if TYPE_CHECKING:
    from mmx import Model, Run, Sample


SMOOTHING: Final = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5)
"""Shares of the uniform distribution that the constant predictor may mix in: a mean of few clips has holes."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Divergence of a student from its teachers on clips that it was not trained on, in nats per time step, all heads.

    Attributes:
        ids: Of the clips that were judged, N.
        per_clip: Of the student, per clip (N,).
        constant: Of the constant that predicts the teachers' mean distribution over training clips (N,), mixed with as
            much of the uniform distribution as is best for it on these very clips: a baseline on the strong side.
        uniform: Of the uniform distribution (N,).
        swapped: Of the student when every clip is given its neighbour's audio (N,).
        by_head: Of the student, by head.
    """

    ids: Sequence[str]
    per_clip: np.ndarray
    constant: np.ndarray
    uniform: np.ndarray
    swapped: np.ndarray
    by_head: Mapping[str, float]


@torch.inference_mode()
def teacher_probabilities(
    model: Model, run: Run, samples: Sequence[Sample], ports: Mapping[str, str]
) -> dict[str, dict[str, np.ndarray]]:
    """Return the teachers' class probabilities, averaged over time: head -> clip id -> (1, K)."""
    model.eval()
    needs = list(ports.values())
    result: dict[str, dict[str, np.ndarray]] = {name: {} for name in ports}
    for batch in run.batches(model, samples, model.plan(needs).encoders):
        outputs = model(batch, needs)
        for name, port in ports.items():
            mean_BK = probabilities(outputs, port).mean(1).cpu().numpy()
            result[name].update({item: mean_BK[row : row + 1] for row, item in enumerate(batch.ids)})
    return result


@torch.inference_mode()
def agreement(
    model: Model,
    run: Run,
    train: Mapping[str, Mapping[str, np.ndarray]],
    held_out: Sequence[Sample],
    pairs: TeacherPairs,
) -> Agreement:
    """Compare a student with its teachers.

    Args:
        model: The model, used in evaluation mode.
        run: Yields the batches.
        train: The teachers' probabilities for training clips, from `teacher_probabilities`: the constant is their mean.
        held_out: Clips to judge.
        pairs: Which heads learn from which ports; not shuffled.
    """
    model.eval()
    constants = {name: _constant(list(train[name].values())) for name in pairs.ports}
    mixed = [f"constant {share}" for share in SMOOTHING]
    rows: dict[str, list[Tensor]] = {kind: [] for kind in ("student", *mixed, "uniform", "swapped", *pairs.ports)}
    needs = list(pairs.needs)
    ids: list[str] = []
    for batch in run.batches(model, held_out, model.plan(needs).encoders):
        ids += batch.ids
        found = {pair.name: pair for pair in pairs(model(batch, needs), batch)}
        terms: dict[str, list[Tensor]] = {kind: [] for kind in rows}
        for name, pair in found.items():
            mean_K = constants[name].to(pair.logits_BTK.device)
            logits = {
                "student": pair.logits_BTK,
                "swapped": pair.logits_BTK.roll(1, dims=0),
                "uniform": torch.zeros_like(pair.logits_BTK),
            }
            for kind, share in zip(mixed, SMOOTHING, strict=True):
                smooth_K = (1 - share) * mean_K + share / len(mean_K)
                logits[kind] = smooth_K.log().expand_as(pair.logits_BTK)
            count_B = pair.weight_BT.sum(1).clamp(min=1)
            for kind, logits_BTK in logits.items():
                nats_BT = divergence(pair.teacher_BTK, logits_BTK) * pair.weight_BT
                terms[kind].append(nats_BT.sum(1) / count_B)
            terms[name].append(terms["student"][-1])
        for kind, values in terms.items():
            rows[kind].append(torch.stack(values).sum(0).cpu())
    means = {kind: torch.cat(values).double() for kind, values in rows.items()}
    return Agreement(
        ids=ids,
        per_clip=means["student"].numpy(),
        constant=min((means[kind].numpy() for kind in mixed), key=np.mean),
        uniform=means["uniform"].numpy(),
        swapped=means["swapped"].numpy(),
        by_head={name: float(means[name].mean()) for name in pairs.ports},
    )


def recognise(
    train: Sequence[Sample],
    held_out: Sequence[Sample],
    target: str,
    features: Sequence[Mapping[str, np.ndarray]],
    *,
    regularisation: float | None = 0.01,
) -> np.ndarray:
    """Return which held-out clips (N,) a linear classifier of concatenated features recognises.

    Args:
        train: Clips to learn from.
        held_out: Clips to judge.
        target: Name of the target with the true class.
        features: Kinds of features, each clip id -> (1, D); clips that any kind lacks are left out.
        regularisation: C of the support vector machine; None chooses it on the training clips.
    """
    have = set.intersection(*(set(kind) for kind in features))
    learnt = [sample for sample in train if sample.id in have]
    judged = [sample for sample in held_out if sample.id in have]
    items = [np.concatenate([kind[sample.id] for kind in features], axis=1) for sample in (*learnt, *judged)]
    labels = np.array([int(sample.targets[target]) for sample in (*learnt, *judged)])
    fold = probes.Fold(np.arange(len(learnt)), np.arange(len(learnt), len(items)))
    return probes.judge(items, labels, [[fold]], regularisation=regularisation).hits


def by_statistics(
    train: Sequence[Sample], held_out: Sequence[Sample], field: str, target: str
) -> dict[str, np.ndarray]:
    """Return, by method, which held-out clips are recognised by cheap statistics of their audio."""
    blocks = baselines.describe(*([sample.fields[field] for sample in part] for part in (train, held_out)))
    labels, truth_N = (np.array([int(sample.targets[target]) for sample in part]) for part in (train, held_out))
    return {name: guess_N == truth_N for name, guess_N in baselines.classify(blocks, labels).items()}


def source(sample: Sample) -> str:
    """Return the recording that a composed clip's audio is from: clips of one recording are no independent items."""
    files = [str(name) for name in sample.targets.get("files", ())]
    return "+".join(name for name in files if name.endswith((".ogg", ".flac", ".wav", ".mp3"))) or sample.id


def _constant(distributions: Sequence[np.ndarray]) -> Tensor:
    predictor = ConstantPredictor()
    teacher_NTK = torch.as_tensor(np.stack(distributions))
    predictor.update(teacher_NTK, torch.ones(teacher_NTK.shape[:2], dtype=torch.bool))
    return predictor.mean()
