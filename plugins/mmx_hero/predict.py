"""Moment retrieval from a folder of a user's videos with their subtitles.

A video of any length is read in pieces, sampled once per period, and encoded in overlapping windows of the model's
length. Encoded windows are cached by the content of the video and of its subtitles.
Shape legend: P windows, T frames of a window, N frames of a video, D width of features, W width.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmx import (
    MEDIA_SUFFIXES,
    Batch,
    Cue,
    DataError,
    Features,
    Prediction,
    Sample,
    cut_cues,
    read_cues,
    read_video,
    subtitles_beside,
    video_seconds,
)
from mmx_hero.evaluation.reading import Names, fuser_of
from mmx_std import file_library, ranking, spans
from mmx_std import video as video_encoders

if TYPE_CHECKING:
    from mmx import Model


HEIGHT: Final = 120
"""Height of a thumbnail on the page, in pixels."""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "section{border-top:1px solid #ccc;padding:.7rem 0}img{margin:.2rem .3rem .2rem 0;border-radius:4px}"
    "h2{font-size:1rem;margin:.2rem 0}small,.notes{color:#666}"
)


@dataclass(frozen=True)
class Moment:
    """A retrieved stretch of a video.

    Attributes:
        file: The video.
        start: In seconds.
        end: In seconds.
        score: Its share of the scores of all candidate moments.
        similarity: Cosine of the query with its window.
    """

    file: Path
    start: float
    end: float
    score: float
    similarity: float


def page(
    query: str, moments: Sequence[tuple[Moment, Sequence[NDArray[Any]]]], folder: Path, notes: Sequence[str]
) -> str:
    """Return a self-contained HTML page of the retrieved moments; it loads nothing.

    Args:
        query: The query.
        moments: Moments, best first, with some of their frames.
        folder: File names are relative to it.
        notes: Sentences at the end.
    """
    sections = [_section(place + 1, moment, frames, folder) for place, (moment, frames) in enumerate(moments)]
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    title = html.escape(query)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(sections) or '<p>Nothing was found.</p>'}"
        f'<ul class="notes">{listed}</ul></body></html>'
    )


def clock(seconds: float) -> str:
    """Return 3723.5 as `1:02:03.5`."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    whole = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}" if hours else f"{minutes}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{whole}" if hours else whole


def _section(place: int, moment: Moment, frames: Sequence[NDArray[Any]], folder: Path) -> str:
    name = moment.file.relative_to(folder) if moment.file.is_relative_to(folder) else moment.file
    images = "".join(_thumbnail(frame) for frame in frames)
    when = f"{clock(moment.start)} to {clock(moment.end)}, score {moment.score:.3g}"
    return f"<section><h2>{place}. {html.escape(str(name))} <small>{when}</small></h2>{images}</section>"


def _thumbnail(pixels_HWC: NDArray[np.uint8]) -> str:
    from PIL import Image

    image = Image.fromarray(pixels_HWC)
    image = image.resize((max(1, round(image.width * HEIGHT / image.height)), HEIGHT))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}">'


PIECE: Final = 64
"""Frames that are in memory as images at once."""
WINDOWS: Final = 32
"""Windows that are encoded at once."""
SHOWN: Final = 10
"""Moments that are returned."""
ILLUSTRATED: Final = 5
"""Moments whose frames are on the page."""
SCOPE: Final = (
    "Scores compare moments of one query with each other. For videos unlike those of training the results are "
    "meaningless."
)


def answer(model: Model, query: str, folder: Path, names: Names, localiser: str, rules: spans.Rules) -> Prediction:
    """Return the best moments for a query among the videos of a folder.

    Raises:
        DataError: No video in it can be read, or the model needs precomputed features.
    """
    videos, problems = encoded_videos(model, folder, names, rules)
    vector_W = query_vector(model, query, names)
    found, offsets = _windows(videos)
    head: Any = model.heads[localiser]
    clips_PTW, mask_PT = found
    with torch.inference_mode():
        cosine_P = ranking.similarity(vector_W[None], clips_PTW, mask_PT)[0]
        start_1PT, end_1PT = head.across(vector_W[None], clips_PTW, mask_PT)
    lengths_P = mask_PT.sum(1) * rules.period
    best = spans.search(cosine_P, start_1PT[0], end_1PT[0], lengths_P, rules)
    moments = _placed(best, offsets, videos, rules, cosine_P)
    rows = [
        {
            "rank": place + 1,
            "video": str(moment.file.relative_to(folder)),
            "start": round(moment.start, 2),
            "end": round(moment.end, 2),
            "score": round(moment.score, 4),
            "similarity": round(moment.similarity, 3),
        }
        for place, moment in enumerate(moments)
    ]
    notes = [f"{len(videos.files)} videos searched, {videos.cached} of them from the index."]
    notes += [f"skipped: {line}" for line in videos.skipped] + problems + [SCOPE]
    shown = [(moment, _thumbnails(moment)) for moment in moments[:ILLUSTRATED]]
    pages = {"moments.html": page(query, shown, folder, notes)}
    return Prediction(rows, notes=tuple(notes), pages=pages, searched=videos.searched, unread=videos.unread)


def encoded_videos(
    model: Model, folder: Path, names: Names, rules: spans.Rules
) -> tuple[file_library.Library, list[str]]:
    """Return the encoded windows of all videos below a folder, cached ones from the index, and problems with subtitles.

    Raises:
        DataError: No video in it can be read, or the model needs precomputed features.
    """
    encoder = model.encoders[names.frames]
    if not isinstance(encoder, video_encoders.Clips):
        raise DataError("this model needs precomputed features (std/precomputed); it cannot encode videos itself")

    def key(path: Path) -> str:
        subtitles = subtitles_beside(path)
        both = file_library.content_hash(path) + (file_library.content_hash(subtitles) if subtitles else "")
        return hashlib.sha256(both.encode()).hexdigest()[:32]

    def make(path: Path) -> Mapping[str, NDArray[Any]]:
        return windows_of(model, path, subtitles_of(path)[0], names, rules)

    place = file_library.place_of("hero", model, names, rules.period)
    library = file_library.open_library(
        folder, place, make, suffixes=MEDIA_SUFFIXES["video"], content="videos", key=key
    )
    # Also for cached videos: a problem with subtitles concerns every search.
    return library, [problem for path in library.files if (problem := subtitles_of(path)[1])]


def subtitles_of(path: Path) -> tuple[tuple[Cue, ...], str]:
    """Return the subtitles beside a video, and the problem where they cannot be read."""
    subtitles = subtitles_beside(path)
    if subtitles is None:
        return (), ""
    try:
        return read_cues(subtitles), ""
    except DataError as error:
        return (), f"searched without subtitles: {error}"


def windows_of(
    model: Model, path: Path, cues: Sequence[Cue], names: Names, rules: spans.Rules
) -> Mapping[str, NDArray[Any]]:
    """Return a video's windows: `clips` (P, T, W), `mask` (P, T), `starts` (P,) in seconds.

    Raises:
        DataError: The video cannot be read.
    """
    encoder: Any = model.encoders[names.frames]
    x_ND = frames_of(encoder, path, model.device)
    size, hop = encoder.frames, max(1, encoder.frames // 2)
    firsts = list(range(0, max(1, len(x_ND) - size + hop), hop))
    clips, masks = [], []
    for group in range(0, len(firsts), WINDOWS):
        part = firsts[group : group + WINDOWS]
        mask_PT = torch.stack([torch.arange(size) < min(size, len(x_ND) - first) for first in part])
        x_PTD = torch.stack(
            [nn.functional.pad(x_ND[f : f + size], (0, 0, 0, max(0, f + size - len(x_ND)))) for f in part]
        )
        features = Features(x_PTD.mean(1), x_PTD, mask_PT).map(lambda x: x.to(model.device))
        spans = [cut_cues(cues, start=first * rules.period, seconds=size * rules.period) for first in part]
        samples = [
            Sample(f"{path.name}@{first}", {model.fields[names.subtitles]: s})
            for first, s in zip(part, spans, strict=True)
        ]
        batch = model.prepare(samples, [names.subtitles]).to(model.device)
        batch.cached[names.frames] = features
        with torch.inference_mode():
            fused = model(batch, [f"fused.{names.clips}"]).fused[names.clips]
        tokens: Any = fused.tokens_BTD
        clips.append(tokens.cpu().numpy())
        masks.append(mask_PT.numpy())
    starts = np.array(firsts, dtype=np.float64) * rules.period
    return {"clips": np.concatenate(clips), "mask": np.concatenate(masks), "starts": starts}


def frames_of(encoder: video_encoders.Clips, path: Path, device: torch.device) -> Tensor:
    """Return features (N, D) of a video's frames, one per period, a few images in memory at a time.

    Raises:
        DataError: The video cannot be read.
    """
    period = encoder.period
    seconds = video_seconds(path)
    count = max(1, int(np.ceil(seconds / period - 1e-6)))
    found: list[Tensor] = []
    for first in range(0, count, PIECE):
        number = min(PIECE, count - first)
        # The middle of each period; of a video that is shorter than that, its beginning.
        start = (first + 0.5) * period if count > 1 else 0.0
        try:
            video = read_video(path, fps=1 / period, start=start, seconds=number * period)
        except DataError:
            if not found:  # the last period may hold no frame of its own; a video must hold one
                video = read_video(path, fps=1 / period, start=0.0, seconds=period)
            else:
                break
        found.append(_encoded(encoder, video.frames_THWC[:number], device))
    rest = seconds - (count - 1) * period
    if count > 1 and rest <= period / 2 and sum(map(len, found)) == count - 1:
        # Less than half of the last period is left: its frame is the middle of the rest.
        video = read_video(path, fps=1 / period, start=(count - 1) * period + rest / 2, seconds=rest)
        found.append(_encoded(encoder, video.frames_THWC[:1], device))
    return torch.cat(found)


def _encoded(encoder: video_encoders.Clips, frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    images = torch.stack([encoder.image.prepare(frame) for frame in frames])
    with torch.inference_mode():
        return encoder.image(images.to(device)).pooled_BD.float().cpu()


def query_vector(model: Model, query: str, names: Names) -> Tensor:
    """Return the vector of a query (W,)."""
    field = model.fields[names.queries]
    batch: Batch = model.prepare([Sample("query", {field: (Cue(0.0, 1.0, query),)})], [names.queries]).to(model.device)
    fuser_of(model)  # raises for another fuser
    with torch.inference_mode():
        tokens: Any = model(batch, [f"fused.{names.query}"]).fused[names.query].tokens_BTD
    vector: Tensor = tokens[0, 0]
    return vector


def _windows(videos: file_library.Library) -> tuple[tuple[Tensor, Tensor], list[tuple[int, float]]]:
    """Return all windows, and the video and first second of each."""
    clips = torch.from_numpy(np.concatenate([entry["clips"] for entry in videos.entries]))
    mask = torch.from_numpy(np.concatenate([entry["mask"] for entry in videos.entries]))
    offsets = [(number, float(start)) for number, entry in enumerate(videos.entries) for start in entry["starts"]]
    return (clips, mask), offsets


def _placed(
    best: spans.Found,
    offsets: Sequence[tuple[int, float]],
    videos: file_library.Library,
    rules: spans.Rules,
    cosine_P: Tensor,
) -> list[Moment]:
    """Return moments with times of their videos; duplicates of overlapping windows once.

    A score is the moment's share of the scores of all candidate moments.
    """
    total = max(float(best.scores_P.sum()), 1e-30)
    video_P = np.array([offsets[int(place)][0] for place in best.videos_P], dtype=np.int64)
    shift_P = np.array([offsets[int(place)][1] for place in best.videos_P])
    spans_P2 = best.spans_P2 + shift_P[:, None] if len(video_P) else best.spans_P2
    keep = spans.thinned(video_P, spans_P2, rules.overlap, SHOWN)
    return [
        Moment(
            videos.files[int(video_P[place])],
            float(spans_P2[place, 0]),
            float(spans_P2[place, 1]),
            float(best.scores_P[place]) / total,
            float(cosine_P[int(best.videos_P[place])]),
        )
        for place in keep
    ]


def _thumbnails(moment: Moment) -> list[NDArray[np.uint8]]:
    """Return a few small frames of a moment; none where the video cannot be read any more."""
    length = max(moment.end - moment.start, 0.1)
    try:
        video = read_video(moment.file, fps=4 / length, start=moment.start, seconds=length)
    except DataError:
        return []
    return list(video.frames_THWC[:4])
