"""Annotations as text."""

from __future__ import annotations

import ast

import pytest

from mmx.registry.annotations import members, read_annotation


def node(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "bare", "kind", "nullable", "constraint"),
    [
        ("int", "int", None, False, ""),
        ("'int | None'", "int | None", None, True, ""),
        ("Optional[int]", "Optional[int]", None, True, ""),
        ("typing.Union[int, None]", "typing.Union[int, None]", None, True, ""),
        ("Annotated[int, Field(ge=1, multiple_of=2)]", "int", None, False, ">= 1, multiple of 2"),
        ("Annotated[int, Field(gt=0)] | None", "int | None", None, True, "> 0"),
        ("Annotated[str, Field(min_length=2, pattern='a+')]", "str", None, False, "length >= 2, matches 'a+'"),
        ("list[Annotated[int, Field(lt=3)]]", "list[int]", None, False, "< 3"),
        ("Mapping[str, interfaces.Objective]", "Mapping[str, interfaces.Objective]", "objective", False, ""),
        ("'Sequence[Head]'", "Sequence[Head]", "head", False, ""),
        ("Any", "Any", None, True, ""),
        ("Literal['Encoder', None]", "Literal['Encoder', None]", None, False, ""),
    ],
)
def test_what_an_annotation_says(text: str, bare: str, kind: str | None, nullable: bool, constraint: str) -> None:
    found = read_annotation(node(text), None)
    assert (found.text, found.kind, found.nullable, found.constraint) == (bare, kind, nullable, constraint)


def test_no_annotation_accepts_anything() -> None:
    found = read_annotation(None, None)
    assert (found.text, found.declared, found.nullable) == ("", "", True)


def test_members_of_unions() -> None:
    assert [ast.unparse(each) for each in members(node("int | Optional[str] | Union[float, bool]"))] == [
        "int",
        "str",
        "None",
        "float",
        "bool",
    ]
