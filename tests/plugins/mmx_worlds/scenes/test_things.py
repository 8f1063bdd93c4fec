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
    impacts,
    sprite_of,
    waveform_of,
    way,
)

RATE = 8000
PLAIN = Toy(shape=0, material=3, motion=3, size=1.0, x=0.5, drift=0.0, start=0.5, tint=1.0)
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
    toy = replace(PLAIN, shape=shape, size=size, motion=motion("bounces"))
    assert toy.pitch == pytest.approx(things.PITCHES[shape] / size)
    assert pitch(sound(toy)) == pytest.approx(toy.pitch, rel=0.03)


def test_what_rises_glides_up_and_what_falls_glides_down() -> None:
    for name, sign in (("rises", 1), ("falls", -1)):
        toy = replace(PLAIN, motion=motion(name))
        samples = sound(toy)
        first, last = pitch(samples[: RATE // 5]), pitch(samples[-RATE // 5 :])
        assert np.log2(last / first) * 12 == pytest.approx(sign * 2 * things.GLIDE * 0.8, abs=0.8)
        y = way(toy, 8, 1.0)[:, 1]
        assert np.all(np.diff(y) * sign < 0)  # y goes down


def test_a_bouncing_thing_strikes_when_it_is_on_the_floor() -> None:
    toy = replace(PLAIN, motion=motion("bounces"))
    strikes = impacts(toy, 1.0)
    loudness = np.abs(sound(toy)).reshape(-1, 80).max(1)  # every 10 ms
    for strike in strikes:
        place = int(strike * 100)
        assert loudness[place + 1] > 3 * loudness[max(0, place - 2)]
    y = way(toy, 1000, 1.0)[:, 1]
    assert y[(strikes * 1000).astype(int)] == pytest.approx(1.0, abs=0.02)
    assert y.min() < 0.2


def test_what_trembles_modulates_its_sound() -> None:
    toy = replace(PLAIN, motion=motion("trembles"))
    envelope = np.abs(sound(toy, 2.0)).reshape(-1, 40).max(1)
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    assert np.argmax(spectrum) / 2.0 == pytest.approx(things.TREMOR, abs=0.5)
    x = way(toy, 8, 1.0)[:, 0]
    assert np.all(np.diff(np.sign(np.diff(x))) != 0)  # left and right in turn


def test_materials_have_their_own_overtones_and_looks() -> None:
    spectra, looks = [], []
    for number in range(len(MATERIALS)):
        toy = replace(PLAIN, material=number, motion=motion("bounces"))
        spectrum = np.abs(np.fft.rfft(sound(toy)))
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
    assert all(0 <= way(toy, 8, 1.0).min() and way(toy, 8, 1.0).max() <= 1 for toy in toys[:200])  # noqa: SIM300
    toy = toys[0]
    assert CLASSES[toy.label] == f"{MATERIALS[toy.material].name} {FORMS[toy.shape]} {MOTIONS[toy.motion]}"


def test_overtones_above_half_the_rate_are_left_out() -> None:
    toy = replace(PLAIN, shape=3, material=1, size=0.87)
    low = waveform_of(toy, 1.0, 2000, np.random.default_rng(0))
    assert np.isfinite(low).all()
    assert np.sqrt(np.mean(low**2)) == pytest.approx(0.2, abs=0.01)
