"""Commands of plugins: lazy, attributed, and never in place of mmx's own."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import mmx.cli
from mmx.errors import CollisionError, PluginError
from mmx.plugins.commands import BUILT_IN, GROUPS, Command, Commands


def test_added_without_importing() -> None:
    table: dict[str, Command] = {}
    Commands(table, "foo", "mmx-foo 1.0").add("foo-export", "mmx_nowhere.cli:export", "Export.\nMore.")
    assert table["foo-export"].help == "Export."
    assert "mmx_nowhere" not in sys.modules
    with pytest.raises(PluginError, match=r"'foo-export' of plugin 'foo' \(mmx-foo 1.0\): cannot import mmx_nowhere"):
        table["foo-export"].load()


def test_missing_attribute_is_named_with_its_neighbour() -> None:
    with pytest.raises(PluginError, match=r"mmx.support.text has no 'one_lin'; did you mean 'one_line'"):
        Command("x", "mmx.support.text:one_lin", "", "foo", "mmx-foo 1.0").load()


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_own_commands_cannot_be_shadowed(name: str) -> None:
    with pytest.raises(CollisionError, match=f"'{name}' would shadow mmx's own; name it 'foo-{name}'"):
        Commands({}, "foo", "").add(name, "a:b", "")


def test_two_plugins_with_the_same_command_are_both_named() -> None:
    table: dict[str, Command] = {}
    Commands(table, "foo", "mmx-foo 1.0").add("give", "a:b", "")
    with pytest.raises(CollisionError, match=r"'foo' \(mmx-foo 1.0\) and 'bar' \(mmx-bar 2.0\)"):
        Commands(table, "bar", "mmx-bar 2.0").add("give", "a:b", "")


@pytest.mark.parametrize(
    ("name", "target"), [("Export", "a:b"), ("--x", "a:b"), ("a b", "a:b"), ("x", "os"), ("x", ":f")]
)
def test_malformed(name: str, target: str) -> None:
    with pytest.raises(PluginError, match=r"must be lower-case words|is not of the form module:attribute"):
        Commands({}, "foo", "").add(name, target, "")


def test_every_command_file_is_in_the_table() -> None:
    folder = Path(mmx.cli.__file__).parent
    offering = {
        f"mmx.cli.{path.stem}"
        for path in folder.glob("*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "command" for node in ast.parse(path.read_text()).body
        )
    }
    assert offering >= {"mmx.cli.plugins", "mmx.cli.doctor", "mmx.cli.fetch"}
    assert offering <= {module for module, _ in BUILT_IN.values()}


def test_every_command_is_in_one_group_of_the_help() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(BUILT_IN)
