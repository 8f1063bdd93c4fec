"""Figures of the report: frames and subtitles over time, with the true and the retrieved moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmx import Cue, DataError, Figure, Sample, Video
from mmx_std import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from mmx import Model
    from mmx_hero.evaluation.reading import Read
    from mmx_hero.evaluation.task import Moments
    from mmx_std import spans

FRAMES: Final = 12
"""Most frames of a strip."""
SHOWN: Final = 4
_TRUE, _FOUND = "#2a9d8f", "#e76f51"


def report(
    task: Moments, known: Sequence[Sample], ranks: spans.Ranks, found: Read, texts: Sequence[str], model: Model
) -> list[Figure]:
    """Return strips of some queries, half of them retrieved at rank 1, half not."""
    field = model.fields[task.names.frames]
    hits = [i for i in range(len(ranks.vr)) if ranks.vcmr[0.7][i] == 1]
    misses = [i for i in range(len(ranks.vr)) if ranks.vcmr[0.7][i] > 1]
    chosen = [*spread(hits, SHOWN // 2), *spread(misses, SHOWN - SHOWN // 2)]
    figures = []
    for number, index in enumerate(chosen):
        owner, best = int(found.owner_N[index]), ranks.found[index]
        mine = [place for place in range(len(best.videos_P)) if best.videos_P[place] == owner]
        guess = best.spans_P2[mine[0]] if mine else None
        row = found.query_rows_NR[index].numpy()
        sample = known[owner]
        try:
            video = sample.fields[field]
        except DataError:
            continue
        if not isinstance(video, Video):
            continue
        cues = sample.fields.get(model.fields[task.names.subtitles]) or ()
        place = ranks.vcmr[0.7][index]
        verdict = f"retrieved at rank {place:.0f} of all moments" if np.isfinite(place) else "not retrieved"
        drawn = strip(video, cues, (float(row[0]), float(row[1])), guess)
        figures.append(Figure(f"moment_{number}", drawn, f'"{texts[index]}": {verdict}. {sample.id}.'))
    return figures


def strip(video: Video, cues: Sequence[Cue], true: tuple[float, float] | None, guess: Any) -> Canvas:
    """Return frames over time, subtitles below, and bars for the true and the retrieved moment."""
    canvas = plots.canvas(11, 2.6)
    axes = canvas.add_subplot()
    total = max(video.seconds, 0.1)
    count = min(FRAMES, len(video.frames_THWC))
    width = total / count
    for place in range(count):
        frame = video.frames_THWC[int((place + 0.5) / count * len(video.frames_THWC))]
        axes.imshow(frame, extent=(place * width, (place + 1) * width, 0, 1), aspect="auto")
    for cue in (cue for cue in cues if cue.start < total):
        axes.plot([cue.start, min(cue.end, total)], [-0.14, -0.14], color="#444", linewidth=2)
        axes.text(cue.start, -0.22, fitted(cue.text, (cue.end - cue.start) / total), fontsize=6, va="top")
    for span, height, colour, label in ((true, 1.08, _TRUE, "true"), (guess, 1.2, _FOUND, "retrieved")):
        if span is not None:
            axes.plot(
                [span[0], span[1]], [height, height], color=colour, linewidth=5, label=label, solid_capstyle="butt"
            )
    axes.set_xlim(0, total)
    axes.set_ylim(-0.6, 1.3)
    axes.set_yticks([])
    axes.set_xlabel("seconds")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return canvas


def fitted(text: str, share: float) -> str:
    """Return a subtitle broken into at most three lines of what fits its share of the figure's width."""
    most = max(8, int(share * 150))
    lines: list[str] = []
    for word in text.replace("$", r"\$").split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines[:3])


def spread(items: Sequence[int], count: int) -> list[int]:
    """Return `count` items evenly spread over a list."""
    if not items or count < 1:
        return []
    return [items[int(i)] for i in sorted({round(x) for x in np.linspace(0, len(items) - 1, min(count, len(items)))})]
