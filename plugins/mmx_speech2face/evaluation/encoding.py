"""Face and voice features of a split, and faces drawn from features.

Shape legend: N people, D width of the face feature, L landmarks, S side in pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import Batch, DataError, Sample
from mmx_std import judging

if TYPE_CHECKING:
    from mmx import Model, Run
    from mmx_speech2face.model.decoder import FaceDecoder

BATCH = 32
_LOOKED_AT = 240
"""Pixels of an image that is shown to a reader."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Names:
    """Names of the parts of the model.

    Attributes:
        face: Face features.
        voice: Voice features.
        decoder: The face decoder.
        judge: Encoder and head that classify attributes of a face image; None for none.
        told: Head that classifies attributes from the voice directly; None for none.
    """

    face: str
    voice: str
    decoder: str
    judge: str | None
    told: str | None


@dataclass(frozen=True)
class Encoded:
    """Features of a split, of faces and voices.

    Attributes:
        ids: Sample ids.
        face_ND: Face features, v_f.
        voice_ND: Voice features, v_s.
        untrained_ND: Voice features of the encoder before training.
        labels: Attribute -> classes predicted by the judge for the portraits (N,); empty without a judge.
        told: Attribute -> probabilities (N, K) from the voice directly; empty without such a head.
        targets: Truth by name, as arrays (N, ...), where every sample has it.
        samples: The samples, in order.
        expected: How many samples the split has.
    """

    ids: Sequence[str]
    face_ND: Floats
    voice_ND: Floats
    untrained_ND: Floats
    labels: Mapping[str, NDArray[np.int64]]
    told: Mapping[str, Floats]
    targets: Mapping[str, NDArray[Any]]
    samples: Sequence[Sample]
    expected: int


@dataclass(frozen=True)
class Drawn:
    """Faces drawn from features: `images_NSSC` uint8 (N, S, S, 3), `landmarks_NL2` in -1..1."""

    images_NSSC: NDArray[np.uint8]
    landmarks_NL2: Floats


def encode_split(model: Model, samples: Sequence[Sample], run: Run, names: Names) -> Encoded:
    """Encode the faces and voices of a split.

    Raises:
        DataError: Fewer than two samples can be read.
    """
    model.eval()
    untrained = run.untrained().to(run.device).eval()
    needs = [f"fused.{names.face}", f"fused.{names.voice}"]
    needs += [f"heads.{name}" for name in (names.judge, names.told) if name is not None]
    rows: dict[str, list[Any]] = {"ids": [], "face": [], "voice": [], "untrained": []}
    labels: dict[str, list[torch.Tensor]] = {}
    told: dict[str, list[torch.Tensor]] = {}
    targets: dict[str, list[Any]] = {}
    batches = run.batches(model, samples, model.plan(needs).encoders, BATCH)
    for batch in run.track(batches, "faces and voices", ceil(len(samples) / BATCH)):
        with torch.inference_mode():
            found = model(batch, needs)
            rows["untrained"].append(untrained(batch, [f"fused.{names.voice}"]).fused[names.voice].pooled_BD)
        rows["ids"] += batch.ids
        rows["face"].append(found.fused[names.face].pooled_BD)
        rows["voice"].append(found.fused[names.voice].pooled_BD)
        if names.judge is not None:
            for name, logits_BK in found.heads[names.judge].items():
                labels.setdefault(name, []).append(logits_BK.argmax(1))
        if names.told is not None:
            for name, logits_BK in found.heads[names.told].items():
                told.setdefault(name, []).append(logits_BK.softmax(1))
        _add_targets(targets, batch)
    if len(rows["ids"]) < 2:
        raise DataError(f"fewer than two of {len(samples)} samples can be read; mmx data check FILE names the others")
    return Encoded(
        rows["ids"],
        _joined(rows["face"]),
        _joined(rows["voice"]),
        _joined(rows["untrained"]),
        {name: torch.cat(values).cpu().numpy() for name, values in labels.items()},
        {name: _joined(values) for name, values in told.items()},
        {name: np.stack(values) for name, values in targets.items() if len(values) == len(rows["ids"])},
        judging.judged(samples, rows["ids"]),
        len(samples),
    )


def faces_of(
    model: Model, samples: Sequence[Sample], run: Run, names: Names
) -> tuple[Sequence[Sample], Floats, dict[str, Any]]:
    """Return those of a split that can be read, their face features (N, D), and their targets as arrays."""
    ids: list[str] = []
    rows: list[torch.Tensor] = []
    targets: dict[str, list[Any]] = {}
    count = 0
    needs = [f"fused.{names.face}"]
    batches = run.batches(model, samples, model.plan(needs).encoders, BATCH)
    for batch in run.track(batches, "faces of the training", ceil(len(samples) / BATCH)):
        with torch.inference_mode():
            rows.append(model(batch, needs).fused[names.face].pooled_BD)
        count += batch.size
        ids += batch.ids
        _add_targets(targets, batch)
    found = judging.judged(samples, ids)
    return found, _joined(rows), {name: np.stack(values) for name, values in targets.items() if len(values) == count}


def draw(model: Model, names: Names, features_ND: Floats) -> Drawn:
    """Draw a face from every feature."""
    decoder = cast("FaceDecoder", model.heads[names.decoder])
    images, points = [], []
    for first in range(0, len(features_ND), BATCH):
        part_BD = torch.from_numpy(np.asarray(features_ND[first : first + BATCH], np.float32))
        with torch.inference_mode():
            drawn = decoder.draw(part_BD.to(model.device))
            images.append((drawn["image"].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu())
            points.append(drawn["landmarks"].double().cpu())
    return Drawn(torch.cat(images).numpy(), torch.cat(points).numpy())


def judged(model: Model, names: Names, images_NSSC: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
    """Return attribute -> classes predicted by the judge for face images (N,)."""
    if names.judge is None:
        return {}
    encoder: Any = model.encoders[names.judge]
    head: Any = model.heads[names.judge]
    found: dict[str, list[torch.Tensor]] = {}
    for first in range(0, len(images_NSSC), BATCH):
        prepared = torch.stack([encoder.prepare(image) for image in images_NSSC[first : first + BATCH]])
        with torch.inference_mode():
            for name, logits_BK in head.judge(encoder(prepared.to(model.device)).pooled_BD).items():
                found.setdefault(name, []).append(logits_BK.argmax(1))
    return {name: torch.cat(values).cpu().numpy() for name, values in found.items()}


def enlarged(image_SSC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image large enough to view: a small one smoothly enlarged by a whole factor."""
    factor = _LOOKED_AT // image_SSC.shape[0]
    if factor < 2:
        return image_SSC
    plane_1CSS = torch.from_numpy(np.ascontiguousarray(image_SSC)).permute(2, 0, 1)[None].float()
    large_1CSS = torch.nn.functional.interpolate(plane_1CSS, scale_factor=factor, mode="bicubic")
    return np.asarray(large_1CSS[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())


def mean_feature(model: Model, names: Names) -> Floats:
    """Return the mean face feature (D,) of the decoder's training."""
    return np.asarray(cast("FaceDecoder", model.heads[names.decoder]).mean_D.double().cpu().numpy())


def _add_targets(targets: dict[str, list[Any]], batch: Batch) -> None:
    for name, values in batch.targets.items():
        if isinstance(values, torch.Tensor):
            targets.setdefault(name, []).extend(values.cpu().numpy())


def _joined(parts: Iterable[torch.Tensor]) -> Floats:
    return np.asarray(torch.cat(list(parts)).double().cpu().numpy())
