"""`mmx doctor` prints a line per check and fails if one does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmx import doctor
from mmx.cli import main
from mmx.types import Check


@pytest.mark.parametrize("ok", [True, False])
def test_lines_and_exit_code(ok: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def examine(plugins: object) -> Iterator[Check]:
        yield Check("first", True, "fine")
        yield Check("second", ok, "found \x1b", "do this")

    monkeypatch.setattr(doctor, "examine", examine)
    assert main(["doctor"]) == (0 if ok else 1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["ok", "first", "fine"],
        ["ok" if ok else "FAIL", "second", "found", "\\x1b"],
        ["->", "do", "this"],
    ]
