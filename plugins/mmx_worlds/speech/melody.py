"""Intonation: the course of the pitch of a voice over an utterance.

`lively` follows the command-response model of Fujisaki and Hirose ("Analysis of voice fundamental frequency contours
for declarative sentences of Japanese", 1984): the logarithm of the pitch is a base, plus a slow hump for every phrase,
which declines until the next, plus a quick step up and down for every accent.

Shape legend: K control frames (`CONTROL` per second).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mmx_worlds.people.speakers import Voice
from mmx_worlds.speech.phonemes import PAUSE
from mmx_worlds.speech.utterance import Utterance, smooth

Melody = Callable[[Utterance, Voice, np.ndarray, np.random.Generator], np.ndarray]
"""The pitch in Hz at every control frame of an utterance: from a voice, the frames' times (K,) and chance."""

PHRASE_RATE: Final = 3.0
"""Alpha of the model, per second: how quickly a phrase's hump comes and goes."""
ACCENT_RATE: Final = 20.0
"""Beta of the model, per second: how quickly an accent's step is reached."""
CEILING: Final = 0.9
"""Gamma of the model: where an accent's step stops."""
_PHRASE, _ACCENT = 0.35, 0.5
"""Usual size of a phrase's and largest size of an accent's command, as natural logarithms of frequency."""
_AHEAD: Final = 0.2
"""Seconds by which a phrase's command comes before its first sound."""
_HALF: Final = 0.1
"""Half the length of an accent's command in seconds."""
_BREAK: Final = 0.1
"""Pauses of this many seconds begin a new phrase."""
_UNIT: Final = 0.174
"""Deviation of the pitch by these commands within the voiced sounds of 2 s: root mean square of 300 utterances."""
_WITHIN, _BETWEEN = 0.85, 0.5
"""Share of a speaker's deviation within some seconds, and from one clip to the next; squares add up to about 1."""
_JITTER: Final = 0.01
"""Deviation of one control frame's pitch, in octaves: with that neighbouring periods differ by about 0.8 %."""


def even(utterance: Utterance, voice: Voice, control_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the pitch (K,) in Hz of monotonous speech: a fall, small accents, unsteadiness."""
    octaves_K = -0.12 * (control_K / max(float(control_K[-1]), 1e-9) - 0.5) + rng.uniform(-0.1, 0.1)
    for middle, rise in utterance.accents:
        octaves_K = octaves_K + rise * np.exp(-0.5 * ((control_K - middle) / 0.12) ** 2)
    unsteady_K = smooth(rng.standard_normal(len(control_K)), 0.03) * 0.02
    return np.asarray(voice.pitch * 2.0 ** (octaves_K + unsteady_K))


def lively(utterance: Utterance, voice: Voice, control_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the pitch (K,) in Hz of lively speech; its deviation over many clips is about `voice.swing` octaves.

    The clip is cut out of something longer: its first phrase may have begun before. Every period is a little longer or
    shorter than the last (jitter).
    """
    starts = [float(-rng.uniform(0.0, 1.0))]
    pauses = [spoken for spoken in utterance.phonemes if spoken.symbol == PAUSE]
    starts += [pause.end for pause in pauses if pause.end - pause.start > _BREAK]
    sizes = rng.uniform(0.5, 1.5, len(starts))
    log_K = np.zeros(len(control_K))
    for start, size in zip(starts, sizes, strict=True):
        log_K = log_K + _PHRASE * size * phrase(control_K - start + _AHEAD)
    for middle, rise in utterance.accents:
        size = _ACCENT * rise / voice.swing
        log_K = log_K + size * (accent(control_K - middle + _HALF) - accent(control_K - middle - _HALF))
    shape_K = (log_K - np.mean(log_K)) / _UNIT
    octaves_K = voice.swing * (_WITHIN * shape_K + _BETWEEN * rng.standard_normal())
    unsteady_K = smooth(rng.standard_normal(len(control_K)), 0.03) * 0.02
    jitter_K = _JITTER * rng.standard_normal(len(control_K))
    return np.asarray(voice.pitch * 2.0 ** (octaves_K + unsteady_K + jitter_K))


def phrase(time_K: np.ndarray) -> np.ndarray:
    """Return the hump of a phrase whose command came at time 0: alpha^2 t exp(-alpha t), nothing before."""
    after_K = np.maximum(time_K, 0.0)
    return np.asarray(PHRASE_RATE**2 * after_K * np.exp(-PHRASE_RATE * after_K))


def accent(time_K: np.ndarray) -> np.ndarray:
    """Return the step of an accent whose command came at time 0: 1 - (1 + beta t) exp(-beta t) up to a ceiling."""
    after_K = ACCENT_RATE * np.maximum(time_K, 0.0)
    return np.asarray(np.minimum(1.0 - (1.0 + after_K) * np.exp(-after_K), CEILING))
