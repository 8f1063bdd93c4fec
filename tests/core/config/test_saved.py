"""Saved configurations: read back without their mark, refused where another version wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmx.config.saved import marked, read_saved
from mmx.errors import ConfigError


def test_what_is_marked_is_read_back_without_the_mark(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(marked("name: a\nheads: {b: [1, 0.5]}\n"))
    read = read_saved(tmp_path / "config.yaml", "config.yaml")
    assert read.plain() == {"name": "a", "heads": {"b": [1, 0.5]}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\n", "c.yaml: written by mmx 0.1, which this version cannot read; run it again, or use mmx==0.1"),
        (
            "mmx: '0.7'\nname: a\n",
            "c.yaml: written by mmx 0.7, which this version cannot read; run it again, or use mmx==0.7",
        ),
        ("experiments: {}\n", "c.yaml:1:1: name: is missing; this is no config.yaml of a run"),
        ("mmx: '0.2'\n", "c.yaml:1:1: name: is missing; this is no config.yaml of a run"),
    ],
)
def test_what_another_version_or_nobody_wrote_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_saved(tmp_path / "c.yaml", "c.yaml")
    assert str(caught.value) == told
