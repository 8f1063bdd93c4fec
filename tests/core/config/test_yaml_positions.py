"""YAML 1.2 scalars, positions, limits, and writing that reads back."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.config.yaml_positions import (
    MAX_NODES,
    Node,
    compose,
    dump,
    leaves,
    marks,
    nearest,
    node_of,
    read,
    scalar,
    where,
)
from mmx.errors import ConfigError
from mmx.support.text import shown


def parse(text: str) -> Node:
    return compose(text, lambda line, column: f"f.yaml:{line}:{column}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.5e+2", -150.0),
        ("0123", 123),
        ("+7", 7),
        ("0o17", 15),
        ("0xff", 255),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("0b11", "0b11"),
        ("2024-01-02", "2024-01-02"),
        ("1e", "1e"),
        ("-", "-"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)
    if text not in ("", "-"):
        assert parse(f"key: {text}").plain() == {"key": value}
        assert parse(f"[{text}]").plain() == [value]
    assert parse(f"key: '{text}'").plain() == {"key": text}


def test_not_a_number() -> None:
    found = scalar(".nan")
    assert isinstance(found, float) and math.isnan(found)


def test_marks_name_list_items_by_name_or_index() -> None:
    node = parse(
        "a: {b: 1}\nstages:\n  - {name: x, steps: 3}\n  - name: y\n    on: [p, q]\nnested:\n  - [1]\n  - 2\ne: {}\n"
    )
    assert marks(node) == {
        "a.b": "f.yaml:1:5",
        "stages.x.name": "f.yaml:3:6",
        "stages.x.steps": "f.yaml:3:15",
        "stages.y.name": "f.yaml:4:5",
        "stages.y.on": "f.yaml:5:5",
        "nested.0": "f.yaml:7:5",
        "nested.1": "f.yaml:8:5",
        "e": "f.yaml:9:1",
    }
    assert {".".join(path): leaf.plain() for path, leaf in leaves(node)}["stages.y.on"] == ["p", "q"]
    assert nearest(node, ["stages", "x", "steps"]) is nearest(node, ["stages", 0, "steps"])
    assert nearest(node, ["stages", "y", "steps", "z"]).origin == "f.yaml:4:5"
    assert nearest(node, ["stages", "y", "on", 1]).plain() == "q"
    assert nearest(node, ["stages", "7"]).origin == "f.yaml:2:1"


def test_items_without_distinct_names_go_by_index() -> None:
    assert list(marks(parse("[{name: x}, {name: x}]"))) == ["0.name", "1.name"]
    assert list(marks(parse("[{name: x}, {other: x}]"))) == ["0.name", "1.other"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}", "f.yaml:3:3: key 'c' is given twice"),
        ("a: &x 1\nb: *x", "f.yaml:1:4: anchors and aliases (& and *) are not allowed"),
        ("b: *x", "f.yaml:1:4: anchors and aliases"),
        ("&k a: 1", "f.yaml:1:1: anchors and aliases"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "f.yaml:1:4: tag 'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("a: !!int 3", "f.yaml:1:4: tag 'tag:yaml.org,2002:int' is not allowed"),
        ("!x a: 3", "f.yaml:1:1: tag '!x' is not allowed"),
        ("a:\n\tb: 1", "f.yaml:2:1: a tab in the indentation; use spaces"),
        ("a:\n  b: 1\n\tc: 2", "f.yaml:3:1: a tab in the indentation; use spaces"),
        ("[" * 5000, "f.yaml:1:51: nested more than 50 levels deep"),
        ("{a: " * 5000, "f.yaml:1:198: nested more than 50 levels deep"),
        ("- " * 60, "f.yaml:1:101: nested more than 50 levels deep"),
        ("".join(f"{' ' * i}a:\n" for i in range(60)), "f.yaml:50:50: nested more than 50 levels deep"),
        ("a: [1, 2\n", "f.yaml:2:1: while parsing a flow sequence: did not find expected ',' or ']'"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed in this context"),
        ("? [a]\n: 1", "f.yaml:1:3: a key must be a plain word"),
        ("a: 1\n---\nb: 1", "f.yaml:2:1: a second document; one file holds one"),
        ("a: 'x\x1b[31m'", "f.yaml:1:6: character '\\x1b' is not allowed"),
        ("a: 1\nb: \ufffe", "f.yaml:2:4: character '\\ufffe' is not allowed"),
        (f"a: {'9' * 5000}", "f.yaml:1:4: a number of 5000 digits"),
        (f"[{'1,' * MAX_NODES}]", "more than 10000 values"),
    ],
)
def test_refused_with_one_line_and_a_position(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    (line,) = caught.value.problems
    assert "\n" not in line
    assert problem in line
    assert re.match(r"f\.yaml:\d+:\d+: ", line)


def test_an_alias_bomb_is_left_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    with pytest.raises(ConfigError, match=r"f.yaml:1:4: anchors"):
        parse(bomb)


def test_as_many_values_as_allowed() -> None:
    assert len(parse(f"[{'1,' * (MAX_NODES - 1)}]").plain()) == MAX_NODES - 1
    with pytest.raises(ConfigError):
        parse(f"[{'1,' * MAX_NODES}]")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\nb: caf\xe9\n", "r.yaml:2:7: not UTF-8: byte 0xe9"),
        (b"\xff\xfea\x00", "r.yaml:1:1: not UTF-8: byte 0xff"),
        (b"#" * 1_000_001, "r.yaml:1:1: larger than 1 MB"),
        (b"- 1\n", "r.yaml:1:1: the top level must be a mapping, `key: value`"),
        (b"a: \x00", r"r.yaml:1:4: character '\x00' is not allowed"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "r.yaml", "r.yaml")
    assert caught.value.problems == (problem,)


def test_files_that_are_not_there_or_no_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=r"^r.yaml: cannot be read: "):
            read(path, "r.yaml")


def test_empty_files_and_byte_order_marks(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"# nothing\n")
    assert read(tmp_path / "r.yaml", "r.yaml").plain() == {}
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\n")
    assert read(tmp_path / "r.yaml", "r.yaml").plain() == {"a": "é"}


def test_origins_in_messages() -> None:
    assert where("registry.yaml:1:2") == "registry.yaml:1:2"
    assert where("override a=b c") == "override 'a=b c'"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(
        ["1e-3", "on", "0o7", "1:30", "null", "~", ".inf", "- a", "a: b", "#", "<<", "=", "2024-01-01", "'"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    read_back = parse(dump({"value": value})).plain()["value"]
    assert read_back == value
    assert repr(read_back) == repr(value)  # 1, 1.0 and True are equal, but not the same


@given(st.from_regex(r"[-+]?[0-9]{1,12}(\.[0-9]{0,6})?([eE][-+]?[0-9]{1,2})?", fullmatch=True))
def test_decimal_numbers_mean_what_they_look_like(text: str) -> None:
    found = parse(f"n: {text}").plain()["n"]
    assert found == float(text)
    assert isinstance(found, int) == bool(re.fullmatch(r"[-+]?[0-9]+", text))


@given(st.from_regex(r"[a-zA-Z_:][a-zA-Z_:0-9]*[a-zA-Z_0-9]", fullmatch=True))
def test_words_stay_words(text: str) -> None:
    known = {"null", "true", "false"}
    assert (scalar(text) == text) == (text.lower() not in known or text not in (*known, text.title(), text.upper()))


def test_node_of_keeps_values_and_lists_tuples() -> None:
    node = node_of({"a": (1, {"b": None})}, "here")
    assert node.plain() == {"a": [1, {"b": None}]}
    assert marks(node) == {"a.0": "here", "a.1.b": "here"}


def test_values_are_shown_in_yaml_words() -> None:
    assert [shown(value) for value in (None, True, 1.5, "a\n\x1b")] == ["null", "true", "1.5", r"'a\n\x1b'"]
