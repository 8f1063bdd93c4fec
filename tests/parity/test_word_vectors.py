"""Files of word vectors, and analogies, beside gensim's KeyedVectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmx_std.tasks.spaces.analogies import answers
from mmx_std.weights.word_vectors import read_word_vectors, write_word_vectors

models = pytest.importorskip("gensim.models")


@pytest.fixture
def theirs() -> object:
    vectors = models.KeyedVectors(8)
    rng = np.random.default_rng(0)
    vectors.add_vectors([f"word{i}" for i in range(50)], rng.standard_normal((50, 8)).astype(np.float32))
    return vectors


@pytest.mark.parametrize(("binary", "header"), [(True, True), (False, True), (False, False)])
def test_what_gensim_writes_is_read(binary: bool, header: bool, theirs: object, tmp_path: Path) -> None:
    theirs.save_word2vec_format(str(tmp_path / "file"), binary=binary, write_header=header)  # type: ignore[attr-defined]
    words, vectors = read_word_vectors(tmp_path / "file", 100)
    assert words == theirs.index_to_key  # type: ignore[attr-defined]
    np.testing.assert_array_equal(vectors, theirs.vectors)  # type: ignore[attr-defined]


def test_what_we_write_gensim_reads(theirs: object, tmp_path: Path) -> None:
    write_word_vectors(tmp_path / "file", theirs.index_to_key, theirs.vectors)  # type: ignore[attr-defined]
    again = models.KeyedVectors.load_word2vec_format(str(tmp_path / "file"))
    np.testing.assert_array_equal(again.vectors, theirs.vectors)  # type: ignore[attr-defined]


def test_analogies_are_answered_alike(theirs: object) -> None:
    asked = np.random.default_rng(1).permuted(np.tile(np.arange(50), (40, 1)), axis=1)[:, :3]
    ours = answers(theirs.vectors.astype(float), asked)  # type: ignore[attr-defined]
    for (a, b, c), found in zip(asked, ours, strict=True):
        positive, negative = [f"word{b}", f"word{c}"], [f"word{a}"]
        assert theirs.most_similar(positive, negative, topn=1)[0][0] == f"word{found}"  # type: ignore[attr-defined]
