"""Overrides of the command line as trees of values."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.config.overrides import parse, parse_all
from mmx.config.yaml_positions import Node, leaves, scalar
from mmx.errors import ConfigError


def leaf(text: str) -> tuple[str, Any, Node]:
    ((path, node),) = leaves(parse(text))
    return ".".join(path), node.plain(), node


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("stages.distill.steps=200", "stages.distill.steps", 200),
        ("a=1e-3", "a", 1e-3),
        ("a=on", "a", "on"),
        ("a=0123", "a", 123),
        ("a=null", "a", None),
        ("a='null'", "a", "null"),
        ('a="x y"', "a", "x y"),
        ("a=''", "a", ""),
        ("corpus.path=C:\\clips #2: a, b", "corpus.path", "C:\\clips #2: a, b"),
        ("a=b=c", "a", "b=c"),
        ("a=*star", "a", "*star"),
        ("a=[1, x, 2.5]", "a", [1, "x", 2.5]),
        ("a={}", "a", {}),
        ("corpus.path=[x].csv", "corpus.path", "[x].csv"),
        ("corpus.path=[take 2]/my {old} list.jsonl", "corpus.path", "[take 2]/my {old} list.jsonl"),
        ("stages.0.steps=1", "stages.0.steps", 1),
        ("a=- 1", "a", "- 1"),
        ("__class__=os:system", "__class__", "os:system"),
    ],
)
def test_reads_keys_and_values(text: str, key: str, value: Any) -> None:
    path, found, node = leaf(text)
    assert (path, found) == (key, value)
    assert type(found) is type(value)
    assert node.origin == f"override {text}"
    assert not node.append


def test_nested_values_keep_the_text_as_their_origin() -> None:
    node = parse("optimizer={use: sgd, lr: 0.1}")
    assert node.plain() == {"optimizer": {"use": "sgd", "lr": 0.1}}
    assert {leaf.origin for _, leaf in leaves(node)} == {"override optimizer={use: sgd, lr: 0.1}"}


def test_appends() -> None:
    path, value, node = leaf("trains+=[fuser]")
    assert (path, value, node.append) == ("trains", ["fuser"], True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("steps", "must be key=value"),
        ("a." * 5000 + "a=3", "must be key=value"),
        ("=3", "must be key=value"),
        ("a..b=3", "must be key=value"),
        (".a=3", "must be key=value"),
        ("a b=3", "must be key=value"),
        ("a[0]=3", "must be key=value"),
        ("a-+=3", "+= appends a list: a-+=[3]"),
        ("a+=3", "+= appends a list: a+=[3]"),
        ("a=", "has no value; a=null unsets it"),
        ("a= ", "has no value"),
        ("a=[1", "did not find expected ',' or ']'"),
        ("a={b: 1, b: 2}", "key 'b' is given twice"),
        ("a={b: &x 1}", "anchors and aliases"),
        ("a=[!!python/name:os.system x]", "tag "),
        ("a=" + "[" * 100, "nested more than 50 levels deep"),
        ("a=" + "9" * 5000, "a number of 5000 digits"),
        ("a=[1] 2", "did not find expected"),
    ],
)
def test_refuses_with_the_text(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    (line,) = caught.value.problems
    assert problem in line
    assert line.startswith(f"override {text!r}: " if len(text) < 90 else "override '")
    assert len(line) < 400


def test_lists_every_bad_override_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_all(["a", "b=1", "c=["])
    assert [re.match(r"override '(.*?)'", line)[1] for line in caught.value.problems] == ["a", "c=["]  # type: ignore[index]


def test_choosing_a_component_comes_first_and_the_rest_keeps_its_order() -> None:
    texts = ["corpus.path=a", "x=1", "corpus.use=std/manifest", "x=2", "task={use: t}", "y={a: {use: z}}"]
    found = [node.origin.removeprefix("override ") for node in parse_all(texts)]
    assert found == ["corpus.use=std/manifest", "task={use: t}", "y={a: {use: z}}", "corpus.path=a", "x=1", "x=2"]


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]))


@given(
    st.from_regex(r"[a-z_][a-z0-9_-]*(\.[a-z0-9_-]+){0,3}", fullmatch=True),
    st.recursive(
        WORDS | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, min_size=1, max_size=3),
        max_leaves=6,
    ),
)
def test_what_json_writes_is_read_as_the_same_value(key: str, value: Any) -> None:
    assert parse(f"{key}={json.dumps(value, ensure_ascii=False)}").plain() == nested(key, value)


def nested(key: str, value: Any) -> Any:
    for step in reversed(key.split(".")):
        value = {step: value}
    return value


@given(st.text(st.characters(codec="utf-8", exclude_characters="[]{}'\""), min_size=1))
def test_bare_values_are_one_scalar(text: str) -> None:
    if text.strip():
        assert leaf(f"a={text}")[1] == scalar(text.strip())


def test_a_component_chosen_with_parameters_comes_first_too() -> None:
    texts = ["a.b.width=3", "a.b={use: x/y, depth: 2}", "a.c=1"]
    found = [node.origin.removeprefix("override ") for node in parse_all(texts)]
    assert found == [texts[1], texts[0], texts[2]]
