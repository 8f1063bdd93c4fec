"""Tables show text as it is, whole, whatever is in it."""

from __future__ import annotations

import pytest

from mmx.cli.output import print_table


def test_text_is_neither_markup_nor_control(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "what"), [("[bold]x[/bold]", "\x1b[2J"), ("long", "y" * 500)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "what"]
    assert first.split() == ["[bold]x[/bold]", "\\x1b[2J"]
    assert second.split() == ["long", "y" * 500], "into a pipe nothing is folded or cut"
