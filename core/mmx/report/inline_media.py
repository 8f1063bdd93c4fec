"""Images and players inside a page: embedded up to a limit of size, else linked."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Final, Literal

from mmx.support import run_files

Kind = Literal["image", "audio", "video"]

EMBED_ONE: Final = 4_000_000
"""Bytes of the largest file that is embedded."""
EMBED_ALL: Final = 24_000_000
"""Bytes of all embedded files together."""
KINDS: Final[dict[str, Kind]] = {".png": "image", ".wav": "audio", ".mp4": "video"}
"""Suffix -> what a file of a run's `media/` is."""
_TYPES: Final = {".png": "image/png", ".wav": "audio/wav", ".mp4": "video/mp4"}


def is_own(run: Path, path: Path) -> bool:
    """Return whether a path below a run folder is a plain file there: no link, and below none, may lead elsewhere."""
    return path.is_file() and path.resolve() == run.resolve() / path.relative_to(run)


def own_media(run: Path) -> list[Path]:
    """Return the media of a run folder, which may come from anybody, by name."""
    folder = run / run_files.MEDIA
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.suffix in KINDS and is_own(run, path)]


class Embedder:
    """Writes media into one page, up to a size that a browser opens at once."""

    def __init__(self) -> None:
        self._left = EMBED_ALL

    def tag(self, path: Path, label: str, link: str) -> str:
        """Return the element that shows a file.

        Args:
            path: The file; its suffix is one of `KINDS`.
            label: Description for screen readers.
            link: Its address from the page, for media that are not embedded.
        """
        address, label = self._address(path, link), escape(label, quote=True)
        if KINDS[path.suffix] == "image":
            return f'<img src="{address}" alt="{label}">'
        if KINDS[path.suffix] == "audio":
            return f'<audio controls preload=metadata src="{address}" aria-label="{label}"></audio>'
        return f'<video controls loop preload=auto src="{address}" aria-label="{label}"></video>'

    def _address(self, path: Path, link: str) -> str:
        size = path.stat().st_size
        if size > min(EMBED_ONE, self._left):
            return escape(link, quote=True)
        self._left -= size
        return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
