"""A page with the moments that were found: one file, pictures inside, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
