"""Which code may import which: the rooms of the core and their levels, the layers of packages, the public door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core" / "mmx"
TEMPLATE = CORE / "plugins" / "template"
THIRD_PARTY = ROOT / "tests" / "third_party" / "src"
PACKAGES = sorted(path.name for path in (ROOT / "plugins").glob("mmx_*"))
PAPERS = [name for name in PACKAGES if name not in ("mmx_std", "mmx_worlds")]

CONTRACT = ("errors", "interfaces", "types")
LEVELS: Final[Mapping[str, int]] = {
    "contract": 0,
    "support": 0,
    "data": 1,
    "media": 1,
    "registry": 1,
    "assets": 2,
    "plugins": 2,
    "tracking": 1,
    "config": 3,
    "doctor": 3,
    "report": 2,
    "model": 4,
    "training": 5,
    "runs": 6,
    "door": 8,
    "interactive": 7,
    "sharing": 8,
    "studies": 7,
    "testing": 7,
    "cli": 9,
    "__main__": 10,
}
"""Room -> one more than the highest room that it imports. `contract` is `CONTRACT`; `door` is `mmx/__init__.py`, whose
names are imported at their first use."""
DOORS = ("mmx", "mmx.testing", "mmx_std")
"""Modules whose `__all__` plugins may import from."""
CONVERTERS = {"mmx.assets.converters:state_dict"}
"""Functions of the core that an asset may name as its `convert`."""
IMPORTERS_OF_MLFLOW = {"mmx.tracking.mlflow_client", "mmx.tracking.mlflow_sink"}


def modules(folder: Path, package: str) -> dict[str, Path]:
    """Return module -> file."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        if folder == TEMPLATE or not path.is_relative_to(TEMPLATE):
            found[".".join([package, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__")] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name ("" for the module itself) of every import: at the top, in functions, for type checking."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"{path}:{node.lineno}: a relative import"
            yield from ((node.module, each.name) for each in node.names)


def targets(path: Path) -> Iterator[str]:
    """Yield `module:attribute` strings."""
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"mmx[\w.]*:\w+", node.value)
        ):
            yield node.value


MODULES = modules(CORE, "mmx")


def room(module: str) -> str:
    """Return the room of a module of the core."""
    first = module.partition(".")[2].partition(".")[0]
    return "contract" if first in CONTRACT else first or "door"


def used(path: Path) -> set[str]:
    """Return the modules of the core that a file imports."""
    each = {f"{module}.{name}" if f"{module}.{name}" in MODULES else module for module, name in imports(path)}
    return each & set(MODULES)


def rooms() -> dict[str, set[str]]:
    """Return room -> the other rooms that it imports."""
    graph: dict[str, set[str]] = {room(module): set() for module in MODULES}
    for module, path in MODULES.items():
        graph[room(module)] |= {room(other) for other in used(path)} - {room(module)}
    return graph


def levels(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Return room -> level, without the rooms that are in a cycle or above one."""
    found: dict[str, int] = {}
    while ready := [name for name in graph if name not in found and graph[name] <= found.keys()]:
        found |= {name: max((found[other] + 1 for other in graph[name]), default=0) for name in ready}
    return found


def test_levels_leave_out_a_cycle() -> None:
    assert levels({"a": set(), "b": {"a"}, "c": {"b", "a"}}) == {"a": 0, "b": 1, "c": 2}
    assert levels({"a": set(), "b": {"a", "c"}, "c": {"b"}, "d": {"c"}}) == {"a": 0}


def test_rooms_import_only_rooms_below_them() -> None:
    graph = rooms()
    upwards = {
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in others
        if LEVELS.get(name, 0) <= LEVELS.get(other, 0)
    }
    assert sorted(upwards) == [], "a cycle, or a room that moved: see LEVELS"
    assert levels(graph) == LEVELS


@pytest.mark.parametrize("name", sorted(path.parent.name for path in CORE.glob("*/__init__.py")))
def test_a_room_names_the_modules_that_other_rooms_use(name: str) -> None:
    if name in ("cli", "testing"):
        return  # their `__init__` is the surface: the entry point, and a door
    told = ast.get_docstring(tree(CORE / name / "__init__.py")) or ""
    assert len(told.splitlines()) <= 3
    surface = set(re.findall(r"\w+", told.partition("Surface: ")[2]))
    outside = {other for module, path in MODULES.items() if room(module) != name for other in used(path)}
    outside |= {target.partition(":")[0] for target in CONVERTERS}
    assert {f"mmx.{name}.{module}" for module in surface} == {
        each for each in outside if each.startswith(f"mmx.{name}.")
    }


def packages_of(path: Path) -> set[str]:
    return {module.partition(".")[0] for module, _ in imports(path)}


def test_layers_of_packages() -> None:
    """Core <- mmx_std <- worlds and papers, which never import each other."""
    below = {"mmx": set(), "mmx_std": {"mmx"}} | {name: {"mmx", "mmx_std"} for name in PACKAGES if name != "mmx_std"}
    wrong = [
        f"{module} -> {other}"
        for package, allowed in below.items()
        for module, path in (MODULES if package == "mmx" else modules(ROOT / "plugins" / package, package)).items()
        for other in packages_of(path)
        if re.fullmatch(r"mmx(_\w+)?", other) and other not in {package, *allowed}
    ]
    assert wrong == []


def test_only_tracking_imports_mlflow() -> None:
    every = {**MODULES}
    for package in PACKAGES:
        every |= modules(ROOT / "plugins" / package, package)
    assert {module for module, path in every.items() if "mlflow" in packages_of(path)} == IMPORTERS_OF_MLFLOW


def plugins() -> Iterator[tuple[str, Path]]:
    """Yield package and file of every plugin: ours, somebody else's, and those that `mmx new` writes."""
    for folder in [ROOT / "plugins" / name for name in PACKAGES] + sorted(THIRD_PARTY.glob("mmx_*")):
        yield from ((folder.name, path) for path in sorted(folder.rglob("*.py")))
    yield from (("mmx_my_plugin", path) for path in sorted(TEMPLATE.rglob("*.py")))


def beside_the_door(package: str, path: Path) -> Iterator[str]:
    """Yield what a file of a plugin uses of mmx, of the standard library or of another plugin without their promise."""
    library = set()
    for module, name in imports(path):
        top = module.partition(".")[0]
        if top == package or not re.fullmatch(r"mmx(_\w+)?", top):
            continue
        if module not in DOORS or name not in import_module(module).__all__:
            yield f"{module} {name}".strip()
        elif module == "mmx_std":
            library.add(name)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and ast.unparse(node.value) in library:
            yield ast.unparse(node)
    for target in targets(path):
        if re.split("[.:]", target)[0] != package and target not in CONVERTERS:
            yield target


def test_plugins_come_through_the_public_door() -> None:
    files = list(plugins())
    assert {package for package, _ in files} >= {"mmx_std", "mmx_soundnet", "mmx_drum", "mmx_my_plugin"}
    wrong = [f"{path.relative_to(ROOT)}: {each}" for package, path in files for each in beside_the_door(package, path)]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from mmx import Card\nfrom mmx_a.model import x\nimport torch", []),
        ("from mmx.types import Card", ["mmx.types Card"]),
        ("import mmx", ["mmx"]),
        ("def f():\n    from mmx import _HOME", ["mmx _HOME"]),
        ("from mmx_std.ops.ports import read", ["mmx_std.ops.ports read"]),
        ("from mmx_std import ports\nports.read()\nports._read()", ["ports._read"]),
        ("from mmx_b import CARD", ["mmx_b CARD"]),
        ("x = 'mmx_b.model:Tower'\ny = 'mmx_a.model:Tower'", ["mmx_b.model:Tower"]),
    ],
)
def test_what_is_beside_the_door(source: str, found: list[str], tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert list(beside_the_door("mmx_a", path)) == found
