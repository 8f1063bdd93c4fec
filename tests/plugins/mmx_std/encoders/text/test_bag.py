"""Word vectors from a file, and where they begin. The bag itself is tested with the other text encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmx.errors import ConfigError
from mmx_std.encoders.text.bag import TextBag
from mmx_std.encoders.text.tokenizers import SPECIALS, UNKNOWN
from mmx_std.weights.word_vectors import write_word_vectors
from tests.plugins.mmx_std.encoders.text.test_transformer import Captions


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "vectors.txt"
    write_word_vectors(path, ["red", "cube"], np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    return str(path)


def test_vectors_of_a_file_are_the_words_vectors(file: str) -> None:
    encoder = TextBag(Captions(), width=3, pooling="sum", vectors=file)
    ids = encoder.prepare("Red cube sphere")
    assert ids.tolist() == [len(SPECIALS), len(SPECIALS) + 1, UNKNOWN]
    assert encoder(ids[None]).pooled_BD.tolist() == [[5, 7, 9]]
    assert encoder.tokenizer.unknown_words("red sphere") == ["sphere"]


def test_a_saved_model_needs_the_file_no_more(file: str) -> None:
    encoder = TextBag(Captions(), width=3, vectors=file)
    Path(file).unlink()
    again = TextBag(None, width=3, vectors=file)
    again.load_state_dict(encoder.state_dict())
    ids = again.prepare("cube red")
    torch.testing.assert_close(again(ids[None]).pooled_BD, encoder(encoder.prepare("cube red")[None]).pooled_BD)


def test_another_width_is_refused(file: str) -> None:
    with pytest.raises(ConfigError, match="has vectors of 3 numbers, not 4"):
        TextBag(Captions(), width=4, vectors=file)


def test_a_uniform_start_is_as_wide_as_the_code_makes_it() -> None:
    table = TextBag(Captions(), width=10, vocabulary=400, start="uniform").table.weight.detach()
    assert table.abs().max() <= 0.05 and table[1:].std() == pytest.approx(0.1 / 12**0.5, rel=0.1)
    assert not table[0].any()


def test_rare_words_are_unknown() -> None:
    every, often = (TextBag(Captions(), width=2, min_count=count).tokenizer for count in (1, 10_000))
    assert len(every.tokens()) > len(SPECIALS) and often.tokens() == list(SPECIALS)
