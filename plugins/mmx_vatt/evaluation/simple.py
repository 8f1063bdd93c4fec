"""Simple methods beside VATT: canonical correlation of statistics, and of random convolutions, of two modalities.

Shapes: N judged items, M training items, D statistics, K filters, T frames or samples, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import Audio, DataError, Video
from mmx_std import baselines
from mmx_vatt.evaluation.items import during

if TYPE_CHECKING:
    from mmx import Sample
    from mmx_vatt.evaluation.matching import Match
    from mmx_vatt.evaluation.vectors import Floats

Blocks = dict[str, tuple["Floats", "Floats"]]

FILTERS: Final = 64
TRAINED: Final = ("video_to_audio", "audio_to_video", "video_to_text", "text_to_video")
"""Directions that a model may learn from pairs, and a simple method with it."""
_SIDE: Final = 32
_FRAMES: Final = 8


def similarities(
    matches: Sequence[Match],
    train: Sequence[Sample],
    judged: Sequence[Sample],
    fields: Mapping[str, str],
    seconds: float,
    seed: int,
) -> dict[str, dict[str, Floats]]:
    """Return direction -> simple method -> similarities (N, N) of the items that have both sides.

    Everything is learnt from pairs of training items; neither classes nor pairs of the judged items are used.

    Args:
        matches: Directions; those between audio and text are left out, as no model learns from such pairs.
        train: Training items.
        judged: The split.
        fields: Modality -> field.
        seconds: Length of a clip, for cues.
        seed: Of the random filters.
    """
    found: dict[str, dict[str, Floats]] = {}
    values = {
        name: [[_value(sample, field, seconds) for sample in part] for part in (train, judged)]
        for name, field in fields.items()
        if any(name in match.name.split("_to_") for match in matches if match.name in TRAINED)
    }
    for match in (match for match in matches if match.name in TRAINED):
        first, second = match.name.split("_to_")
        if f"{second}_to_{first}" in found:
            found[match.name] = {way: scores_NN.T for way, scores_NN in found[f"{second}_to_{first}"].items()}
            continue
        learnt, own = zip(values[first], values[second], strict=True)
        pairs = [pair for pair in zip(*learnt, strict=True) if all(each is not None for each in pair)]
        if len(pairs) < 2:
            continue
        shown = [[side[row] for row in match.rows] for side in own]
        sides = [(list(a), b) for a, b in zip(zip(*pairs, strict=True), shown, strict=True)]
        found[match.name] = {}
        for kind, describe in (("statistics", baselines.describe), ("random_convolutions", _filtered(seed))):
            a, b = (describe(*side) for side in sides)
            for way, scores_NN in baselines.match(a, b).items() if a and b else ():
                found[match.name][f"{way}_{kind}"] = scores_NN
    return found


def _filtered(seed: int) -> Any:
    """Return a function like `baselines.describe` with responses of random filters; texts have their words."""

    def describe(train: Sequence[Any], test: Sequence[Any]) -> Blocks:
        if not isinstance(train[0], Audio | Video):
            return baselines.describe(train, test)
        respond = convolved_audio if isinstance(train[0], Audio) else convolved_video
        rows_ND = np.stack([respond(value, seed) for value in (*train, *test)])
        return {"responses": (rows_ND[: len(train)], rows_ND[len(train) :])}

    return describe


def convolved_video(video: Video, seed: int) -> Floats:
    """Return mean responses (K * 4 + K,) of random filters to a video: to its mean frame by quarter, and to motion."""
    places = np.linspace(0, len(video.frames_THWC) - 1, _FRAMES).round().astype(np.int64)
    frames_TCHW = torch.from_numpy(np.ascontiguousarray(video.frames_THWC[places])).permute(0, 3, 1, 2).float() / 255
    frames_TCHW = torch.nn.functional.adaptive_avg_pool2d(frames_TCHW, _SIDE)
    filters_KC55 = _filters((FILTERS, 3, 5, 5), seed)
    moved_TCHW = frames_TCHW.diff(dim=0) * 4
    parts = torch.nn.functional.conv2d(
        torch.cat([frames_TCHW.mean(0)[None], moved_TCHW]), filters_KC55, stride=2
    ).relu()
    still_K4 = torch.nn.functional.adaptive_avg_pool2d(parts[0], 2).flatten()
    return np.asarray(torch.cat([still_K4, parts[1:].mean((0, 2, 3))]).double().numpy())


def convolved_audio(audio: Audio, seed: int) -> Floats:
    """Return log energies (K * 4,) of random filters of several lengths, by quarter of the audio."""
    x_1T = torch.from_numpy(np.asarray(audio.samples_CT.mean(0, keepdims=True), np.float32))
    energies = []
    for length in (8, 32, 128, 512):
        padded_1T = torch.nn.functional.pad(x_1T, (0, max(0, length + 64 - x_1T.shape[1])))
        filters_K1T = _filters((FILTERS // 4, 1, length), seed)
        response_KT = torch.nn.functional.conv1d(padded_1T[None], filters_K1T, stride=max(1, length // 8))[0]
        energies.append(torch.nn.functional.adaptive_avg_pool1d(response_KT.square()[None], 4).flatten())
    return np.asarray((torch.cat(energies) + 1e-8).log().double().numpy())


def _filters(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Return filters of mean 0 and length 1."""
    filters = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    over = tuple(range(1, len(shape)))
    filters = filters - filters.mean(over, keepdim=True)
    return filters / filters.square().sum(over, keepdim=True).sqrt()


def _value(sample: Sample, field: str, seconds: float) -> Any:
    """Return the value of a field; None where there is none or it cannot be read."""
    try:
        return during(sample.fields.get(field), seconds)
    except DataError:
        return None


def log_spectrum(samples: Sequence[Sample], field: str) -> NDArray[np.float64]:
    """Return mean and deviation (N, D) of the logarithmic spectrum; zeros for what cannot be read."""
    blocks = baselines.describe([_value(sample, field, 0.0) for sample in samples], [])
    return blocks["spectrum"][0]
