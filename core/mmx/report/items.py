"""Media of the judged items in aligned rows: what belongs to one item stands side by side.

The key says what belongs together: `voice_0` and `face_0` are two media of item 0; `mixture_1`, `mixture_1_voice_1` and
`mixture_1_voice_1_truth` are three of mixture 1, and the figure `spectrograms_1` is one of it, too. A key without a
number belongs to no item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Final

from mmx.report.inline_media import Embedder, Kind
from mmx.support import run_files

OPEN_ROWS: Final = 3
"""Items whose media are seen at once; the others are folded."""
OPEN_WIDE: Final = 2
"""The same where an item has a figure over the whole width."""
OPEN_MEDIA: Final = 6
"""The same where every item has one medium."""
OPEN_FIGURES: Final = 4
"""Figures that are seen at once; one over the whole width counts twice."""
_COLUMNS: Final = 4
_WHOLE: Final = 5
"""Media that still stand in one row: two voices beside their truths and the mixture."""
_NUMBERED: Final = re.compile(r"(?P<name>.+?)_(?P<number>\d+)(?:_(?P<rest>.+))?")


@dataclass(frozen=True, slots=True)
class Shown:
    """A written image or clip.

    Attributes:
        kind: How it is shown.
        path: Its file.
        key: Its key, which says what item it belongs to.
        caption: One sentence.
        seconds: Length of audio or video; None for images.
        figure: Whether it is one of the report's figures, not of its clips.
        wide: Whether it takes a whole row: in a column its words could not be read.
    """

    kind: Kind
    path: Path
    key: str
    caption: str
    seconds: float | None = None
    figure: bool = False
    wide: bool = False


def of_an_item(key: str) -> bool:
    """Return whether a key names an item."""
    return _NUMBERED.fullmatch(key) is not None


def grouped(shown: Sequence[Shown]) -> tuple[list[Mapping[str, Shown]], list[Shown]]:
    """Return one mapping (role -> medium) per item, and the media that belong to none."""
    places = {item.key: _NUMBERED.fullmatch(item.key) for item in shown}
    several = {(place["name"], place["number"]) for place in places.values() if place and place["rest"]}
    groups: dict[tuple[str, str], dict[str, Shown]] = {}
    rest: list[Shown] = []
    for item in shown:
        place = places[item.key]
        if place is None:
            rest.append(item)
            continue
        name, number = place["name"], place["number"]
        alike = [each for each in several if each[1] == number]
        own = (name, number) if (name, number) in several else ("", number)
        if item.figure and len(alike) == 1:
            own = alike[0]
        group = groups.setdefault(own, {})
        role = place["rest"] or name
        if role in group:
            rest.append(item)
        else:
            group[role] = item
    return list(groups.values()), rest


def rows(groups: Sequence[Mapping[str, Shown]], embedder: Embedder) -> str:
    """Return the items as rows of media; of a role that an item lacks the place stays empty."""
    roles = list(dict.fromkeys(role for group in groups for role in group))
    if all(len(group) == 1 for group in groups):
        parts = [figure(item, embedder) for group in groups for item in group.values()]
        return _folded(parts, OPEN_MEDIA, _in_grid)
    parts = []
    for group in groups:
        own = roles if any(role in group for role in roles[:1]) else list(group)
        cells = [figure(group[role], embedder) if role in group else "<div></div>" for role in own]
        narrow = sum(role not in group or not group[role].wide for role in own)
        columns = narrow if 0 < narrow <= _WHOLE else min(len(own), _COLUMNS)
        parts.append(f'<div class=item style="--columns: {columns}">{"".join(cells)}</div>')
    wide = any(item.wide for group in groups for item in group.values())
    return _folded(parts, OPEN_WIDE if wide else OPEN_ROWS, "".join)


def grid(shown: Sequence[Shown], embedder: Embedder, limit: int | None = None, link: str = run_files.MEDIA) -> str:
    """Return media in columns, those behind the first `limit` folded; `link`: their folder, from the page."""
    parts = [figure(item, embedder, link) for item in shown]
    return _folded(parts, len(parts) if limit is None else limit, _in_grid) if parts else ""


def opened(figures: Sequence[Shown]) -> int:
    """Return how many of the figures are seen at once, one at least."""
    places = accumulate(1 + item.wide for item in figures)
    return max(1, sum(place <= OPEN_FIGURES for place in places))


def _in_grid(parts: Sequence[str]) -> str:
    return f"<div class=grid>{''.join(parts)}</div>"


def _folded(parts: Sequence[str], shown: int, join: Callable[[Sequence[str]], str]) -> str:
    text = join(parts[:shown])
    if len(parts) > shown:
        text += f"<details><summary>{len(parts) - shown} more</summary>{join(parts[shown:])}</details>"
    return text


def figure(item: Shown, embedder: Embedder, link: str = run_files.MEDIA) -> str:
    """Return one medium with its caption; an image can be enlarged, and of audio the length is told."""
    tag = embedder.tag(item.path, item.caption or item.key, f"{link}/{item.path.name}")
    if item.kind == "image":
        tag = f"<button class=zoom title=enlarge>{tag}</button>"
    length = "" if item.seconds is None else f" <small>{duration(item.seconds)}</small>"
    caption = escape(item.caption or item.key.replace("_", " "))
    kind = f"'{item.kind} row'" if item.wide else item.kind
    return f"<figure class={kind}>{tag}<figcaption>{caption}{length}</figcaption></figure>"


def duration(seconds: float) -> str:
    """Return a length of time: "0.35 s", "3.2 s", "2 min 5 s"."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    return f"{seconds:.1f} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
