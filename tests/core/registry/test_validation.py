"""Values against annotations: a table of what is taken and what is refused."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.registry.annotations import read_annotation
from mmx.registry.schema import Param, Signature
from mmx.registry.validation import problems


def taking(annotation: str, **options: Any) -> Signature:
    read = read_annotation(ast.parse(annotation, mode="eval").body, None)
    param = Param("value", read.text, kind=read.kind, constraint=read.constraint, declared=read.declared, **options)
    return Signature("toy:Toy", {"value": param}, "", "", Path("toy.py"), 1)


def verdict(annotation: str, value: Any) -> list[tuple[str, str]]:
    return problems(taking(annotation), {"value": value}, name="toy/toy")


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", [0, -3, 10**30], [1.0, True, "1", None, [1]]),
        ("float", [0, 1, 1.5, -2, float("inf")], ["high", True, None, "1"]),
        ("bool", [True, False], [1, 0, "true", None]),
        ("str", ["", "1"], [1, None, ["a"]]),
        ("Path", ["a/b"], [1, None]),
        ("str | Path", ["a"], [1]),
        ("int | None", [1, None], ["a", 1.5]),
        ("Optional[float]", [1, None, 0.5], ["a"]),
        ("Union[int, str]", [1, "a"], [1.5, None, True]),
        ("int | Sequence[int]", [1, [1, 2], []], ["a", [1.5], {"a": 1}]),
        ("Literal['sum', 'mean']", ["sum"], ["max", 1, None]),
        ("Literal[1, 2] | None", [1, None], [3, "1"]),
        ("list[int]", [[], [1, 2]], [1, "12", ["a"], [1, 2.0], {"a": 1}]),
        ("Sequence[str]", [["a"]], ["ab", [1]]),
        ("Sequence", [["a", 1]], ["ab", 3]),
        ("tuple[int, ...]", [[1], [], (1, 2)], ["a", ["a"]]),
        ("tuple[int, float]", [[1, 2]], [[1], [1, 2, 3], [1.5, 2]]),
        ("dict[str, float]", [{}, {"a": 1}], [{"a": "b"}, [1], "a"]),
        ("Mapping[str, Sequence[int]]", [{"a": [1]}], [{"a": 1}, {"a": ["b"]}]),
        ("Mapping", [{"a": object()}], [[1]]),
        ("Annotated[int, Field(ge=1, le=3)]", [1, 3], [0, 4, 2.0]),
        ("Annotated[float | None, Field(gt=0)]", [1, None], [0, -1.5, "a"]),
        ("Annotated[list[int], Field(min_length=1)]", [[1]], [[], ["a"]]),
        ("Annotated[str, Field(pattern='^a+$')]", ["aa"], ["b", 1]),
        ("Annotated[Tensor, Field(gt=0)]", ["anything", -1], []),
        ("Annotated[int, Field(ge=LIMIT)]", [-5], ["a"]),
        ("Encoder", ["toy/conv", {"use": "toy/conv", "x": 1}], [3, {"width": 1}, ["toy/conv"], None]),
        ("Encoder | None", ["toy/conv", None], [3]),
        ("Sequence[Objective]", [["a", {"use": "b"}]], ["a", [1], {"a": "b"}]),
        ("Mapping[str, Objective]", [{"a": "b"}], [["b"], {"a": 3}]),
        ("torch.Tensor", [1, "a", None], []),
        ("Callable[[int], str]", [1, "a"], []),
        ("Literal[Colour.RED]", ["anything"], []),
    ],
)
def test_types(annotation: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert verdict(annotation, value) == [], value
    for value in bad:
        found = verdict(annotation, value)
        assert found, value
        assert all(path.partition(".")[0] == "value" and "\n" not in message for path, message in found)


@pytest.mark.parametrize(
    ("annotation", "value", "path", "message"),
    [
        ("float", "high", "value", "must be float, got 'high'"),
        ("Annotated[float, Field(gt=0)]", -1, "value", "must be float, > 0, got -1"),
        ("int | Sequence[int]", "a", "value", "must be int | Sequence[int], got 'a'"),
        ("Literal['sum', 'mean']", "meen", "value", "must be one of sum, mean, got 'meen'; did you mean 'mean'?"),
        ("dict[str, list[int]]", {"a": [1, None]}, "value.a.1", "should be a valid integer, got null"),
        ("Sequence[Objective]", ["a", 3], "value.1", "must be a component, {use: plugin/name, ...}, got 3"),
        ("str", "x" * 5000, "", ""),
        ("int", "x" * 5000, "value", f"must be int, got '{'x' * 58}…"),
    ],
)
def test_messages(annotation: str, value: Any, path: str, message: str) -> None:
    assert verdict(annotation, value) == ([(path, message)] if path else [])


def test_unknown_missing_and_filled() -> None:
    needed = taking("int")
    assert problems(needed, {"valeu": 3}, name="toy/toy") == [
        ("valeu", "toy/toy has no parameter 'valeu'; did you mean 'value'?"),
        ("value", "is missing (int)"),
    ]
    assert problems(taking("int", required=False), {}, name="toy/toy") == []
    assert problems(taking("int", filled=True), {}, name="toy/toy") == []
    assert problems(taking("int", filled=True), {"value": "a"}, name="toy/toy") == [
        ("value", "is filled in by mmx for toy/toy and cannot be set")
    ]


def test_open_signatures_take_anything_more() -> None:
    open_signature = Signature("toy:Toy", {}, "", "", Path("toy.py"), 1, extra=True)
    assert problems(open_signature, {"whatever": object()}, name="toy/toy") == []


@pytest.mark.parametrize("name", ["schema", "copy", "model_config", "__class__", "_private", "json", "from"])
def test_names_that_mean_something_to_pydantic(name: str) -> None:
    known = Signature("toy:Toy", {name: Param(name, "int", declared="int")}, "", "", Path("toy.py"), 1)
    assert problems(known, {name: 3}, name="toy/toy") == []
    assert problems(known, {name: "a"}, name="toy/toy") == [(name, "must be int, got 'a'")]


CHECKS: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "str": lambda value: type(value) is str,
    "bool": lambda value: type(value) is bool,
    "None": lambda value: value is None,
}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


@given(st.lists(st.sampled_from(sorted(CHECKS)), min_size=1, max_size=3, unique=True), PLAIN)
def test_unions_take_exactly_what_a_member_takes(names: list[str], value: Any) -> None:
    expected = any(CHECKS[name](value) for name in names)
    assert (verdict(" | ".join(names), value) == []) == expected


@given(st.sampled_from(sorted(CHECKS)), st.lists(PLAIN, max_size=4))
def test_lists_take_what_their_items_take(name: str, values: list[Any]) -> None:
    wrong = [f"value.{index}" for index, value in enumerate(values) if not CHECKS[name](value)]
    assert [path for path, _ in verdict(f"Sequence[{name}]", values)] == wrong
