"""Pages collected from the papers' folders: decisions about one paper, its ablations; and the list of decisions.

Links in the collected files lead from where they stand, so that they work on code hosts too; here they are turned so
that they lead from the page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from generators.saved import DOCS, PLUGINS, folder_of
from mmx.types import Card

PAGES = DOCS / "papers"
MARK = "<!-- Collected by docs/build.py from {source}. Do not edit. -->\n"

_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
_HEADING = re.compile(r"^# (?:(\d+)\. )?(.+)$", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$\n?)", re.MULTILINE | re.DOTALL)


def decisions_of(plugin: str) -> list[Path]:
    """Return the records about one paper alone."""
    return sorted((folder_of(plugin) / "decisions").glob("[0-9]*.md"))


def pages(plugin: str, card: Card) -> Iterator[tuple[str, str]]:
    """Yield file name and content of the pages that a paper's folder gives besides the card's."""
    records = decisions_of(plugin)
    if records:
        lead = f"# Decisions: {card.title}\n\nWhat somebody could question about [it]({plugin}.md), and why it is so.\n"
        source = f"plugins/mmx_{plugin}/decisions/"
        yield f"{plugin}-decisions.md", "\n".join([MARK.format(source=source), lead, *map(_record, records)])
    ablations = folder_of(plugin) / "results" / "ablations.md"
    if ablations.is_file():
        source = f"plugins/mmx_{plugin}/results/ablations.md"
        yield f"{plugin}-ablations.md", f"{MARK.format(source=source)}\n{turned(ablations)}"


def decisions(_: str) -> str:
    """Return the list of decisions: the general ones, then for each paper a line."""
    general = [(*_title(path), path.name) for path in sorted((DOCS / "decisions").glob("[0-9]*.md"))]
    lines = [f"- {number}. [{title}]({name})" for number, title, name in general]
    lines += ["", "Those about one paper stand in its folder:", ""]
    for folder in sorted(PLUGINS.glob("mmx_*/decisions")):
        plugin = folder.parent.name.removeprefix("mmx_")
        told = ", ".join(
            f"[{number}. {title}](../papers/{plugin}-decisions.md#{anchor(f'{number}. {title}')})"
            for number, title in map(_title, decisions_of(plugin))
        )
        lines.append(f"- `{plugin}`: {told}")
    return "\n".join(lines) + "\n"


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as mkdocs and code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-")


def turned(source: Path) -> str:
    """Return a file's text with its links leading from the folder of papers' pages."""

    def link(found: re.Match[str]) -> str:
        path, fragment = found[1], found[2] or ""
        if re.match(r"[a-z]+:", path):
            return found[0]
        return _from_pages((source.parent / path).resolve(), fragment, source)

    text = source.read_text(encoding="utf-8")
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in _FENCE.split(text))


def _from_pages(target: Path, fragment: str, source: Path) -> str:
    """Return a link to a file as seen from the papers' pages, where a collected file is part of one.

    Raises:
        SystemExit: It leads to no file of the documentation.
    """
    if target.is_relative_to(PLUGINS) and target.is_file():
        plugin = target.relative_to(PLUGINS).parts[0].removeprefix("mmx_")
        if target.parent.name == "decisions":
            return f"{plugin}-decisions.md#{anchor('{}. {}'.format(*_title(target)))}"
        if target.name == "ablations.md":
            return f"{plugin}-ablations.md{fragment}"
    if not target.is_relative_to(DOCS):
        raise SystemExit(f"docs/build.py: {source}: {target} is no page of the documentation")
    return Path(os.path.relpath(target, PAGES)).as_posix() + fragment


def _record(path: Path) -> str:
    """Return a record with every heading one level lower."""
    parts = _FENCE.split(turned(path))
    return "".join(part if part.startswith("```") else re.sub(r"^#", "##", part, flags=re.MULTILINE) for part in parts)


def _title(path: Path) -> tuple[str, str]:
    """Return a record's number and title."""
    found = _HEADING.search(path.read_text(encoding="utf-8"))
    if found is None or found[1] is None:
        raise SystemExit(f"docs/build.py: {path.relative_to(DOCS.parent)} must begin with `# NUMBER. Title`")
    return found[1], found[2]
