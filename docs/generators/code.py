"""Pages about Python names: hooks, interfaces, values; read from source text, with the words of the docstrings."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from generators.markdown import docstring, fence


def hooks() -> str:
    """Return every hook: its signature, when it is called, what it returns."""
    tree = _tree("mmx.plugins.hookspecs")
    parts = [docstring(ast.get_docstring(tree) or "")]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any("hookspec" in ast.unparse(mark) for mark in node.decorator_list):
            parts += [f"## {node.name}\n", fence(_signature(node), "python"), docstring(ast.get_docstring(node) or "")]
    return "\n".join(parts)


def registrar() -> str:
    """Return what a plugin may call on the registrar that `mmx_register` gets."""
    return _class("mmx.registry.registry", "Registrar", "###")


def commands() -> str:
    """Return what a plugin may call on the object that `mmx_commands` gets."""
    return _class("mmx.plugins.commands", "Commands", "###")


def asset() -> str:
    """Return what a plugin hands to `registry.asset`."""
    return _class("mmx.types", "Asset", "###")


def check() -> str:
    """Return what `mmx_doctor` returns."""
    return _class("mmx.types", "Check", "###")


def model() -> str:
    """Return what a task and a run's hooks may call on a model."""
    return _class("mmx.model.model", "Model", "##")


def interfaces() -> str:
    """Return the six interfaces and the run."""
    tree = _tree("mmx.interfaces")
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return "\n".join(
        [docstring(ast.get_docstring(tree) or ""), *(_class("mmx.interfaces", name, "##") for name in names)]
    )


def values() -> str:
    """Return the values that travel between parts."""
    names = [node.name for node in _tree("mmx.types").body if isinstance(node, ast.ClassDef)]
    return "\n".join(_class("mmx.types", name, "###") for name in names)


def report_values() -> str:
    """Return what a task's report is made of."""
    return "\n".join(_class("mmx.types", name, "###") for name in ("Report", "Metric", "PaperValue", "Figure", "Clip"))


def errors() -> str:
    """Return the tree of errors with exit codes."""
    return docstring(ast.get_docstring(_tree("mmx.errors")) or "")


@cache
def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"docs/build.py: no source of {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _class(module: str, name: str, level: str) -> str:
    node = next(each for each in _tree(module).body if isinstance(each, ast.ClassDef) and each.name == name)
    parts = [f"{level} {name}\n", docstring(ast.get_docstring(node) or "")]
    parts += _attributes(node)
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not (method.name.startswith("_") and method.name != "__call__"):
            parts += [fence(_member(method), "python"), docstring(ast.get_docstring(method) or "")]
    return "\n".join(part for part in parts if part.strip())


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """Yield one list of the attributes that are described by a string below them."""
    items = []
    for here, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(here, ast.AnnAssign) or not isinstance(after, ast.Expr):
            continue
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            words = " ".join(after.value.value.split())
            items.append(f"- `{ast.unparse(here.target)}: {ast.unparse(here.annotation)}`: {words}")
    if items:
        yield "\n".join(items) + "\n"


def _member(node: ast.FunctionDef) -> str:
    """Return a method's signature, or a property's name and type."""
    if any(ast.unparse(mark) == "property" for mark in node.decorator_list):
        return f"{node.name}: {ast.unparse(node.returns) if node.returns is not None else 'Any'}"
    return _signature(node)


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}".replace("(self, ", "(").replace("(self)", "()")
