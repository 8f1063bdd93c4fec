"""Numbers by group of people: an average may not hold for every group.

Shape legend: N people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmx_speech2face.evaluation.encoding import Encoded
from mmx_speech2face.evaluation.retrieval import Distance, angles, closeness
from mmx_speech2face.evaluation.scores import Guesses
from mmx_std import metrics

PLACES = 10
"""K of the groups' recall: at 1 there would be too few hits to compare."""


@dataclass(frozen=True)
class Group:
    """Some people, and how well the model does for them.

    Attributes:
        name: Shared attributes.
        count: How many they are.
        numbers: Title -> value.
    """

    name: str
    count: int
    numbers: Mapping[str, float]


def by_group(
    guesses: Guesses,
    encoded: Encoded,
    labels: Mapping[str, Mapping[str, NDArray[np.int64]]],
    attributes: Mapping[str, Sequence[str]],
    gallery: int,
    distance: Distance,
) -> list[Group]:
    """Return the numbers of every group of people that share the attributes, with the whole split as the gallery.

    Args:
        guesses: The predicted features.
        encoded: The judged split.
        labels: Attributes that the judge predicts for faces drawn from voices, under `voice`.
        attributes: Attributes that make up the groups, with their classes' names.
        gallery: People in a gallery.
        distance: Distance of the retrieval.
    """
    count = len(encoded.ids)
    scores_NN = closeness(guesses.own, encoded.face_ND, distance)
    found_N = metrics.recalls_in_galleries(scores_NN, np.eye(count, dtype=bool), PLACES, min(gallery, count))
    columns = {f"recall at {PLACES}": found_N, "angle (degrees)": angles(guesses.own, encoded.face_ND)}
    for name, portrait_N in encoded.labels.items():
        if name in attributes:
            columns[f"{name} agrees"] = np.asarray(labels["voice"][name] == portrait_N, np.float64)
    groups = []
    for name, chosen_N in _members(encoded, attributes):
        if chosen_N.any():
            numbers = {title: float(values_N[chosen_N].mean()) for title, values_N in columns.items()}
            groups.append(Group(name, int(chosen_N.sum()), numbers))
    return groups


def _members(encoded: Encoded, attributes: Mapping[str, Sequence[str]]) -> list[tuple[str, NDArray[np.bool_]]]:
    members = [("", np.ones(len(encoded.ids), dtype=bool))]
    for name, classes in attributes.items():
        members = [
            (f"{label} {word}".strip(), chosen_N & (encoded.targets[name] == number))
            for label, chosen_N in members
            for number, word in enumerate(classes)
        ]
    return [(label, chosen_N) for label, chosen_N in members if label]
