"""Type annotations as text: aliases expanded, ranges and help taken out of `Annotated[T, Field(...)]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmx.registry import source
from mmx.registry.registry import Kind
from mmx.registry.source import Source

KIND_OF: Final[dict[str, Kind]] = {
    "Encoder": "encoder",
    "Fuser": "fuser",
    "Head": "head",
    "Objective": "objective",
    "Corpus": "corpus",
    "Task": "task",
}
"""Protocol name in an annotation -> the kind of component that the parameter takes."""
BOUNDS: Final = {
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "multiple_of": "multiple of",
    "min_length": "length >=",
    "max_length": "length <=",
    "pattern": "matches",
}
"""Keyword of pydantic's `Field` -> how it reads in help and errors."""

_MAX_EXPANSIONS: Final = 20
_ANYTHING: Final = frozenset(("Any", "object"))


@dataclass(frozen=True, slots=True)
class Annotation:
    """Type, kind, range and help of an annotation.

    Attributes:
        text: The type, aliases expanded, without `Annotated`.
        declared: The same with `Annotated`.
        kind: The component kind that it names.
        nullable: Whether None belongs to the type.
        constraint: Ranges as text: `> 0, <= 1`.
        help: The description.
    """

    text: str = ""
    declared: str = ""
    kind: Kind | None = None
    nullable: bool = True
    constraint: str = ""
    help: str = ""


def read_annotation(node: ast.expr | None, origin: Source | None) -> Annotation:
    """Return the contents of an annotation; `origin` is the module that its names belong to."""
    if node is None:
        return Annotation()
    declared = _expand(node, origin, _MAX_EXPANSIONS)
    bare = _Bare().visit(ast.parse(ast.unparse(declared), mode="eval").body)
    fields = dict(_fields(declared))
    bounds = [f"{word} {ast.unparse(fields[key])}" for key, word in BOUNDS.items() if key in fields]
    description = fields.get("description")
    return Annotation(
        ast.unparse(bare),
        ast.unparse(declared),
        next((KIND_OF[name] for name in _names(bare) if name in KIND_OF), None),
        _is_nullable(bare),
        ", ".join(bounds),
        " ".join(str(ast.literal_eval(description)).split()) if isinstance(description, ast.Constant) else "",
    )


def last_name(node: ast.expr) -> str:
    """Return `Sequence` for `Sequence`, `abc.Sequence` and `collections.abc.Sequence`; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def members(node: ast.expr) -> list[ast.expr]:
    """Return the members of a union (`A | B`, `Union[A, B]`, `Optional[A]`); the type itself where it is none."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*members(node.left), *members(node.right)]
    if isinstance(node, ast.Subscript) and last_name(node.value) in ("Union", "Optional"):
        inner = [member for item in arguments(node) for member in members(item)]
        return inner if last_name(node.value) == "Union" else [*inner, ast.Constant(None)]
    return [node]


def arguments(node: ast.Subscript) -> list[ast.expr]:
    """Return what stands between the brackets."""
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _expand(node: ast.expr, origin: Source | None, budget: int) -> ast.expr:
    """Return a copy with string annotations parsed and the module's own type aliases written out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _expand(ast.parse(node.value, mode="eval").body, origin, budget)
        except SyntaxError:
            return node
    if isinstance(node, ast.Name):
        alias = _alias(node.id, origin) if budget and origin is not None else None
        return node if alias is None else _expand(alias[1], alias[0], budget - 1)
    if isinstance(node, ast.BinOp):
        return ast.BinOp(_expand(node.left, origin, budget), node.op, _expand(node.right, origin, budget))
    if isinstance(node, ast.Subscript) and last_name(node.value) == "Annotated":
        inner, *metadata = arguments(node)
        metadata = [_Constants(origin).visit(item) for item in metadata]
        return ast.Subscript(node.value, ast.Tuple([_expand(inner, origin, budget), *metadata], ast.Load()), ast.Load())
    if isinstance(node, ast.Subscript) and last_name(node.value) != "Literal":
        items = [_expand(item, origin, budget) for item in arguments(node)]
        inside = ast.Tuple(items, ast.Load()) if isinstance(node.slice, ast.Tuple) else items[0]
        return ast.Subscript(node.value, inside, ast.Load())
    return node


def _alias(name: str, origin: Source) -> tuple[Source, ast.expr] | None:
    """Return what a type alias stands for, where it is defined among the plugin's own modules or mmx's."""
    statement = origin.names.get(name)
    if isinstance(statement, ast.ImportFrom):
        head = source.imported_module(origin, statement).partition(".")[0]
        if name in KIND_OF or not (head == origin.module.partition(".")[0] or head.partition("_")[0] == "mmx"):
            return None  # other libraries' names are opaque; parsing torch for them is not worth its time
    found = source.definition(origin.module, name)
    if found is None or not isinstance(found[1], ast.Assign | ast.AnnAssign) or found[1].value is None:
        return None
    value = found[1].value
    is_type = isinstance(value, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute)
    return (found[0], value) if is_type else None


class _Constants(ast.NodeTransformer):
    """Writes out module constants inside `Field(...)`, so that the text stands alone."""

    def __init__(self, origin: Source | None) -> None:
        self._origin = origin

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._origin.constant(node.id) if self._origin is not None else None
        return value if isinstance(value, ast.Constant) else node


class _Bare(ast.NodeTransformer):
    """Leaves `T` of `Annotated[T, ...]`."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if last_name(node.value) == "Annotated":
            return self.visit(arguments(node)[0])  # type: ignore[no-any-return]
        return self.generic_visit(node)


def _fields(declared: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(declared):
        if isinstance(node, ast.Call) and last_name(node.func) == "Field":
            yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None)


def _names(node: ast.expr) -> Iterator[str]:
    yield from (last_name(item) for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute))


def _is_nullable(bare: ast.expr) -> bool:
    return any(
        (isinstance(member, ast.Constant) and member.value is None) or last_name(member) in _ANYTHING
        for member in members(bare)
    )
