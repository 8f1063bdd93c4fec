"""A new plugin package from the files in `template/`: a complete, working plugin under another name.

The files are plain text with stand-ins. `my_plugin` is the plugin's name wherever it occurs, in file names too, and
`my-plugin` the same with dashes; AUTHOR_NAME, LICENCE_ID, MMX_VERSION, PLUGIN_SUMMARY and YEAR are values. What is in
`template/common` goes into every package, beside it what is in the folders of its kind (`FOLDERS`).
"""

from __future__ import annotations

import keyword
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmx.errors import UserError

KINDS: Final[Mapping[str, str]] = {
    "paper": "Match signals with images of the same thing, from their pairing alone",
    "component": "Classify the colour of a shape from its signal with a new encoder",
    "corpus": "Tell slow beats from fast ones in noisy signals",
}
"""Kind of package -> what it does before its author edits a line."""
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "paper": ("common", "signals", "paper"),
    "component": ("common", "signals", "component"),
    "corpus": ("common", "corpus"),
}
"""Kind of package -> the folders of `template/` that it is made of."""
LICENCES: Final[Mapping[str, str]] = {
    "Apache-2.0": "Apache-2.0",
    "MIT": "MIT",
    "BSD-3-Clause": "BSD-3-Clause",
    "none": "LicenseRef-Proprietary",
}
"""What `--licence` takes -> its SPDX expression; `none` keeps all rights."""
RESERVED: Final = frozenset(("mmx", "std", "worlds", "user", "test", "tests", "my_plugin"))
"""Names that belong to mmx or mean something else where a plugin's name may stand."""
MAX_NAME: Final = 24

_TEMPLATE: Final = Path(__file__).with_name("template")
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_STAND_IN = re.compile(r"my_plugin|my-plugin|AUTHOR_NAME|LICENCE_ID|MMX_VERSION|PLUGIN_SUMMARY|YEAR")
_RENAMED: Final = {"gitignore": ".gitignore"}
"""Files that would act on the template itself under the name they get."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a new package is about.

    Attributes:
        name: The plugin's name: entry point, prefix of its components, name of its experiment.
        kind: One of `KINDS`.
        licence: One of `LICENCES`.
        author: Who holds the copyright; empty stands for the authors of the package.
        year: Year of the copyright.
        version: The oldest mmx that it works with.
    """

    name: str
    kind: str
    licence: str
    author: str
    year: int
    version: str

    def values(self) -> dict[str, str]:
        """Return stand-in -> value."""
        dashed = self.name.replace("_", "-")
        return {
            "my_plugin": self.name,
            "my-plugin": dashed,
            "AUTHOR_NAME": self.author or f"The authors of mmx-{dashed}",
            "LICENCE_ID": LICENCES[self.licence],
            "MMX_VERSION": self.version,
            "PLUGIN_SUMMARY": KINDS[self.kind],
            "YEAR": str(self.year),
        }


def check_name(name: str, plugins: Mapping[str, str], experiments: Iterable[str], modules: Iterable[str] = ()) -> None:
    """Raise unless a new plugin may have this name.

    Args:
        name: What the user wants.
        plugins: Names of the plugins that are there -> their distributions.
        experiments: Names of the experiments that are there.
        modules: Import names that are taken.

    Raises:
        UserError: It cannot, with a name that can where one is near.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise UserError(
            f"{name[:80]!r} cannot be the name of a plugin: up to {MAX_NAME} of a-z, 0-9 and single _, beginning with "
            f"a letter{_suggestion(name)}"
        )
    if name.startswith("mmx_"):
        raise UserError(f"{name!r}: the package is called mmx_NAME anyway{_suggestion(name)}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"{name!r} is a word of the Python language; try: mmx new {name}_paper")
    if name in RESERVED:
        raise UserError(f"{name!r} is reserved by mmx; try: mmx new my_{name}")
    if name in plugins:
        raise UserError(f"there is a plugin {name!r} already ({plugins[name]}); see: mmx plugins")
    if name in experiments:
        raise UserError(f"there is an experiment {name!r} already; see: mmx show {name}")
    if f"mmx_{name}" in modules:
        raise UserError(f"a module mmx_{name} is installed already; choose another name")


def _suggestion(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").removeprefix("mmx_").lstrip("0123456789_")[:MAX_NAME]
    plain = plain.rstrip("_")
    return f"; try: mmx new {plain}" if _NAME.fullmatch(plain) and plain != name else ""


def write(folder: Path, package: Package) -> list[Path]:
    """Write a package into a new (or empty) folder and return its files; nothing is left behind when that fails.

    Raises:
        UserError: The folder is there and not empty, cannot be written, or the author's name does not fit a line.
    """
    _check_author(package.author)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} is there already; choose another: mmx new {package.name} --folder FOLDER")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
            target = Path(temporary) / folder.name
            files = [_write(target / path, text) for path, text in render(package)]
            target.replace(folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}; try: --folder FOLDER") from error
    return [folder / file.relative_to(target) for file in files]


def render(package: Package) -> Iterator[tuple[str, str]]:
    """Yield the files of a package: path relative to its folder, and text."""
    values = package.values()

    def filled(text: str) -> str:
        return _STAND_IN.sub(lambda match: values[match.group()], text)

    yield "LICENSE", filled(_licence(package.licence))
    for part in FOLDERS[package.kind]:
        for file in sorted((_TEMPLATE / part).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                path = file.relative_to(_TEMPLATE / part)
                path = path.with_name(_RENAMED.get(path.name, path.name))
                yield filled(path.as_posix()), filled(file.read_text(encoding="utf-8"))


def _licence(name: str) -> str:
    return (_TEMPLATE / "licences" / f"{name}.txt").read_text(encoding="utf-8")


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _check_author(author: str) -> None:
    if not author.isprintable() or any(character in author for character in '"\\{}'):
        raise UserError(f"--author {author!r}: a plain name, without quotes, braces and control characters")
    if len(author) > 80:
        raise UserError("--author: at most 80 characters")
