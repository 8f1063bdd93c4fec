"""Predictions of the face feature without the voice encoder: controls and upper bounds.

Shape legend: N people, D width of the face feature, K one-hot attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import Corpus
from mmx_std import judging

if TYPE_CHECKING:
    from mmx import Model, Run
    from mmx_speech2face.evaluation.encoding import Encoded, Names

Floats = NDArray[np.float64]


def from_attributes(
    known_ND: Floats, known: Mapping[str, Any], chances: Mapping[str, Floats], attributes: Sequence[str]
) -> Floats:
    """Return face features (N, D) predicted from attributes alone: least squares over people whose faces are known.

    Args:
        known_ND: Face features of the train split.
        known: Its targets.
        chances: Attribute -> probabilities of its classes (N, K) of the people to predict; one-hot where certain.
        attributes: Which ones.
    """
    table_NK = _one_hot({name: np.asarray(known[name]) for name in attributes}, chances, attributes)
    weights_KD = np.linalg.lstsq(table_NK, known_ND, rcond=None)[0]
    asked_NK = np.concatenate([chances[name] for name in attributes] + [np.ones((len(chances[attributes[0]]), 1))], 1)
    return np.asarray(asked_NK @ weights_KD)


def certain(truth_N: NDArray[np.int64], classes: int) -> Floats:
    """Return one-hot rows (N, K) of known classes."""
    return np.asarray(np.eye(classes)[truth_N])


def others(features_ND: Floats, seed: int) -> Floats:
    """Return the features with every person given another person's."""
    return features_ND[judging.derangement(len(features_ND), seed)]


def perfect_listener(
    model: Model, corpus: Corpus, encoded: Encoded, names: Names, draws: int, run: Run
) -> Floats | None:
    """Return the mean face feature (N, D) of `draws` people who could have each voice, if the corpus can sample them.

    The conditional mean has the least squared error of all guesses from a voice; it is the prediction from the
    true traits of a voice and the true model of the world. The mean is over few draws, so the true bound is a little
    higher.
    """
    faces_given_voice = getattr(corpus, "faces_given_voice", None)
    if faces_given_voice is None or "voice_traits" not in encoded.targets or not draws:
        return None
    encoder: Any = model.encoders[names.face]
    if encoder.modality != "image":
        return None
    rows = []
    voices = list(enumerate(encoded.targets["voice_traits"]))
    for number, voice_V in run.track(voices, "faces that go with each voice", len(voices)):
        images = faces_given_voice(voice_V, draws, number)
        prepared = torch.stack([encoder.prepare(image) for image in images]).to(model.device)
        with torch.inference_mode():
            rows.append(encoder(prepared).pooled_BD.mean(0).double().cpu().numpy())
    return np.stack(rows)


def true_scores(corpus: Corpus, encoded: Encoded) -> dict[str, Floats]:
    """Return the scores (N, N) that no model can beat, where the corpus can compute them: see its documentation.

    `best_ranking` is given every trait of the voice, `shared_causes` the common causes of voice and face.
    """
    found: dict[str, Floats] = {}
    for name, method, target in (
        ("best_ranking", "affinity", "voice_traits"),
        ("shared_causes", "affinity_of_causes", "causes"),
    ):
        score = getattr(corpus, method, None)
        if score is not None and target in encoded.targets and "face_traits" in encoded.targets:
            found[name] = score(encoded.targets[target].astype(float), encoded.targets["face_traits"].astype(float))
    return found


def _one_hot(
    truth: Mapping[str, NDArray[np.int64]], chances: Mapping[str, Floats], attributes: Sequence[str]
) -> Floats:
    columns = [certain(truth[name], chances[name].shape[1]) for name in attributes]
    return np.concatenate([*columns, np.ones((len(columns[0]), 1))], axis=1)
