"""Pieces: a tune, its performance, and the facts that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mmx_std import music_labels
from mmx_worlds.folk import facts
from mmx_worlds.folk.performance import BACKINGS, Manner, perform
from mmx_worlds.folk.synthesis import INSTRUMENTS, Band, Floats, play, recorded
from mmx_worlds.folk.tunes.notation import Tune
from mmx_worlds.folk.tunes.tunebook import Entry, Split

NOTES_PER_SECOND: Final = {"slow": (1.5, 2.1), "moderate": (3.4, 4.4), "fast": (7.2, 9.2)}
MEAN_PITCH: Final = {"low": 52, "middle": 64, "high": 76}
"""MIDI pitch that a tune's mean comes nearest to, moved by whole octaves."""
ACCENT: Final = (3.0, 9.0)
"""Decibels of a bar's first note over one between the beats."""
BALANCE: Final = (0.35, 0.7)
"""Level of who plays along, relative to the tune."""
BUILDS: Final = {"train": (0, 4), "val": (4, 6), "test": (4, 6)}
"""Individuals of each instrument: those of the held-out splits are not in training."""


@dataclass(frozen=True)
class Piece:
    """One recording to be.

    Attributes:
        id: Of the tune, with the number of the performance where it is not the first.
        tune: Its notes.
        manner: Instrument, speed, register, where it begins.
        known: What is true of it, by kind: `mmx_std.music_words`, and `title` and `key`; unknown kinds are absent.
        seed: Of everything drawn for it.
        labels: Its catalogue labels, by family: `mmx_std.music_labels`.
    """

    id: str
    tune: Tune
    manner: Manner
    known: dict[str, str]
    seed: tuple[int, ...]
    labels: dict[music_labels.Family, tuple[float, ...]]

    def render(self, seconds: float, rate: int, band: Band = play) -> Floats:
        """Play and record it: float32 samples (T,)."""
        track_T = band(perform(self.tune, self.manner, seconds), seconds=seconds, rate=rate)
        return recorded(track_T, gain=self.manner.gain, noise=self.manner.noise, seed=self.seed)


def arrange(entry: Entry, tune: Tune, split: Split, seed: int, player: int = 0) -> Piece:
    """Draw how a tune is played; the same seed and tune give the same piece, whatever else is in the corpus.

    Args:
        entry: Where the tune comes from.
        tune: Its notes.
        split: Decides which individuals of an instrument there are.
        seed: What is drawn from.
        player: Number of the performance; each draws anew.
    """
    stream = (seed, int(entry.rank[:12], 16), *([player] if player else []))
    rng = np.random.default_rng(stream)
    instrument, tempo, register = (
        str(rng.choice(list(names))) for names in (INSTRUMENTS, NOTES_PER_SECOND, MEAN_PITCH)
    )
    last = tune.notes[-1]
    density = len(tune.notes) / (last.onset + last.duration)
    pitches = [note.pitch for note in tune.notes if note.pitch is not None]
    early = [note.onset for note in tune.notes[: max(1, len(tune.notes) // 2)]]
    manner = Manner(
        instrument=instrument,
        build=int(rng.integers(*BUILDS[split])),
        speed=float(rng.uniform(*NOTES_PER_SECOND[tempo])) / density,
        shift=12 * round((MEAN_PITCH[register] - float(np.mean(pitches))) / 12),
        start=float(rng.choice(early)),
        gain=float(rng.uniform(0.3, 0.9)),
        noise=float(np.exp(rng.uniform(np.log(0.001), np.log(0.02)))),
        accent=float(rng.uniform(*ACCENT)),
        backing=BACKINGS[int(rng.integers(len(BACKINGS)))],
        balance=float(rng.uniform(*BALANCE)),
    )
    known = {
        "instrument": instrument,
        "tempo": tempo,
        "register": register,
        "genre": entry.genre,
        "region": entry.region,
        "metre": facts.metre_name(tune.fields),
        "mode": facts.mode(tune),
        "key": facts.key_name(tune),
        "title": entry.title,
    }
    known = {kind: value for kind, value in known.items() if value}
    catalogued = music_labels.labels(known, tune.metre, manner.speed * density, float(np.mean(pitches)) + manner.shift)
    name = f"{entry.id}@{player}" if player else entry.id
    return Piece(name, tune, manner, known, stream, catalogued)
