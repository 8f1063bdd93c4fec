"""Schemas of components: the signatures of their constructors, read from source text without importing it.

`signature("mmx_foo.model:Conv")` parses the module's file and returns what the constructor takes: names, types,
defaults, ranges and help from `Annotated[int, Field(gt=0, description="...")]`, help from the docstring's `Args:`.
Where text is not enough (an attribute made at run time, another library's constructor) the module is imported.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from mmx.errors import PluginError
from mmx.registry import source
from mmx.registry import target as targets
from mmx.registry.annotations import Annotation, read_annotation
from mmx.registry.registry import Kind
from mmx.registry.source import Source

FILLED: Final = frozenset(("dims", "classes", "corpus", "built", "trained"))
"""Constructor parameters that mmx fills in where they have no default; see `mmx.interfaces`."""
FILLED_IN_FUNCTIONS: Final = frozenset(("params", "total_steps"))
"""Parameters that the training loop fills in for optimizer and schedule factories."""

_BARE_BASES: Final = frozenset(("object", "Module", "Protocol", "Generic", "ABC", "Sequence"))
"""Base classes whose constructor takes nothing that a component's user could set."""
_ARGS = re.compile(r"^(?:Args|Arguments|Attributes):\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_ARG = re.compile(r"^(\w+)(?: \([^)]*\))?:[ \n]+(.*?)(?=^\w+(?: \([^)]*\))?:|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expression:
    """A default that is code rather than a value: known only when the component is built."""

    text: str


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a component.

    Attributes:
        name: Its name.
        annotation: Its type as text, aliases expanded, without `Annotated`; empty where there is none.
        required: Whether it must be given (or is filled in).
        default: Its default: plain data, or an `Expression`; None where it is required.
        kind: What kind of component it takes, by itself or inside a sequence or mapping.
        filled: Whether mmx fills it in, so that it cannot be set.
        help: What it means.
        constraint: Its range as text: `> 0, <= 1`.
        declared: The whole annotation with constraints as text: what validation is built from.
        nullable: Whether None is a value of it, so that `null` sets it instead of unsetting it.
    """

    name: str
    annotation: str = ""
    required: bool = True
    default: Any = None
    kind: Kind | None = None
    filled: bool = False
    help: str = ""
    constraint: str = ""
    declared: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a component's constructor or factory takes.

    Attributes:
        target: `module:attribute`.
        params: Parameters by name, in order.
        summary: First line of the docstring.
        doc: The whole docstring.
        file: Where it is defined.
        line: Line of its definition.
        extra: Whether it accepts further keyword arguments.
    """

    target: str
    params: Mapping[str, Param]
    summary: str
    doc: str
    file: Path
    line: int
    extra: bool = False


@cache
def signature(target: str) -> Signature:
    """Return the signature of `module:attribute`, a class or a function.

    Raises:
        PluginError: There is no such module or attribute.
    """
    module, _, attribute = target.partition(":")
    found = source.definition(module, attribute)
    if found is not None:
        origin, statement = found
        parameters = _parameters(origin, statement)
        if parameters is not None:
            return _from_text(target, origin, statement, parameters)
    return _from_import(target)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter as parsed."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None


@dataclass(frozen=True, slots=True)
class _Parameters:
    """Parameters and where they were written: a constructor may be inherited from another file."""

    origin: Source
    items: Sequence[_Parameter]
    extra: bool = False
    doc: str = ""


def _from_text(target: str, origin: Source, statement: ast.stmt, parameters: _Parameters) -> Signature:
    own = statement if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else None
    doc = (ast.get_docstring(own) if own is not None else None) or parameters.doc
    inherited = _inherited_helps(origin, statement) if isinstance(statement, ast.ClassDef) else {}
    helps = inherited | _helps(parameters.doc) | _helps(doc)
    filled = FILLED if isinstance(statement, ast.ClassDef) else FILLED | FILLED_IN_FUNCTIONS
    params = {}
    for item in parameters.items:
        annotation = read_annotation(item.annotation, parameters.origin)
        default = None if item.default is None else _default(item.default, parameters.origin)
        params[item.name] = _param(item.name, annotation, item.default is None, default, helps, filled)
    return Signature(
        target, MappingProxyType(params), _summary(doc), doc, origin.file, statement.lineno, parameters.extra
    )


def _param(
    name: str, annotation: Annotation, required: bool, default: Any, helps: Mapping[str, str], filled: frozenset[str]
) -> Param:
    return Param(
        name,
        annotation.text,
        required,
        default,
        annotation.kind,
        required and name in filled,
        annotation.help or helps.get(name, ""),
        annotation.constraint,
        annotation.declared,
        annotation.nullable,
    )


def _parameters(origin: Source, statement: ast.stmt) -> _Parameters | None:
    """Return what a definition takes; None where it must be imported to know."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return _of_function(origin, statement, method=False)
    if isinstance(statement, ast.ClassDef):
        return _of_class(origin, statement)
    return None


def _of_class(origin: Source, node: ast.ClassDef) -> _Parameters | None:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return _of_function(origin, statement, method=True)
    inherited = _of_bases(origin, node)
    if inherited is None or not any(
        ast.unparse(item).partition("(")[0].endswith("dataclass") for item in node.decorator_list
    ):
        return inherited
    own = {item.name: item for item in inherited.items} | {item.name: item for item in _fields(node)}
    return _Parameters(origin, tuple(own.values()))


def _of_bases(origin: Source, node: ast.ClassDef) -> _Parameters | None:
    for found in _bases(origin, node):
        if found is None or not isinstance(found[1], ast.ClassDef):
            return None
        return _of_class(found[0], found[1])
    return _Parameters(origin, ())


def _bases(origin: Source, node: ast.ClassDef) -> Iterator[tuple[Source, ast.stmt] | None]:
    """Yield where each base class that may have a constructor is defined; None where text does not tell."""
    for base in node.bases:
        name = ast.unparse(base).partition("[")[0]
        if name.rpartition(".")[2] not in _BARE_BASES:
            yield source.definition(origin.module, name)


def _inherited_helps(origin: Source, node: ast.ClassDef) -> dict[str, str]:
    """Return the help in the docstrings of base classes: what they say once holds for every class made of them."""
    helps: dict[str, str] = {}
    for found in _bases(origin, node):
        if found is not None and isinstance(found[1], ast.ClassDef):
            helps |= _inherited_helps(found[0], found[1]) | _helps(ast.get_docstring(found[1]) or "")
    return helps


def _of_function(origin: Source, node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> _Parameters:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*defaults, *arguments.defaults], strict=True))[1 if method else 0 :]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    items = tuple(_Parameter(argument.arg, argument.annotation, default) for argument, default in pairs)
    return _Parameters(origin, items, arguments.kwarg is not None, ast.get_docstring(node) or "")


def _fields(node: ast.ClassDef) -> Iterator[_Parameter]:
    """Yield the fields of a dataclass that its constructor takes."""
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if ast.unparse(statement.annotation).rpartition(".")[2].startswith("ClassVar"):
            continue
        default = statement.value
        if isinstance(default, ast.Call) and ast.unparse(default.func).endswith("field"):
            options = {keyword.arg: keyword.value for keyword in default.keywords}
            if isinstance(options.get("init"), ast.Constant) and not ast.literal_eval(options["init"]):
                continue
            default = options.get("default") or options.get("default_factory")
        yield _Parameter(statement.target.id, statement.annotation, default)


def _default(node: ast.expr, origin: Source) -> Any:
    """Return a default as plain data where it is a literal or names a literal of the same module."""
    value = origin.constant(node.id) if isinstance(node, ast.Name) else None
    try:
        default = ast.literal_eval(node if value is None else value)
    except ValueError:
        return Expression(ast.unparse(node))
    return default if _is_plain(default) else Expression(ast.unparse(node))


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _summary(doc: str) -> str:
    return doc.strip().partition("\n")[0]


def _helps(doc: str) -> dict[str, str]:
    """Return parameter name -> help from the `Args:` of a Google-style docstring."""
    section = _ARGS.search(inspect.cleandoc(doc) + "\n")
    if section is None:
        return {}
    lines = inspect.cleandoc("\n" + section.group(1))
    return {name: " ".join(text.split()) for name, text in _ARG.findall(lines + "\n")}


def _from_import(target: str) -> Signature:
    """Import the target and inspect it: for attributes that exist only at run time."""
    component = targets.load(target, target)
    try:
        inspected = inspect.signature(component)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{target}: is no class or function with a signature: {error}") from error
    doc = inspect.getdoc(component) or ""
    constructor = vars(component).get("__init__") if isinstance(component, type) else None
    helps = _helps(inspect.getdoc(constructor) or "") | _helps(doc)
    filled = FILLED if isinstance(component, type) else FILLED | FILLED_IN_FUNCTIONS
    params = {}
    for name, parameter in inspected.parameters.items():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            required = parameter.default is parameter.empty
            default = parameter.default if _is_plain(parameter.default) else Expression(repr(parameter.default))
            annotation = read_annotation(_annotation(parameter), source.read(component.__module__))
            params[name] = _param(name, annotation, required, None if required else default, helps, filled)
    extra = any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspected.parameters.values())
    return Signature(
        target,
        MappingProxyType(params),
        _summary(doc),
        doc,
        *_place(component, target),
        extra,
    )


def _annotation(parameter: inspect.Parameter) -> ast.expr | None:
    if parameter.annotation is parameter.empty:
        return None
    text = parameter.annotation
    if not isinstance(text, str):
        text = inspect.formatannotation(text)
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _place(component: Any, target: str) -> tuple[Path, int]:
    try:
        return Path(inspect.getsourcefile(component) or ""), inspect.getsourcelines(component)[1]
    except (OSError, TypeError):
        return Path(getattr(sys.modules[target.partition(":")[0]], "__file__", None) or ""), 1
