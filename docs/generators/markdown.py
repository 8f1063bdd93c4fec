"""Small pieces of Markdown: tables, fences, and docstrings in Google style."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\w[\w.]*(?: \([^)]*\))?):[ \n]+(.*?)(?=^\w[\w.]*(?: \([^)]*\))?:|\Z)", re.MULTILINE | re.DOTALL)
_ARROWS = "─▶└│├"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown and may hold line breaks."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return inline code that is safe inside a table, also with a vertical bar in it."""
    if not text:
        return ""
    if "|" not in text:
        return f"`{text}`"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return f"<code>{escaped}</code>"


def cell(text: str) -> str:
    """Return plain text for a table cell."""
    return text.replace("|", "&#124;")


def fence(text: str, language: str = "text") -> str:
    """Return a fenced block without trailing blanks."""
    return f"```{language}\n" + "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n```\n"


def docstring(text: str) -> str:
    """Return a Google-style docstring as Markdown: sections become lists, drawings become fences."""
    clean = inspect.cleandoc(text) + "\n"
    parts: list[str] = []
    end = 0
    for found in _SECTION.finditer(clean):
        parts += [_prose(clean[end : found.start()]), _section(found[1], found[2])]
        end = found.end()
    parts.append(_prose(clean[end:]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, body: str) -> str:
    lines = inspect.cleandoc("\n" + body)
    items = _ITEM.findall(lines + "\n")
    if not items or title in ("Returns", "Yields"):
        return f"{title}: {' '.join(lines.split())}"
    return f"{title}:\n\n" + "\n".join(f"- `{name}`: {' '.join(meaning.split())}" for name, meaning in items)


def _prose(text: str) -> str:
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    return "\n\n".join(_block(block) for block in blocks if block.strip())


def _block(block: str) -> str:
    drawn = any(character in block for character in _ARROWS)
    if drawn or all(line.startswith("    ") for line in block.splitlines()):
        return fence(inspect.cleandoc("\n" + block)).rstrip()
    return block
