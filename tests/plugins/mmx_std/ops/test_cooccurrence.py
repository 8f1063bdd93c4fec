"""Counts of words near each other, and vectors made of them."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_std.ops import cooccurrence
from mmx_std.ops.cooccurrence import cooccurrences, ppmi_vectors

SENTENCES = [np.array(each) for each in ([0, 1, -1, 2, 0], [2, 2], [3], [1, 3, 0])]


@pytest.mark.parametrize("weight", ["distance", "one"])
@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("chunk", [1, 1_000_000])
def test_counts_are_those_of_a_loop(weight: str, window: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooccurrence, "_CHUNK", chunk)
    expected = np.zeros((4, 4))
    for sentence in SENTENCES:
        for i, left in enumerate(sentence):
            for j, right in enumerate(sentence):
                if i != j and abs(i - j) <= window and left >= 0 and right >= 0:
                    expected[left, right] += 1 / abs(i - j) if weight == "distance" else 1
    found = cooccurrences(SENTENCES, 4, window, weight)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.toarray(), expected)


def test_no_sentences_are_no_counts() -> None:
    assert cooccurrences([], 3, 2).nnz == 0


def test_all_factors_together_are_the_positive_mutual_information() -> None:
    """U S^.5 has the inner products of (M M^T)^.5, for a symmetric M."""
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, (6, 6)).astype(float)
    counts = counts + counts.T
    share = counts / counts.sum()
    ppmi = np.maximum(0, np.log(share / np.outer(share.sum(1), share.sum(0))))
    vectors = ppmi_vectors(cooccurrence.sparse.csr_array(counts), 5)
    assert vectors.shape == (6, 5)
    u, s, _ = np.linalg.svd(ppmi)
    np.testing.assert_allclose(vectors @ vectors.T, (u[:, :5] * s[:5]) @ u[:, :5].T, atol=1e-8)
