"""The band from a soundfont: recorded instruments where `mmx_worlds.folk.synthesis` computes them. Optional.

The renderer is the package tinysoundfont (its requirement pyaudio is not needed: `pip install --no-deps`); the sounds
are any General MIDI soundfont, by path, or the one that the package pretty_midi carries (TimGM6mb.sf2, GPL-2: used
where it is installed, no part of mmx). Shapes: T samples.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from mmx import AssetError, Audio
from mmx_std import waveforms
from mmx_worlds.folk.performance import Part
from mmx_worlds.folk.synthesis import Floats

INSTALLED: Final = "installed"
"""Stands for the soundfont of the package pretty_midi."""
PROGRAMS: Final[Mapping[str, Sequence[int]]] = {
    "harp": (46,),
    "fiddle": (40, 110, 41),
    "flute": (73, 74),
    "clarinet": (71,),
    "organ": (19, 20, 16),
    "bells": (14, 9, 10),
    "trumpet": (56, 59),
    "harpsichord": (6,),
    "accordion": (21, 23),
    "whistle": (78, 72),
    "guitar": (24, 25),
    "drones": (20, 109),
}
"""General MIDI programs (from 0) of each instrument; builds take them in turn, so that the same name has several
sounds where the standard has them."""
_DRUM_KEYS: Final = (41, 37)
"""Keys of the drum kit for a drum's middle and its edge."""
_KIT, _KIT_BANK = 9, 128
_OVER: Final = 4
"""The renderer's filters are coarse: it plays at this many times the rate."""
_HIT: Final = "pip install --no-deps tinysoundfont pretty_midi"


class Soundfont:
    """A band whose instruments are a soundfont's.

    Args:
        path: Of a soundfont (.sf2), or "installed".

    Raises:
        AssetError: No such file, no soundfont in it, or a package is missing.
    """

    def __init__(self, path: str = INSTALLED) -> None:
        if importlib.util.find_spec("tinysoundfont") is None:
            raise AssetError(f"playing a soundfont needs the package tinysoundfont; run: {_HIT}")
        self.path = installed() if path == INSTALLED else Path(path).expanduser()
        if not self.path.is_file():
            raise AssetError(f"soundfont: no file {self.path}; give the path of a .sf2, or {INSTALLED!r} after: {_HIT}")
        _open(self.path, 8000)

    def __call__(self, parts: Sequence[Part], *, seconds: float, rate: int) -> Floats:
        """Render all parts: float32 samples (T,), of no particular level."""
        synth, font = _open(self.path, _OVER * rate)
        synth.sounds_off()
        synth.generate(_OVER * rate // 10)  # what sounded before fades out: the same parts always sound the same
        for channel, part in enumerate(parts):
            if part.instrument == "drum":
                synth.program_select(_KIT, font, _KIT_BANK, 0, True)
            else:
                synth.program_select(channel, font, 0, program(part))
        pieces, now = [], 0
        for at, on, channel, key, velocity in _events(parts, round(seconds * _OVER * rate), _OVER * rate):
            if at > now:
                pieces.append(np.frombuffer(synth.generate(at - now), np.float32).copy())
                now = at
            if on:
                synth.noteon(channel, key, velocity)
            else:
                synth.noteoff(channel, key)
        track_T = np.concatenate(pieces).reshape(-1, 2).mean(1)
        resampled_T: Floats = waveforms.Intake(rate, seconds)(Audio(track_T[None], _OVER * rate)).numpy()
        return resampled_T


def installed() -> Path:
    """Return the path of the soundfont in the installed package pretty_midi, which is not imported.

    Raises:
        AssetError: The package is not installed.
    """
    spec = importlib.util.find_spec("pretty_midi")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(place).glob("*.sf2")):
            return found
    raise AssetError(f"soundfont: no soundfont is installed; run: {_HIT}, or give the path of a .sf2")


def program(part: Part) -> int:
    """Return the General MIDI program that a part is played on."""
    known = PROGRAMS[part.instrument]
    return known[part.build % len(known)]


def _events(parts: Sequence[Part], end: int, rate: int) -> list[tuple[int, bool, int, int, int]]:
    """Return (sample, begins, channel, key, velocity) in order, ends before beginnings; the last is at `end`."""
    loudest = max((stroke.level for part in parts for stroke in part.strokes), default=1.0)
    found = []
    for number, part in enumerate(parts):
        drum = part.instrument == "drum"
        channel = _KIT if drum else number
        low = min((stroke.pitch for stroke in part.strokes), default=0)
        for stroke in part.strokes:
            key = _DRUM_KEYS[stroke.pitch > low] if drum else int(np.clip(stroke.pitch, 24, 108))
            # A soundfont's loudness goes with the square of the velocity.
            velocity = int(np.clip(round(120 * (stroke.level / loudest) ** 0.5), 1, 127))
            first, last = round(stroke.onset * rate), round((stroke.onset + stroke.duration) * rate)
            if first < end:
                found.append((first, True, channel, key, velocity))
                found.append((min(max(last, first + 1), end), False, channel, key, 0))
    return sorted([*found, (end, False, 0, 0, 0)], key=lambda event: (event[0], event[1]))


@lru_cache(maxsize=4)
def _open(path: Path, rate: int) -> tuple[Any, int]:
    """Return a renderer and its number of the soundfont, one per file and rate."""
    import tinysoundfont

    synth = tinysoundfont.Synth(samplerate=rate)
    try:
        return synth, synth.sfload(str(path))
    except (tinysoundfont.SoundFontException, RuntimeError) as error:
        raise AssetError(f"soundfont: {path} is no soundfont that tinysoundfont can read: {error}") from error
