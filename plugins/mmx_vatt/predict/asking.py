"""What `mmx predict` does: compare a user's film or sound with texts, or rank the films of a folder for a text.

A long film is looked at in several windows, as in judging; each is decoded by itself, at the model's own rate and size.

Shapes: N films, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import MEDIA_SUFFIXES, Model, Prediction, UserError
from mmx_std import file_library, judging, ports
from mmx_vatt.evaluation.matching import PAIRS
from mmx_vatt.predict.reading import Reader

COMPARED: Final = ("video", "audio", "text")
NOTE: Final = "Cosines of one pair of modalities compare with each other, not with others."


def compare(model: Model, raw: Mapping[str, Any], reader: Reader) -> Prediction:
    """Compare what is given of film, sound and text with one another; one of them may be a list to rank.

    Raises:
        UserError: Fewer than two of them, or two lists.
    """
    given = {name: raw[field] for name, field in model.fields.items() if name in COMPARED and field in raw}
    lists = [name for name, value in given.items() if isinstance(value, list)]
    if len(given) < 2 or len(lists) > 1:
        fields = ", ".join(model.fields[name] for name in COMPARED if name in model.fields)
        raise UserError(
            f"this model compares {fields}: give two of them, one perhaps as a list to choose from, "
            'e.g. mmx predict RUN film.mp4 --texts "a text" "another"'
        )
    values = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    rows: list[dict[str, Any]] = []
    for first, second, space in PAIRS:
        if first in given and second in given:
            one, other = (_units(model, f"{name}_{space}", values[name], reader) for name in (first, second))
            for i, j in np.ndindex(len(one), len(other)):
                listed = values[second][j] if len(other) > 1 else values[first][i]
                named = listed if isinstance(listed, str) else f"item {max(i, j) + 1}"
                rows.append({"compared": f"{first}, {second}", "item": named, "cosine": float(one[i] @ other[j])})
    rows.sort(key=lambda row: -row["cosine"])
    return Prediction(rows, notes=(NOTE,))


def search(model: Model, query: str, folder: Path, reader: Reader) -> Prediction:
    """Rank the films below a folder for a text. Their vectors are kept by content, so that a second search is quick.

    Raises:
        UserError: The model has no space of film and text.
        DataError: No such folder, or no film in it that can be read.
    """
    if not {"video", "text"} <= set(model.encoders):
        raise UserError("this model has no space of film and text to search in")

    def make(path: Path) -> Mapping[str, NDArray[np.float64]]:
        return {"vector": _units(model, "video_vt", [reader.film(model, path)], reader)[0]}

    place = file_library.place_of("vatt", model, reader)
    found = file_library.open_library(folder, place, make, suffixes=MEDIA_SUFFIXES["video"], content="films")
    films_ND = np.stack([entry["vector"] for entry in found.entries])
    scores_N = films_ND @ _units(model, "text_vt", [query], reader)[0]
    rows = [
        {"rank": place + 1, "file": str(found.files[i].relative_to(folder)), "cosine": float(scores_N[i])}
        for place, i in enumerate(np.argsort(-scores_N, kind="stable"))
    ]
    notes = [f"{len(found.files)} films ranked, {found.cached} of them from the index."]
    return Prediction(rows, notes=(*notes, *(f"skipped: {line}" for line in found.skipped)))


def _units(model: Model, vector: str, values: Sequence[Any], reader: Reader) -> NDArray[np.float64]:
    """Return unit vectors (N, D) of values of one modality, those of windows averaged before."""
    port, field = f"fused.{vector}", model.fields[vector.partition("_")[0]]

    def one(value: Any) -> NDArray[np.float64]:
        found = [ports.read(judging.one_input(model, (port,), {field: part}), port)[0] for part in reader.parts(value)]
        mean_D: NDArray[np.float64] = np.stack([x_D.double().cpu().numpy() for x_D in found]).mean(0)
        return mean_D

    x_ND = np.stack([one(value) for value in values])
    return np.asarray(x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12))
