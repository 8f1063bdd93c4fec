"""What a user is told about a recording: a face, its features, and how little they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmx import Audio, Clip, PortError, Prediction
from mmx_speech2face.evaluation.encoding import Names, draw, enlarged, mean_feature
from mmx_speech2face.evaluation.retrieval import angles
from mmx_speech2face.predict.voice_check import check_sound, doubts
from mmx_std import judging

if TYPE_CHECKING:
    from mmx import Model

AVERAGE: Final = (
    "The picture shows an average-looking face of people whose voices have something in common with this one. It is "
    "not the speaker, and identifies nobody."
)


def answer(model: Model, names: Names, audio: Audio, exaggeration: float) -> Prediction:
    """Draw a face for a recording.

    Args:
        model: The model.
        names: What its parts are called.
        audio: Any rate, length and number of channels.
        exaggeration: How far the last picture is moved from the mean face.

    Raises:
        DataError: Nothing to hear: see `check_sound`.
        PortError: The run classifies voices and has no face features.
    """
    if names.told is not None:
        raise PortError("this run was trained to name attributes of voices; it has no face to draw")
    front: Any = getattr(model.encoders[names.voice], "front", None)
    check_sound(audio, *(() if front is None else (front.seconds,)))
    port = f"fused.{names.voice}"
    features = judging.one_input(model, (port,), {model.fields[names.voice]: audio}).fused[names.voice].pooled_BD
    voice_1D = np.asarray(features.double().cpu().numpy())
    mean_D = mean_feature(model, names)
    steps = {
        "face": voice_1D[0],
        "average_face": mean_D,
        "exaggerated_face": mean_D + exaggeration * (voice_1D[0] - mean_D),
    }
    drawn = draw(model, names, np.stack(list(steps.values()))).images_NSSC
    captions = {
        "face": "From the voice. " + AVERAGE,
        "average_face": "The mean of all faces that were learned from.",
        "exaggerated_face": f"From the voice, moved {exaggeration:g} times as far from the average face.",
    }
    pictures = zip(steps, drawn, strict=True)
    row = {
        "seconds": round(audio.seconds, 2),
        "degrees_from_average": float(angles(voice_1D, mean_D[None])[0]),
        "feature_width": voice_1D.shape[1],
    }
    return Prediction(
        [row],
        [Clip(name, enlarged(picture), captions[name]) for name, picture in pictures],
        [AVERAGE, *_notes(model, names, audio)],
        {"features": voice_1D[0].astype(np.float32)},
    )


def _notes(model: Model, names: Names, audio: Audio) -> list[str]:
    notes = doubts(audio)
    front: Any = getattr(model.encoders[names.voice], "front", None)
    if front is not None and audio.seconds < front.seconds:
        notes.append(
            f"The recording has {audio.seconds:.2f} s; it was repeated until {front.seconds:g} s, as in the paper."
        )
    if front is not None and audio.seconds > front.seconds:
        notes.append(f"Of {audio.seconds:.1f} s the first {front.seconds:g} s were heard.")
    if len(audio.samples_CT) > 1:
        notes.append(f"{len(audio.samples_CT)} channels were averaged.")
    return notes
