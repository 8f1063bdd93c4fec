"""Drawn things: the sound follows from shape, material and movement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmx_worlds.scenes import things
from mmx_worlds.scenes.things import (
    CLASSES,
    FORMS,
    MATERIALS,
    MOTIONS,
    Toy,
    draw_toy,
    sprite_of,
    waveform_of,
    way,
)

RATE = 8000
PLAIN = Toy(shape=0, material=3, motion=0, size=1.0, x=0.5, drift=0.0, turn=0.25, tint=1.0)
"""A rubber ball: a pure tone."""


def sound(toy: Toy, seconds: float = 1.0) -> np.ndarray:
    return waveform_of(toy, seconds, RATE, np.random.default_rng(0))


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.argmax(spectrum) * RATE / (8 * len(samples)))


def motion(name: str) -> int:
    return MOTIONS.index(name)


@pytest.mark.parametrize("shape", range(len(FORMS)))
@pytest.mark.parametrize("size", [0.9, 1.1])
def test_shape_and_size_set_the_pitch(shape: int, size: float) -> None:
    toy = replace(PLAIN, shape=shape, size=size)
    assert toy.pitch == pytest.approx(things.PITCHES[shape] / size)
    middle = sound(toy)[RATE // 2 - RATE // 20 : RATE // 2 + RATE // 20]  # half way up
    assert pitch(middle) == pytest.approx(toy.pitch, rel=0.03)


@pytest.mark.parametrize(
    ("name", "turn", "signs"),
    [("rises", 0.5, (1, 1)), ("falls", 0.5, (-1, -1)), ("leaps", 0.25, (1, -1)), ("tumbles", 0.75, (1, -1))],
)
def test_pitch_glides_with_height(name: str, turn: float, signs: tuple[int, int]) -> None:
    """Highest at the turn; semitones follow height linearly, from GLIDE below the pitch to GLIDE above it."""
    toy = replace(PLAIN, motion=motion(name))
    samples, y = sound(toy), way(toy, 200)[:, 1]
    edges = (0.0, turn, 1.0)
    for sign, begin, end in zip(signs, edges, edges[1:], strict=False):
        first, last = (
            pitch(samples[round(at * RATE) : round((at + 0.05) * RATE)]) for at in (begin + 0.02, end - 0.07)
        )
        inside = way(toy, 200)[round(200 * begin) + 1 : round(200 * end) - 1, 1]
        assert np.all(np.diff(inside) * sign < 0)  # y goes down
        climbed = -(y[round(200 * (end - 0.045))] - y[round(200 * (begin + 0.045))]) / 0.9
        assert np.log2(last / first) * 12 == pytest.approx(2 * things.GLIDE * climbed, abs=1.0)


@pytest.mark.parametrize(("name", "other"), [("rises", "falls"), ("leaps", "tumbles")])
def test_each_movement_is_another_one_backwards(name: str, other: str) -> None:
    """So nothing that is averaged over time, of frames or of their differences, tells the two apart."""
    forth, back = (way(replace(PLAIN, motion=motion(each)), 8) for each in (name, other))
    assert forth == pytest.approx(back[::-1])
    assert not np.allclose(forth, back)


def test_materials_have_their_own_overtones_and_looks() -> None:
    spectra, looks = [], []
    for number in range(len(MATERIALS)):
        toy = replace(PLAIN, material=number)
        spectrum = np.abs(np.fft.rfft(sound(toy)[:800] * np.hanning(800)))
        spectra.append(spectrum / np.linalg.norm(spectrum))
        looks.append(sprite_of(0, number, 16).paint_HWC.mean((0, 1)))
    for a in range(len(MATERIALS)):
        for b in range(a):
            assert spectra[a] @ spectra[b] < 0.9
            assert np.abs(looks[a] - looks[b]).max() > 15


def test_sprites_are_round_where_they_should_be() -> None:
    ball, box = sprite_of(0, 3, 20), sprite_of(1, 3, 20)
    assert ball.size == box.size == (20, 20)
    assert ball.clear_HW1[0, 0, 0] == 1.0
    assert ball.clear_HW1[10, 10, 0] == 0.0
    assert (1 - ball.clear_HW1).mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert sprite_of(0, 2, 20).clear_HW1[10, 10, 0] == pytest.approx(0.35)  # glass


def test_draws_are_even_and_within_the_frame() -> None:
    rng = np.random.default_rng(0)
    toys = [draw_toy(rng) for _ in range(2000)]
    counts = np.bincount([toy.label for toy in toys], minlength=len(CLASSES))
    assert len(CLASSES) == 64
    assert counts.min() > 10
    assert all(0 <= way(toy, 8).min() and way(toy, 8).max() <= 1 for toy in toys[:200])  # noqa: SIM300
    toy = toys[0]
    assert CLASSES[toy.label] == f"{MATERIALS[toy.material].name} {FORMS[toy.shape]} {MOTIONS[toy.motion]}"


def test_overtones_above_half_the_rate_are_left_out() -> None:
    toy = replace(PLAIN, shape=3, material=1, size=0.87)
    low = waveform_of(toy, 1.0, 2000, np.random.default_rng(0))
    assert np.isfinite(low).all()
    assert np.sqrt(np.mean(low**2)) == pytest.approx(0.2, abs=0.01)
