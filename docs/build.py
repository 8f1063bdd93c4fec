"""Fills the generated blocks of the documentation from the code, and the pages of the papers from their folders.

    python docs/build.py            write
    python docs/build.py --check    write nothing; exit with 1 and the names of stale pages if there are any
    python docs/build.py --adopt RUN_FOLDER    keep a run's report.json as the result that is shown, then write

A generated block stands between `<!-- generated: NAME ... -->` and `<!-- end -->`; the name is a key of `BLOCKS`, and
what follows it is handed over (the commands of a terminal session, one per line). Everything outside is written by
people. A page of a paper is written whole, and so are the pages collected from its folder.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS))

from generators import code, collected, command_line, components, papers, registry_file, saved, wiring  # noqa: E402

BLOCKS: dict[str, Callable[[str], str]] = {
    "assets": lambda _: components.assets(),
    "commands": lambda _: command_line.commands(),
    "commands summary": lambda _: command_line.summary(),
    "components": lambda _: components.components(),
    "decisions": collected.decisions,
    "errors": lambda _: code.errors(),
    "headline": papers.headline,
    "hooks": lambda _: code.hooks(),
    "hooks asset": lambda _: code.asset(),
    "hooks check": lambda _: code.check(),
    "hooks commands": lambda _: code.commands(),
    "hooks registrar": lambda _: code.registrar(),
    "interfaces": lambda _: code.interfaces(),
    "model": lambda _: code.model(),
    "papers": papers.overview,
    "papers in short": papers.brief,
    "registry file": lambda _: registry_file.schema(),
    "report values": lambda _: code.report_values(),
    "result": papers.result,
    "session": lambda text: command_line.session(*text.splitlines()),
    "values": lambda _: code.values(),
}
"""Name of a block -> what fills it, given the rest of the opening comment."""

_BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[a-z ]+?)(?P<rest> : [^>]*?|\n[^>]*?)?\s*-->\n).*?(<!-- end -->)", re.DOTALL
)


def fill(text: str) -> str:
    """Return a page with its generated blocks made anew.

    Raises:
        KeyError: A block has a name that nothing fills.
    """

    def block(found: re.Match[str]) -> str:
        rest = (found["rest"] or "").strip().removeprefix(":").strip()
        return f"{found[1]}\n{BLOCKS[found['name']](rest).strip()}\n\n{found[4]}"

    return _BLOCK.sub(block, text)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated or partly generated page with the content that it should have."""
    written = papers.pages()
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))):
        if path.parent == DOCS / "papers" and path.name in written:
            continue
        text = path.read_text(encoding="utf-8")
        if "<!-- generated: " in text:
            yield path, fill(text)
    for name, content in written.items():
        yield DOCS / "papers" / name, content
    yield wiring.REGISTRY, wiring.filled(wiring.REGISTRY.read_text(encoding="utf-8"))


def adopt(run: Path) -> Path:
    """Copy a run's report to where pages show it from, and return that place."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    target = saved.place(report["experiment"], report["preset"])
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(run / "report.json", target)
    return target


def main() -> int:
    """Write, or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Fill the generated blocks of the documentation.")
    parser.add_argument("--check", action="store_true", help="Write nothing; fail if a page is stale.")
    parser.add_argument("--adopt", type=Path, metavar="RUN_FOLDER", help="Show this run's report.json from now on.")
    arguments = parser.parse_args()
    if arguments.adopt is not None:
        print(f"kept {adopt(arguments.adopt).relative_to(ROOT)}")
    stale = [(path, text) for path, text in pages() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
        print(f"{'stale' if arguments.check else 'wrote'} {path.relative_to(ROOT)}")
    if stale and arguments.check:
        print("run: python docs/build.py", file=sys.stderr)
    return int(bool(stale and arguments.check))


if __name__ == "__main__":
    raise SystemExit(main())
