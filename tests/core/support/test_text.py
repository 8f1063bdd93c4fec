"""Text of unknown origin cannot move the cursor or fill the screen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.support.text import describe, one_line, printable, raised_at


def test_terminal_escapes_are_written_out() -> None:
    assert printable("a\x1b[2Jb\r\x00\u202e") == "a\\x1b[2Jb\\r\\x00\\u202e"
    assert printable("größer 音\nnext") == "größer 音\nnext"


@given(st.text(max_size=200), st.integers(1, 50))
def test_one_line_is_printable_and_short(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit


def test_describe_names_the_kind() -> None:
    assert describe(ValueError("two\n lines")) == "ValueError: two lines"
    assert describe(KeyError()) == "KeyError"


def test_where_an_error_was_raised() -> None:
    empty: dict[str, int] = {}
    try:
        empty["x"]
    except KeyError as error:
        assert re.fullmatch(r"test_text\.py:\d+", raised_at(error))
    assert raised_at(KeyError("x")) == "nowhere"


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), RecursionError(), GeneratorExit()])
def test_an_error_that_cannot_say_what_it_is_is_told_by_its_kind(raised: BaseException) -> None:
    class Bad(Exception):
        def __str__(self) -> str:
            raise raised

    assert describe(Bad()) == "Bad: (its message cannot be shown)"
