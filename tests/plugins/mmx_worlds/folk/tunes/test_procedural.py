"""Made-up tunes are ABC like the real ones, and of their genre."""

from __future__ import annotations

from mmx_worlds.folk import facts
from mmx_worlds.folk.tunes import procedural
from mmx_worlds.folk.tunes.notation import read_tune

METRES = {"jig": "compound time", "slip jig": "compound time", "waltz": "triple time", "ballad": "triple time"}


def test_all_can_be_read_and_carry_what_they_say() -> None:
    seen = set()
    for text in procedural.tunes("island")[:200]:
        tune = read_tune(text)
        genre = facts.genre(tune.fields)
        seen.add(genre)
        assert facts.metre_name(tune.fields) == METRES.get(genre, "duple time")
        assert facts.region(tune.fields, "procedural")
        assert facts.title(tune.fields).startswith("The ")
        assert tune.notes[-1].pitch is not None
        assert (tune.notes[-1].pitch - tune.key.pitch_class) % 12 == 0  # ends on its tonic
    assert seen == set(procedural.STYLES)


def test_bars_are_full() -> None:
    for name, style in procedural.STYLES.items():
        beats, beat = map(int, style.metre.split("/"))
        unit = int(style.unit.split("/")[1])
        for bar in style.bars:
            assert sum(bar) / unit == beats / beat, name


def test_the_same_every_time() -> None:
    assert procedural.tunes("north")[:5] == procedural.tunes("north")[:5]
