"""Contents of the report: similarity matrices, retrieved videos, and attention maps.

Shapes: N items, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mmx import Clip, Cue, DataError, Figure, Sample
from mmx_vatt.evaluation import figures
from mmx_vatt.evaluation.figures import Answered, Attended
from mmx_vatt.evaluation.items import during
from mmx_vatt.evaluation.matching import Match
from mmx_vatt.evaluation.vectors import Vectors

if TYPE_CHECKING:
    from mmx import Model

QUERIES: Final = 5
ANSWERS: Final = 5
ATTENDED: Final = 3
ITEMS: Final = 96
"""Items in a matrix of similarities."""


def matrices(
    matches: Sequence[Match], vectors: Vectors, classes_N: NDArray[np.int64], names: Sequence[str]
) -> list[Figure]:
    """Return similarities between items sorted by class, a panel per pair of modalities."""
    panels = [match for match in matches if match.name in ("video_to_audio", "video_to_text", "text_to_audio")]
    drawn: dict[str, Any] = {}
    bounds: list[int] = []
    groups: list[str] = []
    for match in panels:
        known = match.rows[classes_N[match.rows] >= 0]
        order = known[np.argsort(classes_N[known], kind="stable")]
        order = order[np.linspace(0, len(order) - 1, min(ITEMS, len(order))).astype(int)]
        first, _, second = match.name.split("_")
        drawn[f"{first} / {second}"] = Match(match.name, order, match.query, match.candidate).scores(vectors)
        if not bounds:
            labels = [names[classes_N[i]] for i in order]
            bounds, groups = _groups(labels)
    if not drawn or any(len(scores) < 2 for scores in drawn.values()):
        return []
    caption = "Cosines between items sorted by class; a perfect model has a bright block diagonal."
    return [Figure("similarities", figures.similarities(drawn, bounds, groups), caption)]


def _groups(labels: Sequence[str], most: int = 24) -> tuple[list[int], list[str]]:
    """Return where groups of classes begin and their names: whole, or their first words if too many."""
    for words in (9, 2, 1):
        keys = [" ".join(label.split()[:words]) for label in labels]
        starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
        if len(starts) <= most:
            break
    return starts, [keys[i] for i in starts]


def found(
    match: Match,
    vectors: Vectors,
    samples: Sequence[Sample],
    questions: Sequence[str],
    classes_N: NDArray[np.int64],
    field: str,
) -> tuple[list[Figure], list[Clip]]:
    """Return frames and players of the videos retrieved by some texts or recordings.

    Args:
        match: Text or audio to video.
        vectors: Of the trained model.
        samples: N items.
        questions: Name of each item's query.
        classes_N: Class of each item.
        field: The videos' field.
    """
    scores_NN = match.scores(vectors)
    chosen = np.linspace(0, len(match.rows) - 1, min(QUERIES, len(match.rows))).astype(int)
    answers, clips = [], []
    kind = match.name.partition("_")[0]
    query_name = kind
    for number, query in enumerate(chosen):
        item = match.rows[query]
        best = match.rows[np.argsort(-scores_NN[query], kind="stable")[:ANSWERS]]
        videos = [samples[i].fields[field] for i in best]
        right = [bool(classes_N[i] == classes_N[item]) if classes_N[item] >= 0 else bool(i == item) for i in best]
        answers.append(Answered(f"{query_name}: {questions[item]}", videos, right))
        verdict = "right class" if right[0] else "wrong class"
        caption = f"First answer to {query_name} “{questions[item]}”: {verdict}"
        clips.append(Clip(f"{kind}_{number}_answer", figures.enlarged(videos[0]), caption))
    drawn = figures.retrieved(answers)
    caption = f"Videos retrieved by {query_name}, best from the left; green: same class."
    return [Figure(f"{kind}_to_video", drawn, caption)], clips


@torch.inference_mode()
def attention_maps(model: Model, samples: Sequence[Sample], titles: Sequence[str]) -> list[Figure]:
    """Return attention roll-outs of the aggregation tokens for a few clips.

    Nothing, where an encoder is not one of VATT's: only their tokens are patches at known places.
    """
    if not (hasattr(model.encoders["video"], "grid") and hasattr(model.encoders["audio"], "shape")):
        return []
    shown = []
    for sample, title in zip(samples, titles, strict=True):
        batch = model.prepare([sample], ["video", "audio"]).to(model.device)
        fuser: Any = model.fuser
        shares = {
            name: fuser.rollout(name, model.encode(name, batch))[0].double().cpu().numpy()
            for name in ("video", "audio")
        }
        grid: Any = model.encoders["video"].grid
        frames = grid.join(batch.inputs["video"])[0].cpu().numpy()
        shape: Any = model.encoders["audio"].shape
        intake: Any = model.encoders["audio"].intake  # the waveform, also where patches are those of a spectrogram
        samples_T = intake(sample.fields[model.fields["audio"]]).numpy()
        seconds = float(intake.seconds)
        along_N = shares["audio"].reshape(shape).reshape(shape[0], -1).sum(1)
        shown.append(Attended(title, frames, _heat(shares["video"], grid), samples_T, along_N, seconds))
    caption = (
        "Attention roll-out: how much of each patch of the video (bright) and of each stretch of the audio (orange) "
        "reaches the vector of the clip. It shows where information may flow, not what decided."
    )
    return [Figure("attention", figures.attention(shown), caption)] if shown else []


def _heat(shares_T: NDArray[np.float64], grid: Any) -> NDArray[np.float64]:
    """Return the share of each pixel (frames, H, W), the largest is 1."""
    (time, height, width), (p, q, r) = grid.shape, grid.patch
    heat_THW: NDArray[np.float64] = shares_T.reshape(time, height, width).repeat(p, 0).repeat(q, 1).repeat(r, 2)
    return np.asarray(heat_THW / heat_THW.max())


def described(sample: Sample, text_field: str | None, name: str, seconds: float) -> str:
    """Return a title for an item: its text during the first `seconds`, or its class, or its id."""
    try:
        text = during(sample.fields.get(text_field), seconds) if text_field else None
    except DataError:
        text = None
    if isinstance(text, str):
        return text
    if isinstance(text, tuple | list) and text:
        return "; ".join(each.text if isinstance(each, Cue) else str(each) for each in text)
    return name or sample.id
