"""The soundfont band: the right notes at the right times; real sounds where the packages are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmx.errors import AssetError
from mmx_worlds.folk import soundfont
from mmx_worlds.folk.corpus import Folk
from mmx_worlds.folk.performance import Part, Stroke
from mmx_worlds.folk.soundfont import PROGRAMS, Soundfont, program
from mmx_worlds.folk.synthesis import ACCOMPANISTS, INSTRUMENTS

RATE = 8000
needs_font = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("tinysoundfont", "pretty_midi")),
    reason="pip install --no-deps tinysoundfont pretty_midi",
)
PART = Part("organ", 0, [Stroke(0.0, 0.4, 57, 1.0), Stroke(0.5, 0.4, 69, 0.25)])


def test_every_instrument_has_a_program_and_builds_take_turns() -> None:
    assert set(PROGRAMS) == (set(INSTRUMENTS) | set(ACCOMPANISTS)) - {"drum"}
    assert [program(Part("fiddle", build, ())) for build in range(4)] == [40, 110, 41, 40]


def test_events_end_before_others_begin_and_stay_within_the_time() -> None:
    again = Part("organ", 0, [Stroke(0.0, 0.5, 60, 1.0), Stroke(0.5, 2.0, 60, 1.0), Stroke(1.5, 0.1, 60, 1.0)])
    events = soundfont._events([again], 1000, 1000)
    assert [(at, on, key) for at, on, _, key, _ in events] == [
        *((0, True, 60), (500, False, 60), (500, True, 60)),
        *((1000, False, 60), (1000, False, 0)),
    ]


def test_velocity_is_the_root_of_the_level() -> None:
    loud, soft = (velocity for _, on, _, _, velocity in soundfont._events([PART], 8000, RATE) if on)
    assert (loud, soft) == (120, 60)


def test_a_drum_is_two_keys_of_the_kit() -> None:
    drum = Part("drum", 0, [Stroke(0.0, 0.1, 45, 1.0), Stroke(0.2, 0.1, 57, 0.4)])
    events = [event for event in soundfont._events([PART, drum], 8000, RATE) if event[1] and event[2] == 9]
    assert [key for _, _, _, key, _ in events] == [41, 37]


def test_what_is_missing_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tinysoundfont" else real(name))
    with pytest.raises(AssetError, match="pip install --no-deps tinysoundfont"):
        Soundfont(str(tmp_path / "font.sf2"))
    with pytest.raises(AssetError, match="tinysoundfont"):
        Folk("procedural", 2, 1, 1, 1, soundfont="installed")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pretty_midi" else real(name))
    with pytest.raises(AssetError, match="no soundfont is installed"):
        soundfont.installed()


@needs_font
def test_files_that_are_no_soundfont_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no file"):
        Soundfont(str(tmp_path / "absent.sf2"))
    (tmp_path / "font.sf2").write_bytes(b"RIFF nothing of the kind")
    with pytest.raises(AssetError, match=r"font\.sf2"):
        Soundfont(str(tmp_path / "font.sf2"))


@needs_font
def test_notes_sound_when_and_as_high_as_they_should() -> None:
    band = Soundfont()
    sound_T = band([PART], seconds=1.0, rate=RATE)
    assert sound_T.shape == (RATE,)
    assert sound_T.dtype == np.float32
    for start, pitch in ((0.1, 57), (0.6, 69)):
        part_T = sound_T[round(start * RATE) : round((start + 0.25) * RATE)]
        spectrum = np.abs(np.fft.rfft(part_T * np.hanning(len(part_T)), 4 * RATE))
        tone = 440 * 2 ** ((pitch - 69) / 12)
        near = spectrum[round(4 * tone * 0.97) : round(4 * tone * 1.03)].max()
        assert near > 0.3 * spectrum.max()
    loud, soft = (np.abs(sound_T[start : start + 2400]).max() for start in (800, 4800))
    assert soft < 0.6 * loud


@needs_font
def test_it_plays_the_same_every_time_whatever_it_played_before() -> None:
    band = Soundfont()
    first_T = band([PART], seconds=1.0, rate=RATE)
    band([Part("bells", 0, [Stroke(0.0, 3.0, 72, 1.0)])], seconds=0.5, rate=RATE)
    assert np.array_equal(band([PART], seconds=1.0, rate=RATE), first_T)


@needs_font
def test_the_corpus_plays_on_it() -> None:
    options = {"clips": 3, "val_clips": 1, "test_clips": 1, "views": 1, "seconds": 2, "window": 2}
    computed, recorded = (Folk("procedural", **options, soundfont=font) for font in (None, "installed"))
    one, other = (corpus.split("train")[0] for corpus in (computed, recorded))
    assert one.fields["text"] == other.fields["text"]
    assert not np.array_equal(one.fields["audio"].samples_CT, other.fields["audio"].samples_CT)
    assert np.abs(other.fields["audio"].samples_CT).max() > 0.2
    assert computed.digest != recorded.digest
    assert any("soundfont" in note for note in recorded.notes)
