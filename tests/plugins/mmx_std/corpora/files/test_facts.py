from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from mmx.errors import DataError
from mmx_std.corpora.files.facts import FileFacts


class Asked:
    """Something that counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def kept_file(tmp_path: Path) -> Path:
    return next((tmp_path / "cache" / "files").glob("*.json"))


def test_answers_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    file, asked = tmp_path / "a.wav", Asked()
    file.write_bytes(b"one")
    facts = FileFacts(tmp_path)
    assert [facts.ask(file, "length", asked) for _ in range(2)] == [1, 1]
    assert facts.ask(file, "another question", asked) == 2
    facts.keep()
    again = pickle.loads(pickle.dumps(facts))
    assert again.ask(file, "length", asked) == 1
    assert FileFacts(tmp_path / "elsewhere").ask(file, "length", asked) == 3
    file.write_bytes(b"four")
    changed = FileFacts(tmp_path)
    assert changed.ask(file, "length", asked) == 4
    assert changed.ask(file, "another question", asked) == 5
    assert changed.of_all([file]) != facts.of_all([file])


def test_what_fails_or_is_gone_is_asked_again(tmp_path: Path) -> None:
    facts, asked = FileFacts(tmp_path), Asked()

    def fail() -> None:
        asked()
        raise DataError("broken")

    (tmp_path / "a").write_bytes(b"x")
    for _ in range(2):
        with pytest.raises(DataError, match="broken"):
            facts.ask(tmp_path / "a", "q", fail)
    assert [facts.ask(tmp_path / "gone", "q", asked) for _ in range(2)] == [3, 4]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1, "files": {"a": 3}}', '{"version": 0, "files": {}}'])
def test_a_damaged_file_is_no_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_bytes(b"x")
    facts, asked = FileFacts(tmp_path), Asked()
    facts.ask(tmp_path / "a", "q", asked)
    facts.keep()
    assert json.loads(kept_file(tmp_path).read_text())["version"] == 1
    kept_file(tmp_path).write_text(text)
    assert FileFacts(tmp_path).ask(tmp_path / "a", "q", asked) == 2


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "cache").write_bytes(b"no folder")
    facts, asked = FileFacts(tmp_path), Asked()
    assert facts.ask(tmp_path / "a", "q", asked) == 1
    facts.keep()
