"""Real text from a package's file, its passages and its questions."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import save_file

from mmx.errors import AssetError
from mmx_worlds.grammar.scripture import PAIRS, Scripture, convert_text, passages, questions

SOURCE = '''"""A file."""
import os
os.abort()
bible = Bible(1, """
In the beginning was light. And it [was] good; and there was more of it.
Second line.
""", {})
'''


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    source = tmp_path / "text.py"
    source.write_text(SOURCE)
    save_file(convert_text(source), tmp_path / "text.safetensors")
    return tmp_path / "text.safetensors"


def test_the_text_is_taken_out_of_a_file_that_is_never_run(stored: Path) -> None:
    corpus = Scripture(str(stored), words=8)
    assert [sample.fields["text"] for sample in corpus.split("train")] == [
        "In the beginning was light.",
        "And it was good; and there was more of it.".partition("; ")[0] + ";",
        "and there was more of it.",
        "Second line.",
    ]


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("bible = (")
    with pytest.raises(AssetError, match="not a Python file"):
        convert_text(tmp_path / "broken.py")
    (tmp_path / "empty.py").write_text("x = 1")
    with pytest.raises(AssetError, match="no text in it"):
        convert_text(tmp_path / "empty.py")
    with pytest.raises(AssetError, match="not the text of asset:worlds/king-james"):
        Scripture(str(tmp_path / "empty.py"))


def test_passages_are_whole_sentences_unless_one_is_longer() -> None:
    assert list(passages("a b. c d e.\nf g h i j k", 5)) == ["a b. c d e.", "f g h i j k"]
    assert list(passages("a b. c d e.", 4)) == ["a b.", "c d e."]


def test_questions_ask_for_related_pairs_and_no_pair_is_asked_for_in_both_splits() -> None:
    asked = questions()
    related = {(a, b) for pairs in PAIRS.values() for a, b in pairs} | {(b, a) for p in PAIRS.values() for a, b in p}
    for sample, _ in asked:
        a, b, c = sample.fields["question"].split()
        assert {(a, b), (c, sample.targets["answer"])} <= related
        assert len({a, b, c, sample.targets["answer"]}) == 4
    held, rest = ({s.targets["pair"] for s, val in asked if val is each} for each in (True, False))
    assert held and rest and not held & rest
    assert len({sample.id for sample, _ in asked}) == len(asked)
