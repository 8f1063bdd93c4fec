"""Players of a separation: the mixture under all faces, every estimate under its own, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmx import Audio, Clip, Video
from mmx_looking_to_listen.evaluation import figures

if TYPE_CHECKING:
    from mmx_looking_to_listen.evaluation.separation import Separated


def players(row: Separated, number: int, rate: int) -> list[Clip]:
    """Return players: the mixture under all faces, then each voice under its own, and the truth."""
    faces: Sequence[Video] = row.sample.fields.get("faces") or ()
    peak = max(1e-6, float(np.abs(row.mixture_T).max()))
    level = 0.8 / peak

    def audio(samples_T: np.ndarray) -> Audio:
        return Audio((level * samples_T[None]).astype(np.float32), rate)

    def video(chosen: int | None) -> Any:
        return Video(figures.side_by_side(faces, chosen), faces[0].fps) if faces else None

    name = f"mixture_{number}"
    seen = video(None)
    clips = [Clip(name, audio(row.mixture_T) if seen is None else (seen, audio(row.mixture_T)), f"mixture {number}")]
    for voice, (guess_T, truth_T) in enumerate(zip(row.guesses["model"], row.truth_NT, strict=True)):
        shown = video(voice)
        which = f"mixture {number}, voice {voice + 1}"
        ratio = f"{row.ratios['model'][voice]:.1f} dB, before {row.ratios['mixture'][voice]:.1f} dB"
        media = audio(guess_T) if shown is None else (shown, audio(guess_T))
        clips.append(Clip(f"{name}_voice_{voice + 1}", media, f"{which}, as separated: {ratio}"))
        clips.append(Clip(f"{name}_voice_{voice + 1}_truth", audio(truth_T), f"{which}, truth"))
    return clips
