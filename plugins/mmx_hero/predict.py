"""Finding a moment in a folder of somebody's own films with their subtitles.

A film of any length is read in pieces, seen one frame per period, and understood in overlapping windows as long as the
model knows. What was understood is kept by the content of the film and of its subtitles.
Shape legend: P windows, T frames of a window, N frames of a film, D width of features, W width.
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
from mmx_hero.evaluation.spans import Found, Rules, search, thinned
from mmx_hero.model.frames import Clips
from mmx_hero.objective.ranking import similarity
from mmx_std import file_library, tokenizers

if TYPE_CHECKING:
    from mmx import Model


HEIGHT: Final = 120
"""Height of a picture on the page, in pixels."""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "section{border-top:1px solid #ccc;padding:.7rem 0}img{margin:.2rem .3rem .2rem 0;border-radius:4px}"
    "h2{font-size:1rem;margin:.2rem 0}small,.notes{color:#666}"
)


@dataclass(frozen=True)
class Moment:
    """A stretch of a film that was found.

    Attributes:
        file: The film.
        start: Where it begins, in seconds.
        end: Where it ends.
        score: Its share of the scores of all moments that came into question.
        similarity: Cosine of the query with its surroundings.
    """

    file: Path
    start: float
    end: float
    score: float
    similarity: float


def page(
    query: str, moments: Sequence[tuple[Moment, Sequence[NDArray[Any]]]], folder: Path, notes: Sequence[str]
) -> str:
    """Return the page.

    Args:
        query: What was looked for.
        moments: Moments, best first, with some of their frames.
        folder: Names of files are told from here.
        notes: Sentences at the end.
    """
    sections = [_section(place + 1, moment, frames, folder) for place, (moment, frames) in enumerate(moments)]
    told = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    title = html.escape(query)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(sections) or '<p>Nothing was found.</p>'}"
        f'<ul class="notes">{told}</ul></body></html>'
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
    pictures = "".join(_picture(frame) for frame in frames)
    when = f"{clock(moment.start)} to {clock(moment.end)}, score {moment.score:.3g}"
    return f"<section><h2>{place}. {html.escape(str(name))} <small>{when}</small></h2>{pictures}</section>"


def _picture(pixels_HWC: NDArray[np.uint8]) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels_HWC)
    picture = picture.resize((max(1, round(picture.width * HEIGHT / picture.height)), HEIGHT))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=80)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}">'


PIECE: Final = 64
"""Frames that are in memory as pictures at once."""
WINDOWS: Final = 32
"""Windows that are understood at once."""
SHOWN: Final = 10
"""Moments that are told."""
PICTURED: Final = 5
"""Moments whose frames are on the page."""
FOR_FILMS: Final = (
    "Scores compare moments of one query with each other. A model knows only what it was trained on: a film of another "
    "kind gets an answer too, and it means nothing."
)


def answer(model: Model, query: str, folder: Path, names: Names, localiser: str, rules: Rules) -> Prediction:
    """Return the best moments for a query among the films of a folder.

    Raises:
        DataError: No film in it can be read, or the model sees features that only its author can make.
    """
    films, problems = understood(model, folder, names, rules)
    vector_W, unknown = asked(model, query, names)
    found, offsets = _windows(films)
    head: Any = model.heads[localiser]
    clips_PTW, mask_PT = found
    with torch.inference_mode():
        cosine_P = similarity(vector_W[None], clips_PTW, mask_PT)[0]
        start_1PT, end_1PT = head.across(vector_W[None], clips_PTW, mask_PT)
    lengths_P = mask_PT.sum(1) * rules.period
    best = search(cosine_P, start_1PT[0], end_1PT[0], lengths_P, rules)
    moments = _placed(best, offsets, films, rules, cosine_P)
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
    notes = [f"{len(films.files)} films searched, {films.cached} of them from the index."]
    notes += [f"the model does not know: {', '.join(unknown)}"] if unknown else []
    notes += [f"skipped: {line}" for line in films.skipped] + problems + [FOR_FILMS]
    shown = [(moment, _pictures(moment)) for moment in moments[:PICTURED]]
    return Prediction(rows, notes=tuple(notes), pages={"moments.html": page(query, shown, folder, notes)})


def understood(model: Model, folder: Path, names: Names, rules: Rules) -> tuple[file_library.Library, list[str]]:
    """Return the windows of all films below a folder, from the index where they are there, and odd subtitles.

    Raises:
        DataError: No film in it can be read, or the model sees features that only its author can make.
    """
    encoder = model.encoders[names.frames]
    if not isinstance(encoder, Clips):
        raise DataError("this model sees features made elsewhere (hero/precomputed); it cannot look at films itself")

    def key(path: Path) -> str:
        subtitles = subtitles_beside(path)
        both = file_library.content_hash(path) + (file_library.content_hash(subtitles) if subtitles else "")
        return hashlib.sha256(both.encode()).hexdigest()[:32]

    def make(path: Path) -> Mapping[str, NDArray[Any]]:
        return windows_of(model, path, spoken(path)[0], names, rules)

    place = file_library.place_of("hero", model, names, rules.period)
    library = file_library.open_library(folder, place, make, suffixes=MEDIA_SUFFIXES["video"], content="films", key=key)
    # Of films from the index too: what is wrong with subtitles is true at every search.
    return library, [problem for path in library.files if (problem := spoken(path)[1])]


def spoken(path: Path) -> tuple[tuple[Cue, ...], str]:
    """Return the subtitles beside a film, and what is wrong where they cannot be read."""
    subtitles = subtitles_beside(path)
    if subtitles is None:
        return (), ""
    try:
        return read_cues(subtitles), ""
    except DataError as error:
        return (), f"searched without subtitles: {error}"


def windows_of(model: Model, path: Path, cues: Sequence[Cue], names: Names, rules: Rules) -> Mapping[str, NDArray[Any]]:
    """Return a film's windows: `clips` (P, T, W), `mask` (P, T), `starts` (P,) in seconds.

    Raises:
        DataError: The film cannot be read.
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
            seen = model(batch, [f"fused.{names.clips}"]).fused[names.clips]
        tokens: Any = seen.tokens_BTD
        clips.append(tokens.cpu().numpy())
        masks.append(mask_PT.numpy())
    starts = np.array(firsts, dtype=np.float64) * rules.period
    return {"clips": np.concatenate(clips), "mask": np.concatenate(masks), "starts": starts}


def frames_of(encoder: Clips, path: Path, device: torch.device) -> Tensor:
    """Return features (N, D) of a film's frames, one per period, a few pictures in memory at a time.

    Raises:
        DataError: The film cannot be read.
    """
    period = encoder.period
    seconds = video_seconds(path)
    count = max(1, int(np.ceil(seconds / period - 1e-6)))
    found: list[Tensor] = []
    for first in range(0, count, PIECE):
        number = min(PIECE, count - first)
        # The middle of each period; of a film that is shorter than that, its beginning.
        start = (first + 0.5) * period if count > 1 else 0.0
        try:
            video = read_video(path, fps=1 / period, start=start, seconds=number * period)
        except DataError:
            if not found:  # the last period may hold no frame of its own; a film must hold one
                video = read_video(path, fps=1 / period, start=0.0, seconds=period)
            else:
                break
        found.append(_encoded(encoder, video.frames_THWC[:number], device))
    rest = seconds - (count - 1) * period
    if count > 1 and rest <= period / 2 and sum(map(len, found)) == count - 1:
        # Of the last period there is less than half: what there is of it has a middle too.
        video = read_video(path, fps=1 / period, start=(count - 1) * period + rest / 2, seconds=rest)
        found.append(_encoded(encoder, video.frames_THWC[:1], device))
    return torch.cat(found)


def _encoded(encoder: Clips, frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    pictures = torch.stack([encoder.image.prepare(frame) for frame in frames])
    with torch.inference_mode():
        return encoder.image(pictures.to(device)).pooled_BD.float().cpu()


def asked(model: Model, query: str, names: Names) -> tuple[Tensor, list[str]]:
    """Return the vector of a query (W,), and its words that the model does not know."""
    field = model.fields[names.queries]
    batch: Batch = model.prepare([Sample("query", {field: (Cue(0.0, 1.0, query),)})], [names.queries]).to(model.device)
    tokenizer: Any = model.encoders[names.queries].tokenizer
    words = query.split()
    unknown = [word for word in words if tokenizer.encode(word.strip(".,;:!?\"'")).tolist() == [tokenizers.UNKNOWN]]
    fuser_of(model)
    with torch.inference_mode():
        tokens: Any = model(batch, [f"fused.{names.query}"]).fused[names.query].tokens_BTD
    vector: Tensor = tokens[0, 0]
    return vector, unknown


def _windows(films: file_library.Library) -> tuple[tuple[Tensor, Tensor], list[tuple[int, float]]]:
    """Return all windows, and the film and first second of each."""
    clips = torch.from_numpy(np.concatenate([entry["clips"] for entry in films.entries]))
    mask = torch.from_numpy(np.concatenate([entry["mask"] for entry in films.entries]))
    offsets = [(number, float(start)) for number, entry in enumerate(films.entries) for start in entry["starts"]]
    return (clips, mask), offsets


def _placed(
    best: Found, offsets: Sequence[tuple[int, float]], films: file_library.Library, rules: Rules, cosine_P: Tensor
) -> list[Moment]:
    """Return moments with times of their films; of what two windows share, once.

    A score is the moment's share of the scores of all moments that came into question.
    """
    total = max(float(best.scores_P.sum()), 1e-30)
    film_P = np.array([offsets[int(place)][0] for place in best.videos_P], dtype=np.int64)
    shift_P = np.array([offsets[int(place)][1] for place in best.videos_P])
    spans_P2 = best.spans_P2 + shift_P[:, None] if len(film_P) else best.spans_P2
    keep = thinned(film_P, spans_P2, rules.overlap, SHOWN)
    return [
        Moment(
            films.files[int(film_P[place])],
            float(spans_P2[place, 0]),
            float(spans_P2[place, 1]),
            float(best.scores_P[place]) / total,
            float(cosine_P[int(best.videos_P[place])]),
        )
        for place in keep
    ]


def _pictures(moment: Moment) -> list[NDArray[np.uint8]]:
    """Return a few small frames of a moment; none where the film cannot be read any more."""
    length = max(moment.end - moment.start, 0.1)
    try:
        video = read_video(moment.file, fps=4 / length, start=moment.start, seconds=length)
    except DataError:
        return []
    return list(video.frames_THWC[:4])
