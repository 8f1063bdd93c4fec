"""Separated waveforms of a set of mixtures: by the model as it is, and with altered faces.

Shape legend: B batch, N voices, V frames per face, T samples, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from mmx import Features
from mmx_looking_to_listen.evaluation.metrics import best_order, si_sdr_pairs, si_sdrs
from mmx_looking_to_listen.evaluation.oracles import oracle_crm, oracle_gate, oracle_irm
from mmx_looking_to_listen.model.front import front_of
from mmx_looking_to_listen.model.fusion import reduced

if TYPE_CHECKING:
    from mmx import Model, Run, Sample
    from mmx_looking_to_listen.model.front import Front
    from mmx_looking_to_listen.model.head import Masks

CONTROLS = ("zero", "static_frame", "shuffled", "other_face", "swapped")
RANDOM = "random_order"
"""Appended to a condition: what outputs in any order would give on average, where the best order is judged."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Names of the parts: encoders of mixture, faces (None: a model without faces) and clean voices, and the head."""

    audio: str
    faces: str | None
    voices: str
    head: str


@dataclass(slots=True)
class Separated:
    """One mixture, judged.

    Attributes:
        sample: The mixture.
        truth_NT: Clean voices at the front's rate.
        mixture_T: The mixture at the front's rate.
        guesses: Condition -> estimates (N, T); "model" is the model as it is.
        masks: The model's masks (N, K, F, 1 or 2), of the mixtures that are shown.
        ratios: Condition -> SI-SDR of every voice (N,), NaN where the truth is silent; "mixture", "irm",
            "time_gate", "crm" and baselines too, and "model_random_order" of outputs in their best order.
    """

    sample: Sample
    truth_NT: np.ndarray
    mixture_T: np.ndarray
    guesses: dict[str, np.ndarray] = field(default_factory=dict)
    masks: np.ndarray | None = None
    ratios: dict[str, np.ndarray] = field(default_factory=dict)


@torch.inference_mode()
def judge_mixtures(
    model: Model,
    run: Run,
    samples: Sequence[Sample],
    ports: Ports,
    *,
    controls: Sequence[str] = (),
    oracles: bool = False,
    permute: bool = False,
    shown: int = 0,
    batch_size: int = 16,
) -> list[Separated]:
    """Separate mixtures and judge every voice.

    Args:
        model: The model, in evaluation mode.
        run: Yields the batches.
        samples: The mixtures.
        ports: Names of the parts.
        controls: What to do to the faces besides, of `CONTROLS`.
        oracles: Also judge the mixture itself, the ideal ratio mask, and the ideal complex mask in
            the range of the model's masks.
        permute: Let every mixture choose the order of outputs (for a model without faces).
        shown: Keep waveforms and masks of the first so many.
        batch_size: Mixtures per batch.
    """
    front = front_of(model, ports.audio)
    limits = cast("Masks", model.heads[ports.head]).limits
    needed = [name for name in (ports.audio, ports.faces, ports.voices) if name is not None]
    found: list[Separated] = []
    for batch in run.batches(model, samples, needed, batch_size):
        truth_BNT = batch.inputs[ports.voices]
        mixture_BT = batch.inputs[ports.audio]
        batch.cached[ports.audio] = model.encode(ports.audio, batch)
        faces = None if ports.faces is None else model.encode(ports.faces, batch)
        rows = [
            Separated(sample, truth_NT.cpu().numpy(), mixture_T.cpu().numpy())
            for sample, truth_NT, mixture_T in zip(batch.samples, truth_BNT, mixture_BT, strict=True)
        ]
        for condition in ("model", *(controls if faces is not None else ())):
            if faces is not None and ports.faces is not None:
                batch.cached[ports.faces] = altered(faces, condition, truth_BNT.shape[1])
            predicted = model(batch, [f"heads.{ports.head}"]).heads[ports.head]
            guess_BNT = waveforms(front, predicted["spectra"], mixture_BT.shape[1]).cpu().numpy()
            for place, (row, guess_NT) in enumerate(zip(rows, guess_BNT, strict=True)):
                keep = len(found) + place < shown
                _judge(row, condition, guess_NT, front, permute=permute, keep=keep)
                if keep and condition == "model":
                    row.masks = predicted["masks"][place].cpu().numpy()
        if oracles:
            for row, truth_NT, mixture_T in zip(rows, truth_BNT, mixture_BT, strict=True):
                _oracles(row, truth_NT, mixture_T, front, limits)
        found += rows
    return found


def waveforms(front: Front, spectra_BNKF2: Tensor, samples: int) -> Tensor:
    """Return waveforms (B, N, T) of compressed spectrograms."""
    return front.from_compressed(spectra_BNKF2.flatten(0, 1), samples).reshape(*spectra_BNKF2.shape[:2], samples)


def altered(features: Features, condition: str, faces: int) -> Features:
    """Return face tokens (B, N * V, D) with what a control does to them; "model" leaves them as they are."""
    tokens_BTD = features.tokens_BTD
    if tokens_BTD is None or condition == "model":
        return features
    faces_BNVD = tokens_BTD.reshape(len(tokens_BTD), faces, -1, tokens_BTD.shape[-1])
    if condition == "swapped":
        changed = faces_BNVD.flip(1)
    elif condition == "other_face":
        changed = faces_BNVD.roll(1, 0)
    else:
        changed = reduced(faces_BNVD.flatten(0, 1), condition).reshape(faces_BNVD.shape)
    return replace(features, tokens_BTD=changed.flatten(1, 2))


def _judge(row: Separated, condition: str, guess_NT: np.ndarray, front: Front, *, permute: bool, keep: bool) -> None:
    """Note the ratio of every voice, the edges left out; swapped faces must bring swapped voices."""
    truth_NT = inner(row.truth_NT, front)
    if permute:
        table_NN = si_sdr_pairs(inner(guess_NT, front), truth_NT)
        row.ratios[f"{condition}_{RANDOM}"] = table_NN.mean(1)
        guess_NT = guess_NT[list(best_order(table_NN))]
    judged_NT = inner(guess_NT, front)
    row.ratios[condition] = si_sdrs(judged_NT, truth_NT)
    if condition == "swapped":
        row.ratios["followed"] = si_sdrs(judged_NT, truth_NT[::-1])
    if keep:
        row.guesses[condition] = guess_NT


def _oracles(row: Separated, truth_NT: Tensor, mixture_T: Tensor, front: Front, limits: tuple[float, float]) -> None:
    truth = inner(row.truth_NT, front)
    bounds = {
        "mixture": np.repeat(row.mixture_T[None], len(truth), 0),
        "irm": oracle_irm(front, mixture_T, truth_NT, mixture_T - truth_NT.sum(0)).cpu().numpy(),
        "time_gate": oracle_gate(front, mixture_T, truth_NT, mixture_T - truth_NT.sum(0)).cpu().numpy(),
        "crm": oracle_crm(front, mixture_T, truth_NT, limits).cpu().numpy(),
    }
    for name, guess_NT in bounds.items():
        row.ratios[name] = si_sdrs(inner(guess_NT, front), truth)


def inner(audio_NT: np.ndarray, front: Front) -> np.ndarray:
    """Return what lies between the first and the last window, where the inverse transform is exact."""
    frames = front.frames(audio_NT.shape[-1])
    return audio_NT[..., front.window : (frames - 1) * front.hop]


def table(separated: Sequence[Separated], condition: str) -> np.ndarray:
    """Return the ratios of one condition (mixtures, N); NaN where the truth is silent."""
    return np.stack([row.ratios[condition] for row in separated])


def gain(separated: Sequence[Separated], condition: str) -> np.ndarray:
    """Return each mixture's mean improvement over itself in decibels; NaN where every voice is silent."""
    return mean_rows(table(separated, condition) - table(separated, "mixture"))


def by_voice(separated: Sequence[Separated], condition: str) -> np.ndarray:
    """Return the improvement of every voice (mixtures * N,) in decibels; NaN where it is silent."""
    return np.ravel(table(separated, condition) - table(separated, "mixture"))


def speakers(separated: Sequence[Separated]) -> list[str]:
    """Return the speaker of every voice, in the order of `by_voice`: the independent unit."""
    return [str(who) for row in separated for who in row.sample.targets["speakers"]]


def mean_rows(values_MN: np.ndarray) -> np.ndarray:
    """Return row means without NaN; NaN for rows that hold nothing else."""
    counts = (~np.isnan(values_MN)).sum(1)
    return np.where(counts > 0, np.nansum(values_MN, 1) / np.maximum(counts, 1), np.nan)


def mean(values: np.ndarray) -> float:
    """Return the mean without NaN; NaN of nothing."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def row_of(separated: Separated) -> Mapping[str, Any]:
    """Return one row of predictions: what was mixed and how every voice came out."""
    numbers = {
        f"{condition}_{place}": None if np.isnan(value) else round(float(value), 3)
        for condition in ("mixture", "model", "swapped", "followed")
        if condition in separated.ratios
        for place, value in enumerate(separated.ratios[condition])
    }
    return {"id": separated.sample.id, **numbers, "components": separated.sample.targets.get("components")}
