"""Windows are cut where they should be and averaged; what cannot be read is left out, not guessed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.errors import DataError
from mmx.types import Audio, Sample
from mmx_mulan.evaluation.embedding import encode, encode_one, encode_texts, normalised, silent
from tests.plugins.mmx_mulan.conftest import RATE, TinyRun, Toys, sound, toy_model


def test_the_mean_of_windows_is_the_mean_of_unit_vectors(run: TinyRun) -> None:
    half = np.concatenate([sound(0, 0, 2.0).samples_CT, sound(1, 0, 2.0).samples_CT], 1)
    samples = [Sample("a", {"audio": Audio(half, RATE)}), Sample("b", {"audio": sound(2, 1)})]
    heard = encode(toy_model(deaf=False), run, samples, "fused.audio", seconds=2.0, count=2)
    one, two = np.array([1, 0, 0, 1, 0]), np.array([0, 1, 0, 1, 0])
    expected = (one + two) / np.linalg.norm(one + two)
    assert np.allclose(heard.vectors_ND[0], expected)
    assert np.allclose(heard.vectors_ND[1], np.array([0, 0, 1, 0, 1]) / np.sqrt(2))
    plain = encode(toy_model(deaf=False), run, samples, "fused.audio", seconds=2.0, count=2, unit=False)
    assert np.allclose(plain.vectors_ND[0], (one + two) / 2)


def test_what_cannot_be_read_is_left_out(run: TinyRun) -> None:
    bad = Audio(np.full((1, RATE), np.nan, np.float32), RATE)
    samples = [Sample("bad", {"audio": bad}), Sample("good", {"audio": sound(0, 0)}), Sample("none", {})]
    heard = encode(toy_model(deaf=False), run, samples, "fused.audio", seconds=1.0, count=2)
    assert heard.positions.tolist() == [1]
    with pytest.raises(DataError, match="no recording"):
        encode(toy_model(deaf=False), run, samples[:1], "fused.audio", seconds=1.0, count=1)


def test_windows_that_cannot_be_read_do_not_weigh(run: TinyRun) -> None:
    broken = np.concatenate([sound(1, 0, 2.0).samples_CT, np.full((1, 2 * RATE), np.nan, np.float32)], 1)
    heard = encode(
        toy_model(deaf=False),
        run,
        [Sample("half", {"audio": Audio(broken, RATE)})],
        "fused.audio",
        seconds=2.0,
        count=2,
        unit=False,
    )
    assert heard.vectors_ND[0].tolist() == [0, 1, 0, 1, 0]


def test_a_recording_of_any_length_has_one_vector() -> None:
    model = toy_model(deaf=False)
    for seconds in (0.3, 2.0, 61.0):
        vector_D = encode_one(model, sound(1, 1, seconds), "fused.audio", seconds=2.0, count=10)
        assert np.allclose(vector_D, np.array([0, 1, 0, 0, 1]) / np.sqrt(2))


def test_texts_have_unit_vectors_in_their_order(toys: Toys) -> None:
    texts = ["a slow harp", "flute"] * 50
    vectors_ND = encode_texts(toy_model(deaf=False), texts, "fused.text")
    assert vectors_ND.shape == (100, 5)
    assert np.allclose(np.linalg.norm(vectors_ND, axis=1), 1)
    assert np.allclose(vectors_ND[98], np.array([1, 0, 0, 1, 0]) / np.sqrt(2))


def test_silence_and_zero_vectors() -> None:
    assert silent(Audio(np.zeros((1, 100), np.float32), RATE))
    assert silent(Audio(np.zeros((1, 0), np.float32), RATE))
    assert not silent(sound(0, 0))
    assert normalised(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
    assert torch.is_grad_enabled()
