"""Validation of values against a signature, by a pydantic model built from the annotations as text.

Types are strict: "high" is no float and 1.0 is no int, but 1 is a fine float. An annotation whose text is not
enough (a tensor, a class of another library) accepts anything here: the constructor checks when the part is built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, Strict, ValidationError, create_model
from pydantic_core import ErrorDetails, PydanticCustomError

from mmx.errors import did_you_mean
from mmx.registry.annotations import BOUNDS, KIND_OF, arguments, last_name, members
from mmx.registry.schema import Param, Signature
from mmx.support.text import shown

_SCALARS: Final[dict[str, Any]] = {
    "int": Annotated[int, Strict()],
    "float": Annotated[float, Strict()],
    "str": Annotated[str, Strict()],
    "bool": Annotated[bool, Strict()],
    "Path": Annotated[str, Strict()],
}
_LISTS: Final = frozenset(("list", "List", "Sequence", "Iterable", "Collection", "set", "frozenset"))
_DICTS: Final = frozenset(("dict", "Dict", "Mapping", "MutableMapping"))
_OURS: Final = {"Input ": "", "tuple": "list", "Tuple": "list", "dictionary": "mapping", " after validation": ""}
"""Pydantic's words -> the words of YAML."""
_PYDANTIC: Final = re.compile("|".join(_OURS))
_NUMBERS: Final = frozenset(("gt", "ge", "lt", "le", "multiple_of"))


def problems(signature: Signature, params: Mapping[str, Any], *, name: str) -> list[tuple[str, str]]:
    """Return `(dotted path, message)` for every key and value that `name`, the component, would not take."""
    found = list(_misplaced(signature, params, name))
    settable = {
        key: value for key, value in params.items() if key in signature.params and not signature.params[key].filled
    }
    try:
        _model(
            tuple((key, param.declared, param.required) for key, param in signature.params.items() if not param.filled)
        ).model_validate(settable)
    except ValidationError as error:
        for path, message in explain(error, settable, lambda path: signature.params.get(path[0])):
            found.append((".".join(path), message))
    return found


def explain(error: ValidationError, data: Any, param: Any = None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and message of each problem that pydantic found in `data`, one per place.

    Args:
        error: What pydantic raised.
        data: What was validated; paths are cut where they leave it (members of unions).
        param: Optional function from path to the `Param` that describes the value there.
    """
    places: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for details in error.errors():
        places.setdefault(_inside(details, data), []).append(details)
    for path, several in places.items():
        beneath = any(len(other) > len(path) and other[: len(path)] == path for other in places)
        if beneath and all(details["type"] == "too_short" for details in several):
            continue  # pydantic counts only the items that were right
        described = param(path) if param is not None and len(path) == 1 else None
        yield path, _message(several, described)


def _misplaced(signature: Signature, params: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    settable = [key for key, param in signature.params.items() if not param.filled]
    for key in params:
        if key not in signature.params and not signature.extra:
            hint = did_you_mean(key, settable) or f"; it takes: {', '.join(settable) or 'no parameters'}"
            yield key, f"{name} has no parameter {key!r}{hint}"
        elif key in signature.params and signature.params[key].filled:
            yield key, f"is filled in by mmx for {name} and cannot be set"


def _inside(details: ErrorDetails, data: Any) -> tuple[str, ...]:
    """Return the part of an error's location that lies in the data (and the missing key at its end)."""
    path: list[str] = []
    absent = ""
    for step in details["loc"]:
        in_list = isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        if in_list or (isinstance(data, Mapping) and step in data):
            data = data[step]
            path.append(str(step))
            absent = ""
        else:
            absent = str(step)
    return (*path, absent) if absent and details["type"] == "missing" else tuple(path)


def _message(several: Sequence[ErrorDetails], param: Param | None) -> str:
    first = next((item for item in several if not item["type"].endswith("_type")), several[0])
    got = first["input"]
    if first["type"] == "missing":
        return "is missing" + (f" ({param.annotation})" if param is not None and param.annotation else "")
    if first["type"] == "literal_error" and len(several) == 1 and isinstance(got, str):
        expected = str(first.get("ctx", {}).get("expected", ""))
        choices = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
        return f"must be one of {', '.join(choices)}, got {shown(got)}{did_you_mean(got, choices, limit=1)}"
    if param is not None:
        wanted = ", ".join(text for text in (param.annotation, param.constraint) if text)
        return f"must be {wanted}, got {shown(got)}"
    message = _PYDANTIC.sub(lambda found: _OURS[found.group()], first["msg"].partition(" or instance of ")[0])
    return f"{message[0].lower()}{message[1:]}, got {shown(got)}"


@cache
def _model(fields: tuple[tuple[str, str, bool], ...]) -> type[BaseModel]:
    """Return a model of `(name, annotation, required)` parameters; aliases keep odd names off pydantic's own."""
    definitions: dict[str, Any] = {}
    for index, (name, declared, required) in enumerate(fields):
        kind = _type(ast.parse(declared, mode="eval").body) if declared else Any
        definitions[f"field_{index}"] = (kind, Field(... if required else None, alias=name))
    return create_model("Parameters", __config__=ConfigDict(extra="ignore"), **definitions)


def _type(node: ast.expr) -> Any:
    """Return the type to validate with; Any where the text is not enough."""
    union = members(node)
    if len(union) > 1:
        return Union[tuple(_type(member) for member in union)]  # noqa: UP007  built from a list
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Subscript):
        return _subscripted(last_name(node.value), arguments(node))
    name = last_name(node)
    if name in KIND_OF:
        return Annotated[Any, PlainValidator(_component)]
    if name in _LISTS or name in ("tuple", "Tuple"):
        return list[Any]
    if name in _DICTS:
        return dict[str, Any]
    return _SCALARS.get(name, Any)


def _subscripted(name: str, items: list[ast.expr]) -> Any:
    if name == "Literal":
        return _literal(items)
    if name == "Annotated":
        return _constrained(items[0], items[1:])
    if name in _LISTS:
        return list[_type(items[0])]  # type: ignore[misc]
    if name in _DICTS and len(items) == 2:
        return dict[str, _type(items[1])]  # type: ignore[misc]
    if name in ("tuple", "Tuple"):
        if len(items) == 2 and isinstance(items[1], ast.Constant) and items[1].value is ...:
            return list[_type(items[0])]  # type: ignore[misc]
        return tuple[tuple(_type(item) for item in items)]  # type: ignore[misc]
    return Any


def _literal(items: list[ast.expr]) -> Any:
    try:
        return Literal[tuple(ast.literal_eval(item) for item in items)]
    except ValueError:
        return Any


def _constrained(node: ast.expr, metadata: list[ast.expr]) -> Any:
    """Return `Annotated[type, Field(...)]` with those bounds that make sense for the type."""
    inner = _type(node)
    words = {last_name(item) for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute)}
    numeric = bool(words & {"int", "float"}) and not words & (_LISTS | _DICTS | {"tuple"})
    sized = not numeric and bool(words & (_LISTS | _DICTS | {"str", "tuple"}))
    bounds: dict[str, Any] = {}
    for call in metadata:
        if isinstance(call, ast.Call) and last_name(call.func) == "Field":
            for keyword in call.keywords:
                if (
                    keyword.arg in BOUNDS
                    and isinstance(keyword.arg, str)
                    and (numeric if keyword.arg in _NUMBERS else sized)
                ):
                    bounds |= _bound(keyword.arg, keyword.value)
    return Annotated[inner, Field(**bounds)] if bounds else inner


def _bound(name: str, node: ast.expr) -> dict[str, Any]:
    try:
        return {name: ast.literal_eval(node)}
    except ValueError:
        return {}


def _component(value: Any) -> Any:
    """Accept a component: `{use: plugin/name, ...}` or just its name."""
    if isinstance(value, str) or (isinstance(value, Mapping) and isinstance(value.get("use"), str)):
        return value
    raise PydanticCustomError("component", "must be a component, {use: plugin/name, ...}")
