"""Phonemes: settings of the vocal tract and the lips, and words spelt in phonemes.

Symbols are ARPAbet. Formants are textbook averages for an adult voice; a speaker's tract length scales them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VISEMES: Final = ("rest", "closed", "lip", "narrow", "spread", "mid", "open", "round")
"""Shapes of the lips: at rest, pressed together, lip on teeth, a slit, drawn wide, half open, open, rounded."""
PAUSE: Final = "SIL"

Formants = tuple[float, float, float]
Lips = tuple[float, float, float]

_LIPS: Final[Mapping[str, Lips]] = {
    "rest": (0.0, 0.0, 0.0),
    "closed": (0.0, -0.1, 0.0),
    "lip": (0.1, 0.1, 1.0),
    "narrow": (0.22, 0.15, 0.7),
    "spread": (0.32, 0.8, 0.8),
    "mid": (0.55, 0.2, 0.4),
    "open": (1.0, 0.1, 0.25),
    "round": (0.42, -1.0, 0.0),
}
"""Viseme -> opening 0..1, width -1 (rounded) .. 1 (spread), visible teeth 0..1."""


@dataclass(frozen=True, slots=True)
class Target:
    """A stretch of a phoneme with one setting of the vocal tract.

    Attributes:
        share: Share of the phoneme's length.
        formants: First three resonances in Hz.
        voice: Loudness of the vocal folds, 0..1.
        noise: Loudness of turbulent noise, 0..1.
        band: Centre and width of the noise in Hz.
        lips: Opening, width and teeth.
    """

    share: float
    formants: Formants
    voice: float
    noise: float
    band: tuple[float, float]
    lips: Lips


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One phoneme.

    Attributes:
        symbol: ARPAbet.
        viseme: Shape of the lips, one of `VISEMES`.
        seconds: Usual length.
        targets: What happens during it.
    """

    symbol: str
    viseme: str
    seconds: float
    targets: tuple[Target, ...]


_BREATH: Final = (1500.0, 2500.0)


def _vowel(symbol: str, viseme: str, seconds: float, *formants: Formants, glide: str = "") -> Phoneme:
    """A vowel; two settings of the formants make it a diphthong, whose lips end at `glide`."""
    shapes = [viseme, glide or viseme]
    targets = [
        Target(1 / len(formants), each, 1.0, 0.02, _BREATH, _LIPS[shape])
        for each, shape in zip(formants, shapes, strict=False)
    ]
    return Phoneme(symbol, viseme, seconds, tuple(targets))


def _steady(
    symbol: str,
    viseme: str,
    seconds: float,
    formants: Formants,
    *,
    voice: float = 0.0,
    noise: float = 0.0,
    band: tuple[float, float] = _BREATH,
) -> Phoneme:
    """A nasal, a glide or a fricative: one setting all the way."""
    return Phoneme(symbol, viseme, seconds, (Target(1.0, formants, voice, noise, band, _LIPS[viseme]),))


def _stop(
    symbol: str, viseme: str, seconds: float, formants: Formants, band: tuple[float, float], *, voiced: bool
) -> Phoneme:
    """A closure without sound (or with a murmur), then a burst of noise."""
    murmur, burst = (0.08, 0.35) if voiced else (0.0, 0.6)
    lips = _LIPS[viseme]
    closed = Target(0.65, (220.0, *formants[1:]), murmur, 0.0, band, lips)
    return Phoneme(symbol, viseme, seconds, (closed, Target(0.35, formants, murmur * 2, burst, band, lips)))


_ALL: Final = (
    _steady(PAUSE, "rest", 0.12, (500, 1500, 2500)),
    _vowel("AA", "open", 0.15, (730, 1090, 2440)),
    _vowel("AE", "open", 0.15, (660, 1720, 2410)),
    _vowel("AH", "mid", 0.10, (620, 1190, 2390)),
    _vowel("AO", "round", 0.15, (570, 840, 2410)),
    _vowel("EH", "mid", 0.12, (530, 1840, 2480)),
    _vowel("ER", "mid", 0.14, (490, 1350, 1690)),
    _vowel("IH", "spread", 0.10, (390, 1990, 2550)),
    _vowel("IY", "spread", 0.14, (270, 2290, 3010)),
    _vowel("UH", "round", 0.11, (440, 1020, 2240)),
    _vowel("UW", "round", 0.15, (300, 870, 2240)),
    _vowel("AY", "open", 0.20, (730, 1090, 2440), (390, 1990, 2550), glide="spread"),
    _vowel("AW", "open", 0.20, (730, 1090, 2440), (440, 1020, 2240), glide="round"),
    _vowel("EY", "mid", 0.18, (530, 1840, 2480), (300, 2200, 2900), glide="spread"),
    _vowel("OW", "round", 0.18, (570, 900, 2410), (350, 900, 2240), glide="round"),
    _vowel("OY", "round", 0.20, (570, 840, 2410), (390, 1990, 2550), glide="spread"),
    _steady("M", "closed", 0.08, (250, 1000, 2200), voice=0.45),
    _steady("N", "narrow", 0.07, (250, 1500, 2500), voice=0.45),
    _steady("NG", "mid", 0.08, (250, 1900, 2600), voice=0.4),
    _steady("L", "mid", 0.07, (360, 1100, 2700), voice=0.6),
    _steady("R", "round", 0.08, (330, 1100, 1500), voice=0.6),
    _steady("W", "round", 0.07, (290, 650, 2200), voice=0.55),
    _steady("Y", "spread", 0.06, (270, 2200, 3000), voice=0.55),
    _steady("HH", "mid", 0.06, (500, 1500, 2500), noise=0.22),
    _steady("F", "lip", 0.10, (340, 1100, 2300), noise=0.22, band=(5200, 6000)),
    _steady("V", "lip", 0.07, (300, 1100, 2300), voice=0.4, noise=0.12, band=(5200, 6000)),
    _steady("TH", "narrow", 0.09, (340, 1400, 2500), noise=0.2, band=(5600, 5000)),
    _steady("DH", "narrow", 0.05, (300, 1400, 2500), voice=0.45, noise=0.08, band=(5600, 5000)),
    _steady("S", "spread", 0.11, (320, 1700, 2600), noise=0.55, band=(5400, 2600)),
    _steady("Z", "spread", 0.09, (300, 1700, 2600), voice=0.35, noise=0.35, band=(5400, 2600)),
    _steady("SH", "round", 0.11, (320, 1700, 2500), noise=0.6, band=(3000, 1800)),
    _stop("P", "closed", 0.10, (400, 900, 2300), (1200, 2200), voiced=False),
    _stop("B", "closed", 0.08, (350, 900, 2300), (1000, 1800), voiced=True),
    _stop("T", "narrow", 0.10, (400, 1700, 2600), (4200, 3000), voiced=False),
    _stop("D", "narrow", 0.07, (350, 1700, 2600), (3800, 3000), voiced=True),
    _stop("K", "mid", 0.10, (400, 1900, 2300), (2200, 1600), voiced=False),
    _stop("G", "mid", 0.08, (350, 1900, 2300), (2000, 1600), voiced=True),
    _stop("CH", "round", 0.12, (350, 1700, 2500), (3200, 2000), voiced=False),
)

PHONEMES: Final[Mapping[str, Phoneme]] = {phoneme.symbol: phoneme for phoneme in _ALL}

_SPELT: Final = """
a AH|about AH B AW T|again AH G EH N|all AO L|and AE N D|away AH W EY|back B AE K|before B IH F AO R|big B IH G
bird B ER D|blue B L UW|boat B OW T|book B UH K|boy B OY|bring B R IH NG|call K AO L|can K AE N|child CH AY L D
come K AH M|day D EY|door D AO R|down D AW N|eat IY T|every EH V R IY|family F AE M AH L IY|far F AA R
father F AA DH ER|few F Y UW|find F AY N D|five F AY V|food F UW D|for F AO R|four F AO R|from F R AH M
give G IH V|go G OW|good G UH D|green G R IY N|hand HH AE N D|happy HH AE P IY|have HH AE V|he HH IY|here HH IY R
home HH OW M|house HH AW S|how HH AW|if IH F|kind K AY N D|know N OW|last L AE S T|leave L IY V|light L AY T
long L AO NG|look L UH K|make M EY K|many M EH N IY|may M EY|money M AH N IY|moon M UW N|more M AO R
morning M AO R N IH NG|mother M AH DH ER|move M UW V|my M AY|name N EY M|never N EH V ER|new N UW|night N AY T
now N AW|of AH V|old OW L D|open OW P AH N|our AW ER|over OW V ER|paper P EY P ER|people P IY P AH L|play P L EY
put P UH T|read R IY D|river R IH V ER|room R UW M|school S K UW L|sea S IY|she SH IY|show SH OW|sing S IH NG
small S M AO L|some S AH M|song S AO NG|speak S P IY K|summer S AH M ER|take T EY K|talk T AO K|the DH AH
they DH EY|thing TH IH NG|time T AY M|today T AH D EY|tree T R IY|two T UW|under AH N D ER|very V EH R IY
voice V OY S|wait W EY T|walk W AO K|warm W AO R M|water W AO T ER|way W EY|we W IY|when W EH N|white W AY T
window W IH N D OW|winter W IH N T ER|work W ER K|world W ER L D|year Y IY R|yellow Y EH L OW|you Y UW
"""

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    spelt[0]: tuple(spelt[1:])
    for spelt in (entry.split() for line in _SPELT.split("\n") for entry in line.split("|") if entry.strip())
}
"""Words and the phonemes they are spoken with."""
