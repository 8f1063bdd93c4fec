"""Files of word vectors in the forms of word2vec and GloVe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx.errors import AssetError
from mmx_std.weights.word_vectors import read_word_vectors, write_word_vectors

WORDS = ["the", "naïve", "king"]
VECTORS = np.array([[0.5, -1.25, 3], [1e-7, 2, -0.125], [0, 1, 2]], np.float32)


def text(path: Path, header: bool) -> Path:
    lines = [f"{w} {' '.join(map(repr, map(float, v)))}" for w, v in zip(WORDS, VECTORS, strict=True)]
    path.write_text("\n".join([*(["3 3"] if header else []), *lines]) + "\n", "utf-8")
    return path


def binary(path: Path, ends: bytes) -> Path:
    rows = [w.encode() + b" " + v.tobytes() + ends for w, v in zip(WORDS, VECTORS, strict=True)]
    path.write_bytes(b"3 3\n" + b"".join(rows))
    return path


@pytest.fixture(params=["word2vec text", "glove", "binary", "binary of the original program"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if "binary" in request.param:
        return binary(tmp_path / "vectors.bin", b"\n" if "original" in request.param else b"")
    return text(tmp_path / "vectors.txt", request.param == "word2vec text")


def test_every_form_gives_the_same(file: Path) -> None:
    words, vectors = read_word_vectors(file, 100)
    assert words == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)
    assert read_word_vectors(file, 2)[0] == WORDS[:2]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_word_vectors(tmp_path / "own.txt", WORDS, VECTORS)
    words, vectors = read_word_vectors(tmp_path / "own.txt", 100)
    assert words == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)


def test_a_word_that_holds_spaces_and_one_that_comes_again(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_text(". . 1 2\nat 3 4\nat 5 6\n")
    with pytest.raises(AssetError):  # its first line tells the width: three numbers or two and a word of two parts
        read_word_vectors(tmp_path / "glove.txt", 10)
    (tmp_path / "glove.txt").write_text("at 3 4\n. . 1 2\nat 5 6\n")
    words, vectors = read_word_vectors(tmp_path / "glove.txt", 10)
    assert words == ["at", ". ."] and vectors.tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1 is not a word"),
        (b"word\n", "line 1 is not a word"),
        (b"2 3\na 1 2 3\n", "word 2 of 2 has no 3 numbers"),
        (b"1 3\na 1 2 nan\n", "word 1 of 1 has no 3 numbers"),
        (b"1 99999\na 1\n", "vectors of 99999 numbers"),
        (b"2 3\nab \x00\x00", "word 1 of 2"),
        (b"0 3\n", "no words"),
        (b"a 1 2\nb 1\n", "word 2"),
    ],
)
def test_what_is_no_such_file_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(AssetError, match=told):
        read_word_vectors(tmp_path / "file", 100)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="cannot be read"):
        read_word_vectors(tmp_path / "none", 1)
