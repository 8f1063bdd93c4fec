"""Figures and players of the report: faces, landmarks, features, recall, attributes, measures and groups.

Shape legend: N people, D width of the face feature, S side in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mmx import Clip, Figure
from mmx_speech2face.evaluation import figures
from mmx_speech2face.evaluation.encoding import Drawn, Encoded, draw, enlarged
from mmx_speech2face.evaluation.groups import Group
from mmx_speech2face.evaluation.measures import Correlation
from mmx_speech2face.evaluation.retrieval import Distance, closeness
from mmx_speech2face.evaluation.scores import Guesses
from mmx_std import metrics, plots

if TYPE_CHECKING:
    from mmx import Model
    from mmx_speech2face.evaluation.encoding import Names

Images = NDArray[np.uint8]
_CURVE: Final = 50
"""Most places in the recall curve."""


@dataclass(frozen=True)
class Scene:
    """Inputs of the figures.

    Attributes:
        model: The model.
        names: Names of its parts.
        encoded: The judged split.
        guesses: Guesses at the face features.
        drawn: Faces by kind: `voice`, `face`, and `perfect_listener` where there is one.
        portraits: The true faces.
        truth: Name -> scores (N, N) that no model can beat.
        classes: Class names by target.
    """

    model: Model
    names: Names
    encoded: Encoded
    guesses: Guesses
    drawn: Mapping[str, Drawn]
    portraits: Images
    truth: Mapping[str, NDArray[np.float64]]
    classes: Mapping[str, Sequence[str] | None]


def face_figures(scene: Scene, shown: int, exaggeration: float) -> list[Figure]:
    """Return the grid of faces, the landmarks on portraits, and faces moved away from the average."""
    chosen = spread(scene, shown)
    titles = [title_of(scene, index) for index in chosen]
    rows = {
        "photo": [_photo(scene, index) for index in chosen],
        "true face": list(scene.portraits[chosen]),
    }
    kinds = {"from the\nface feature": "face", "from the\nvoice": "voice", "by a perfect\nlistener": "perfect_listener"}
    rows |= {name: list(scene.drawn[kind].images_NSSC[chosen]) for name, kind in kinds.items() if kind in scene.drawn}
    found = [
        Figure(
            "faces",
            figures.faces(rows, titles),
            "Photo, true face, the face decoded from the photo's feature (the best that the decoder can do), and the "
            "face decoded from the voice. The last shows what is common to people with such a voice, not the person. A "
            "perfect listener decodes the mean feature of people who could have that voice: the upper bound.",
        )
    ]
    true = scene.encoded.targets.get("landmarks")
    guessed = scene.drawn["voice"].landmarks_NL2
    if true is not None and guessed.shape[1]:
        some = chosen[: min(6, len(chosen))]
        image = figures.overlays(
            [scene.portraits[i] for i in some], [true[i] for i in some], [guessed[i] for i in some], titles[:6]
        )
        found.append(Figure("landmarks", image, "Landmarks of the true face (white) and of the face from the voice."))
    mean_D = scene.guesses.controls["mean_face"][0]
    away = {
        f"{factor:g} x": list(
            draw(scene.model, scene.names, mean_D + factor * (scene.guesses.own[chosen] - mean_D)).images_NSSC
        )
        for factor in (0.0, 0.5, 1.0, exaggeration)
    }
    caption = f"Voice features moved from the mean face (0) past the predicted feature (1) to {exaggeration:g}."
    return [*found, Figure("exaggeration", figures.faces(away, titles), caption)]


def feature_figures(scene: Scene, gallery: int, distance: Distance) -> list[Figure]:
    """Return the map of features and the recall curves."""
    encoded = scene.encoded
    groups = {
        name: (encoded.targets[name], names)
        for name, names in scene.classes.items()
        if names is not None and name in encoded.targets and 2 <= len(names) <= 8
    }
    found = []
    if groups:
        image = figures.feature_map(encoded.face_ND, scene.guesses.own, dict(list(groups.items())[:5]))
        caption = (
            "Face features (top) and voice features (bottom) of the same people, on the face features' two main axes."
        )
        found.append(Figure("features", image, caption))
    count = len(encoded.ids)
    size = min(gallery, count)
    right_NN = np.eye(count, dtype=bool)
    scores = {"voice": closeness(scene.guesses.own, encoded.face_ND, distance)}
    scores |= {name: closeness(each, encoded.face_ND, distance) for name, each in scene.guesses.controls.items()}
    scores |= {name: closeness(each, encoded.face_ND, distance) for name, each in scene.guesses.references.items()}
    scores |= dict(scene.truth)
    places = range(1, min(_CURVE, size) + 1)
    curves = {
        name.replace("_", " "): np.array(
            [metrics.recalls_in_galleries(scores_NN, right_NN, k, size).mean() for k in places]
        )
        for name, scores_NN in scores.items()
    }
    curves["chance"] = np.array([k / size for k in places])
    caption = (
        f"How often a voice's own face is among the first places, of {size} people; dashed: controls and ceilings."
    )
    return [*found, Figure("recall", figures.recall_curves(curves, f"{size} people, {distance}"), caption)]


def label_figures(scene: Scene, labels: Mapping[str, Mapping[str, NDArray[np.int64]]]) -> list[Figure]:
    """Return confusion matrices of the attributes that the judge predicts for portraits and for drawn faces."""
    found = []
    for name, portrait_N in scene.encoded.labels.items():
        names = scene.classes.get(name)
        if names is None:
            continue
        for kind, source in (("voice", "the voice"), ("face", "the face feature")):
            matrix_CC = metrics.confusion_matrix(portrait_N, labels[kind][name], len(names))
            caption = f"{name}: the judge on the portrait (rows) and on the face drawn from {source} (columns)."
            found.append(Figure(f"{name}_by_{kind}", plots.confusion(matrix_CC, names), caption))
    return found


def measure_figure(found: Mapping[str, Correlation]) -> list[Figure]:
    """Return the correlations of craniofacial measures."""
    if not found:
        return []
    caption = (
        "Measures of faces from voices against those of faces from face features, over people; grey: random pairs; "
        "green: what the decoder itself keeps of the true measure."
    )
    return [Figure("craniofacial", figures.correlation_bars(found), caption)]


def group_figure(groups: Sequence[Group], gallery: int) -> list[Figure]:
    """Return the numbers by group."""
    if not groups:
        return []
    columns = {title: [group.numbers[title] for group in groups] for title in groups[0].numbers}
    image = figures.group_bars([group.name for group in groups], [group.count for group in groups], columns)
    return [Figure("groups", image, f"The same numbers by group of people (galleries of {gallery}).")]


def players(scene: Scene, shown: int) -> list[Clip]:
    """Return players of voices, with the face predicted from each."""
    clips = []
    for index in spread(scene, shown)[:4]:
        sample = scene.encoded.samples[index]
        voice = sample.fields.get(scene.model.fields[scene.names.voice])
        title = title_of(scene, index).replace("\n", ", ")
        both = [scene.portraits[index], scene.drawn["voice"].images_NSSC[index]]
        pair = np.concatenate([enlarged(image) for image in both], axis=1)
        clips.append(Clip(f"voice_{index}", voice, f"{title}: the voice"))
        clips.append(Clip(f"face_{index}", pair, f"{title}: true face, and the face from the voice"))
    return clips


def spread(scene: Scene, count: int) -> list[int]:
    """Return some people: in the order of the split, evenly over it, chosen without looking at results."""
    total = len(scene.encoded.ids)
    return sorted({int(place) for place in np.linspace(0, total - 1, min(count, total))})


def title_of(scene: Scene, index: int) -> str:
    """Return the known attributes of a person, for a title."""
    words = []
    for name in ("sex", "age", "build"):
        names, values = scene.classes.get(name), scene.encoded.targets.get(name)
        if names is not None and values is not None:
            words.append(names[int(values[index])])
    return "\n".join([" ".join(words[:2]), *words[2:]]) if words else scene.encoded.ids[index]


def _photo(scene: Scene, index: int) -> Any:
    image = scene.encoded.samples[index].fields[scene.model.fields[scene.names.face]]
    return image[0] if isinstance(image, tuple | list) else image
