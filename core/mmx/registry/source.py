"""Python source read as text: the file of a module and the definitions of its names, without importing it."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

MAX_HOPS: Final = 5
"""How many imports and aliases are followed from a name to its definition."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A module as text.

    Attributes:
        module: Import name.
        file: Where it is.
        package: What relative imports in it are relative to.
        names: Top-level name -> the statement that binds it.
    """

    module: str
    file: Path
    package: str
    names: Mapping[str, ast.stmt]

    def constant(self, name: str) -> ast.expr | None:
        """Return what is assigned to `name` at top level (a number, a type alias); None where nothing is."""
        statement = self.names.get(name)
        return statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None


@cache
def read(module: str) -> Source | None:
    """Return the module's source; None where it has no readable Python file."""
    file = find_file(module)
    if file is None:
        return None
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (OSError, SyntaxError, ValueError):
        return None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return Source(module, file, package, dict(_bindings(tree.body)))


def find_file(module: str) -> Path | None:
    """Return the `.py` file of a module, found from package to package; no package on the way is imported."""
    head, *rest = module.split(".")
    try:
        spec: ModuleSpec | None = importlib.util.find_spec(head)
    except ValueError:  # a module without a spec, such as __main__
        return None
    name = head
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def definition(module: str, name: str, hops: int = MAX_HOPS) -> tuple[Source, ast.stmt] | None:
    """Return the source and statement that define `name`, following imports and plain aliases.

    None where there is no such file or name, or a value that is known only when the module runs.
    """
    source = read(module)
    statement = source.names.get(name) if source is not None else None
    if source is None or statement is None:
        return None
    if isinstance(statement, ast.ImportFrom) and hops:
        alias = next(alias for alias in statement.names if (alias.asname or alias.name) == name)
        return definition(imported_module(source, statement), alias.name, hops - 1)
    value = source.constant(name)
    if isinstance(value, ast.Name) and hops:
        return definition(module, value.id, hops - 1) or (source, statement)
    return source, statement


def imported_module(source: Source, statement: ast.ImportFrom) -> str:
    """Return the absolute name of the module that a `from ... import` reads."""
    if not statement.level:
        return statement.module or ""
    parts = source.package.split(".")
    base = parts[: len(parts) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _bindings(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield name and statement in order; the last one counts, as it would when the module runs."""
    for statement in statements:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield statement.name, statement
            case ast.Assign():
                yield from ((target.id, statement) for target in statement.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, statement
            case ast.ImportFrom():
                yield from ((alias.asname or alias.name, statement) for alias in statement.names)
            case ast.If():
                yield from _bindings(statement.orelse)
                yield from _bindings(statement.body)
            case ast.Try():
                for handler in statement.handlers:
                    yield from _bindings(handler.body)
                yield from _bindings(statement.body)
