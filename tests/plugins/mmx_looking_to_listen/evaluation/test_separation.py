from __future__ import annotations

import numpy as np
import pytest
import torch

from mmx.types import Batch, Features, Outputs
from mmx_looking_to_listen.evaluation.metrics import si_sdr
from mmx_looking_to_listen.evaluation.separation import (
    CONTROLS,
    Ports,
    altered,
    gain,
    inner,
    judge_mixtures,
    mean,
    mean_rows,
    row_of,
    table,
)
from mmx_worlds.mixtures.corpus import Mixtures
from tests.plugins.mmx_looking_to_listen.conftest import RATE, Hummers, Run, tiny

PORTS = Ports("audio", "faces", "voices", "masks")
SIZES = {"mixtures": 4, "val_mixtures": 2, "test_mixtures": 5, "seconds": 1.0, "rate": RATE}


def oracle(model: torch.nn.Module, *, follow: bool) -> None:
    """Let the head say the true spectra, in the order of the faces' brightness if it is to follow them."""
    memory: dict[str, torch.Tensor] = {}

    def predicted(batch: Batch, needs: object = None) -> Outputs:
        spectra = model.encoders["voices"](batch.inputs["voices"]).tokens_BTD
        front = model.encoders["audio"].front
        spectra = spectra.reshape(batch.size, 2, -1, front.bins, 2)
        seen = batch.cached["faces"].tokens_BTD.unflatten(1, (2, -1))
        key = batch.ids[0]
        memory.setdefault(key, seen)
        if follow and torch.equal(seen, memory[key].flip(1)) and not torch.equal(seen, memory[key]):
            spectra = spectra.flip(1)
        return Outputs({}, {}, {"masks": {"spectra": spectra, "masks": spectra}})

    model.forward = predicted  # type: ignore[method-assign]


def test_perfect_estimates_are_judged_perfect_and_follow_swapped_faces(run: Run) -> None:
    world = Mixtures(Hummers(), **SIZES)
    model = tiny()
    oracle(model, follow=True)
    separated = judge_mixtures(model, run, world.split("test"), PORTS, controls=CONTROLS, oracles=True, shown=2)
    assert len(separated) == 5
    assert table(separated, "model").min() > 50
    assert table(separated, "followed").min() > 50
    assert table(separated, "swapped").max() < 5
    assert [bool(row.guesses) for row in separated] == [True, True, False, False, False]
    assert separated[0].masks is not None
    assert mean(gain(separated, "mixture")) == 0
    assert mean(gain(separated, "irm")) > 3
    row = row_of(separated[0])
    assert next(iter(row)) == "id"
    assert row["components"]["clips"]


def test_a_model_that_does_not_look_fails_the_swap_test(run: Run) -> None:
    model = tiny()
    oracle(model, follow=False)
    separated = judge_mixtures(
        model, run, Mixtures(Hummers(), **SIZES).split("test"), PORTS, controls=("swapped",), oracles=True
    )
    assert (table(separated, "followed") < table(separated, "swapped")).all()


def test_blind_models_are_judged_in_their_best_order(run: Run) -> None:
    model = tiny(visual="none")
    ports = Ports("audio", None, "voices", "masks")
    samples = Mixtures(Hummers(), **SIZES).split("test")
    free = judge_mixtures(model, run, samples, ports, oracles=True, permute=True, controls=CONTROLS)
    fixed = judge_mixtures(model, run, samples, ports, oracles=True)
    assert mean(gain(free, "model")) >= mean(gain(fixed, "model"))
    assert "swapped" not in free[0].ratios
    for row, kept in zip(free, judge_mixtures(model, run, samples, ports, shown=5), strict=True):
        guess, truth = (inner(each, model.encoders["audio"].front) for each in (kept.guesses["model"], row.truth_NT))
        by_order = [[si_sdr(guess[n], truth[voice]) for voice, n in enumerate(order)] for order in ((0, 1), (1, 0))]
        np.testing.assert_allclose(row.ratios["model_random_order"], np.mean(by_order, 0))


def test_ratios_are_those_of_the_inner_part(run: Run) -> None:
    model = tiny()
    separated = judge_mixtures(model, run, Mixtures(Hummers(), **SIZES).split("test"), PORTS, shown=5)
    front = model.encoders["audio"].front
    first, last = front.window, (front.frames(RATE) - 1) * front.hop
    for row in separated:
        for voice in range(2):
            expected = si_sdr(row.guesses["model"][voice, first:last], row.truth_NT[voice, first:last])
            assert row.ratios["model"][voice] == pytest.approx(expected)
    assert inner(np.zeros((2, RATE)), front).shape == (2, last - first)


def test_silent_voices_have_no_ratio(run: Run) -> None:
    samples = Mixtures(Hummers(silent=range(12)), **SIZES).split("test")
    separated = judge_mixtures(tiny(), run, samples, PORTS, oracles=True)
    assert np.isnan(table(separated, "model")).all()
    assert np.isnan(mean(gain(separated, "model")))


def test_how_eyes_are_led_astray() -> None:
    tokens = torch.randn(3, 2 * 5, 4)
    features = Features(tokens.mean(1), tokens)
    faces = tokens.unflatten(1, (2, 5))
    found = {name: altered(features, name, 2).tokens_BTD.unflatten(1, (2, 5)) for name in ("model", *CONTROLS)}
    torch.testing.assert_close(found["model"], faces)
    torch.testing.assert_close(found["swapped"], faces[:, [1, 0]])
    torch.testing.assert_close(found["other_face"], faces[[2, 0, 1]])
    torch.testing.assert_close(found["static_frame"], faces[:, :, 2:3].expand_as(faces))
    assert not found["zero"].any()
    torch.testing.assert_close(found["shuffled"].sort(2).values, faces.sort(2).values)


def test_means_leave_silence_out() -> None:
    values = np.array([[1.0, np.nan], [2.0, 4.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(mean_rows(values), [1.0, 3.0, np.nan])
    assert mean(mean_rows(values)) == 2.0
