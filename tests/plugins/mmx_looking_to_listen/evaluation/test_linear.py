"""The linear baseline: on people whose voice is on exactly while their lips are."""

from __future__ import annotations

import numpy as np
import pytest

from mmx_looking_to_listen.evaluation import linear
from mmx_looking_to_listen.evaluation.metrics import si_sdrs
from mmx_looking_to_listen.evaluation.separation import inner
from mmx_looking_to_listen.model.front import Front
from mmx_worlds.mixtures.corpus import Mixtures
from tests.plugins.mmx_looking_to_listen.conftest import FRONT, RATE, Hummers

FRONT_END = Front(**FRONT, power=0.5, compress="polar")


@pytest.fixture
def world() -> Mixtures:
    return Mixtures(Hummers(), mixtures=40, val_mixtures=2, test_mixtures=12, seconds=1.0, rate=RATE)


def improvement(world: Mixtures, name: str, swap: bool = False) -> float:
    learnt = linear.learn(world.split("train"), linear.known(world, "train")[name], FRONT_END)
    tracks = linear.known(world, "test")[name]
    gains = []
    for sample in world.split("test"):
        mixture_T = FRONT_END.prepare(sample.fields["audio"])[0].numpy()
        truth_NT = inner(sample.fields["voices"].samples_CT, FRONT_END)
        faces = list(tracks(sample))
        guess_NT = learnt.estimates(mixture_T, faces[::-1] if swap else faces, FRONT_END)
        assert guess_NT.shape == (2, len(mixture_T))
        before = si_sdrs(inner(np.stack([mixture_T] * 2), FRONT_END), truth_NT)
        gains.append(si_sdrs(inner(guess_NT, FRONT_END), truth_NT) - before)
    return float(np.nanmean(gains))


@pytest.mark.parametrize("name", ["linear_from_true_lips", "linear_from_mouth_pixels"])
def test_lips_that_tell_who_speaks_separate(world: Mixtures, name: str) -> None:
    """Who sings when is in the lips alone: test voices have pitches that no training voice has."""
    assert improvement(world, name) > 2
    assert improvement(world, name, swap=True) < 0


def test_cosines_follow_a_gain_that_is_no_line() -> None:
    """A mouth half open is silent, open or closed it is loud: a line finds one gain for all, cosines find both."""
    x_R1 = np.random.default_rng(0).uniform(-1, 1, (4000, 1))
    gain_R1 = (np.abs(x_R1) > 0.5).astype(float)
    rows = linear._Rows(x_R1, np.ones((4000, 1)), gain_R1, np.zeros(4000, np.int64))
    plain, waved = (linear._solved(rows, [1e-4], np.zeros(1, np.int64), 0, waves)[0] for waves in (0, linear.WAVES))
    errors = [float(np.square(each.gains(x_R1) - gain_R1).mean()) for each in (plain, waved)]
    assert errors[0] > 0.2 and errors[1] < 0.07


def test_a_corpus_that_tells_no_lips_has_pixels() -> None:
    class Bare:
        pass

    assert list(linear.known(Bare(), "train")) == ["linear_from_mouth_pixels"]  # type: ignore[arg-type]


def test_bands_cover_every_bin() -> None:
    edges = linear._edges(Front(8000, 256, 128, 256, 0.5, "polar"))
    assert len(edges) == 8 and edges[0] == 0
    assert (np.diff(edges) > 0).all() and edges[-1] < 128
    assert np.diff(edges, append=129).sum() == 129


def test_context_and_penalty_are_chosen_on_training_mixtures(world: Mixtures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice is the best on held-out training mixtures, found again by hand; no test mixture is looked at."""
    monkeypatch.setattr(world, "split", {"train": world.split("train")}.__getitem__)
    tracks = linear.known(world, "train")["linear_from_true_lips"]
    learnt = linear.learn(world.split("train"), tracks, FRONT_END)
    edges = linear._edges(FRONT_END)
    errors = {}
    for context in linear.CONTEXTS:
        rows = linear._rows(world.split("train"), tracks, FRONT_END, edges, context)
        held = rows.mixture_R % linear.HELD_OUT == linear.HELD_OUT - 1
        for ridge in linear.RIDGES:
            (guess,) = linear._solved(rows.of(~held), [ridge], edges, context)
            errors[rows.of(held).error(guess)] = context
    assert learnt.context == errors[min(errors)]
