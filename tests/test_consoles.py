"""The reader of pages: a page whose output is wrong must not pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.consoles import blocks, matches, play

PAGE = """
<!-- file: a.txt -->
```text
one
```

<!-- append: a.txt -->
```text
two
```

```console
$ cat a.txt
one
...
$ echo 'x  y'
x y
```

```console exit=3
$ exit 3
```

<!-- not run: it would fail -->
```console
$ false
```
"""


def test_a_page_is_played(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert [len(block.commands) for block in blocks(page)] == [0, 0, 2, 1, 1]
    assert play(page, tmp_path) == 3


@pytest.mark.parametrize(
    ("right", "wrong"), [("one\n...", "two"), ("x y", "x z"), ("exit=3", "exit=2"), ("not run: ", "")]
)
def test_a_page_that_is_wrong_fails(tmp_path: Path, right: str, wrong: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace(right, wrong))
    with pytest.raises(AssertionError):
        play(page, tmp_path)


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("a  b\nc\n", "a b c", True),
        ("a\nb\nc", "a\n...\nc", True),
        ("a c", "a ... c", True),
        ("a b", "a", False),
        ("", "a", False),
        ("anything", "", True),
    ],
)
def test_output_is_compared_without_looking_at_blanks(printed: str, expected: str, same: bool) -> None:
    assert matches(printed, expected) is same
