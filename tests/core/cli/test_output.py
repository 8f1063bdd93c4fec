"""Tables show text as it is, whole, whatever is in it."""

from __future__ import annotations

import click
import pytest

from mmx.cli.output import print_table


def test_text_is_neither_markup_nor_control(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "what"), [("[bold]x[/bold]", "\x1b[2J"), ("long", "y" * 500)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "what"]
    assert first.split() == ["[bold]x[/bold]", "\\x1b[2J"]
    assert second.split() == ["long", "y" * 500], "into a pipe nothing is folded or cut"


def test_columns_are_aligned_without_rich(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "name"), [("long cell", 1), ("", None)])
    assert capsys.readouterr().out == "a          name\nlong cell  1\n           None\n"
    print_table(("a", "name"), [])
    assert capsys.readouterr().out == "a  name\n"


def test_a_terminal_that_is_too_narrow_gets_folded_cells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(("name", "what"), [("[b]x", "word " * 20)])
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert len(lines) > 3
    assert all(len(line.rstrip()) <= 40 for line in lines)
    assert "[b]x" in lines[1] and sum(line.count("word") for line in lines) == 20
