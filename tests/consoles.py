"""Reads Markdown pages and runs the terminal sessions on them.

A fenced block `console` holds lines `$ command`, each followed by what it prints; `...` stands for any text, also over
lines. `exit=2` after `console` is the exit code of its last command. A comment before a block says what it is:

    <!-- file: NAME -->       the block is written to NAME before what follows
    <!-- append: NAME -->     it is added to NAME
    <!-- not run: REASON -->  its commands are not executed
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import run_server

_FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*?) -->\n\n?)?^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LONGEST = 240


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: the comment before it, what stands behind the fence, and its lines."""

    mark: str
    info: str
    body: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Command and expected output, for a terminal session."""
        if not self.info.startswith("console"):
            return []
        parts = re.split(r"^\$ ", self.body, flags=re.MULTILINE)[1:]
        return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]

    @property
    def code(self) -> int:
        """Exit code of the last command."""
        found = re.search(r"exit=(\d+)", self.info)
        return int(found[1]) if found else 0


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["mark"] or "", found["info"], found["body"])


def play(page: Path, folder: Path, run: Callable[[str, Path], tuple[int, str]] | None = None) -> int:
    """Write the files and run the commands of a page in `folder`, by `run` (default: `shell`); return how many ran."""
    run = run or shell
    ran = 0
    for block in blocks(page):
        kind, _, name = block.mark.partition(": ")
        if kind in ("file", "append"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("w" if kind == "file" else "a", encoding="utf-8") as file:
                file.write(block.body)
        if kind == "not run":
            continue
        for number, (command, expected) in enumerate(block.commands, 1):
            code, printed = run(command, folder)
            assert code == (block.code if number == len(block.commands) else 0), f"{command}: exit {code}\n{printed}"
            assert matches(printed, expected), f"{command}\nexpected:\n{expected}\nprinted:\n{printed}"
            ran += 1
    return ran


def shell(command: str, folder: Path) -> tuple[int, str]:
    """Run a command line with this `mmx` and `python` first on the path; return exit code and output with errors.

    `mmx` runs in a fork of a process that has imported torch already, see `tests.run_server`.
    """
    tools = folder / ".tools"
    if not tools.is_dir():
        tools.mkdir()
        for name, program in (("mmx", run_server.command()), ("python", f'"{sys.executable}"')):
            (tools / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
            (tools / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "MMX_PLUGINS": "", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    return done.returncode, done.stdout


def matches(printed: str, expected: str) -> bool:
    """Return whether the output is what a page shows, `...` standing for anything and blanks for any blanks."""
    if not expected.strip():
        return True
    rest = " ".join(printed.split())
    first, *pieces = (" ".join(piece.split()) for piece in " ".join(expected.split()).split("..."))
    if not pieces:
        return rest == first
    if len(first) + len(pieces[-1]) > len(rest) or not rest.startswith(first) or not rest.endswith(pieces[-1]):
        return False
    rest = rest[len(first) : len(rest) - len(pieces[-1])]
    # In order, each as early as possible: a regular expression would try every way to share out the blanks.
    for piece in pieces[:-1]:
        _, found, rest = rest.partition(piece) if piece else ("", " ", rest)
        if not found:
            return False
    return True
