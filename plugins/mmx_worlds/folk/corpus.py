"""`worlds/folk`: real folk tunes, played by a program, with several noisy texts each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, ConfigError, LazyFields, LazySplit, Sample, did_you_mean, unknown_split
from mmx_std import music_labels as labels
from mmx_std import music_words as words
from mmx_worlds.folk import texts
from mmx_worlds.folk.performance import BACKINGS
from mmx_worlds.folk.pieces import Piece, arrange
from mmx_worlds.folk.soundfont import Soundfont
from mmx_worlds.folk.synthesis import Band, play
from mmx_worlds.folk.tunes import tunebook
from mmx_worlds.folk.tunes.tunebook import SPLITS, Book, Split

VERSION: Final = 4
"""Part of the digest: raise it when the same parameters would give other samples."""

CARD: Final = Card(
    title="Folk tunes",
    summary="Real folk tunes in ABC notation, played by a program on ten synthetic instruments, with noisy texts.",
    licence="Tunes: the corpus of the package music21, read where it is installed. Its library is BSD; of its corpus "
    "some encodings may not be used commercially (the Essen collection is given for non-commercial use). None is "
    "part of mmx. Player and texts: Apache-2.0",
    url="https://www.music21.org",
    citation="Essen Folksong Collection (Schaffrath, Dahlig-Turek; ABC by Seymour Shlien); O'Neill, Music of Ireland; "
    "Ryan's Mammoth Collection; Aird's Airs; through music21 (Cuthbert and Ariza).",
    synthetic=True,
    caveats=(
        "Real: notes, title, genre, region, metre, key. Ours: sound, instrument, tempo, register, company, and "
        "every sentence.",
        "Accents and accompaniment (drone, guitar, frame drum) are derived from metre, bar lines and notes by simple "
        "rules; the books have none.",
        "No singing: the songs are played, not sung.",
        "Genres of the Essen collection are translated from German catch-words.",
        "A region is the place that a collector noted, not a language or a style: German songs of Lorraine and Alsace "
        "are filed as French, of Silesia as Polish.",
    ),
)


STAND_IN: Final = "tunes made up by a program, as music21 is not installed (pip install 'mmx[music]')"


class Folk:
    """Folk tunes played by a program, each with texts of four sources.

    Fields: `audio`, `text`. Targets: `tags` (multi-hot over `words.NAMES`), `labels` (a catalogue's:
    `mmx_std.music_labels`), `recording` (number of the recording in its split), `source` (which kind of text),
    `company` (the accompaniment, which no text mentions), `facts` (what is true of the piece, by kind).

    In split train each recording comes `views` times, every time with a text of its own and a window of the recording;
    the other splits have the whole recordings, once. Books and files are split as wholes, and training tunes that
    share a long run of intervals with a held-out one are left out. Held-out recordings are played on individuals of
    the instruments that are not in training.

    Args:
        source: `abc` reads the tunes of the installed package music21, `procedural` makes tunes up, `auto` takes what
            there is.
        clips: Tunes in split train.
        players: Recordings of each training tune, by players who choose instrument, tempo, register and company anew,
            so that facts of the notation are learned apart from the performance. Held-out tunes are recorded once.
        val_clips: Tunes in split val.
        test_clips: Tunes in split test.
        views: How often each recording is in split train, each time with another text and window.
        seconds: Length of a recording.
        window: Length of a training window.
        rate: Audio samples per second.
        soundfont: Path of a General MIDI soundfont to play on, or "installed" for that of the package pretty_midi; null
            plays on instruments that are computed. See `mmx_worlds.folk.soundfont`.
        sources: How often a text is of each source, relative to the others: sf, lf, pl, aset (2 : 2 : 1 : 1).
        catalogue: Families of labels in the target `labels`: signature, instrument, genre, rate, pitch.
        filtered: Without the noise that the paper's filters take out.
        shuffled: In split train, give every recording the texts of another one: the control, at chance level.
        seed: What everything is drawn from.

    Raises:
        ConfigError: A source that does not exist, or none with a share; a window longer than the recording.
        AssetError: `source` is abc and the package is not installed, or the soundfont cannot be played.
    """

    fields: Mapping[str, str] = {"audio": "audio", "text": "text"}

    def __init__(
        self,
        source: tunebook.Source = "auto",
        clips: Annotated[int, Field(ge=1)] = 3000,
        players: Annotated[int, Field(ge=1)] = 1,
        val_clips: Annotated[int, Field(ge=1)] = 100,
        test_clips: Annotated[int, Field(ge=1)] = 600,
        views: Annotated[int, Field(ge=1)] = 8,
        seconds: Annotated[float, Field(ge=0.5, le=60)] = 8.0,
        window: Annotated[float, Field(ge=0.5, le=60)] = 4.0,
        rate: Annotated[int, Field(ge=4000, le=48000)] = 8000,
        soundfont: str | None = None,
        sources: Mapping[str, Annotated[float, Field(ge=0)]] = {"sf": 2.0, "lf": 2.0, "pl": 1.0, "aset": 1.0},
        catalogue: Annotated[Sequence[labels.Family], Field(min_length=1)] = (labels.FAMILIES),
        filtered: bool = True,
        shuffled: bool = False,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._shares = _shares(sources)
        if window > seconds:
            raise ConfigError([f"window: {window:g} s is longer than the recordings ({seconds:g} s)"])
        self._players, self._views, self._seconds, self._window, self._rate = (
            players,
            views,
            float(seconds),
            float(window),
            rate,
        )
        self._catalogue = tuple(dict.fromkeys(catalogue))
        self._filtered, self._shuffled, self._seed = filtered, shuffled, seed
        self._counts: dict[Split, int] = {"train": clips, "val": val_clips, "test": test_clips}
        self._books, self.kind = tunebook.open_books(source, self._counts)
        made_up = source == "auto" and self.kind == "procedural"
        self.stand_in = STAND_IN if made_up else ""
        self._band: Band = play if soundfont is None else Soundfont(soundfont)
        self._soundfont = soundfont
        self._pieces: dict[Split, list[Piece]] = {}
        self._sounds: dict[str, np.ndarray] = {}
        self._permutation: np.ndarray | None = None
        self.targets: Mapping[str, Sequence[str] | None] = {
            "tags": words.NAMES,
            "labels": labels.names(self._catalogue),
            "source": texts.SOURCES,
            "company": BACKINGS,
            "recording": None,
            "facts": None,
        }
        self.card = CARD if self.kind == "abc" else _procedural_card()
        self.digest = self._digest()

    def split(self, name: str) -> Sequence[Sample]:
        """Return "train", "val" or "test"; recordings are rendered on first access, and kept."""
        for split in SPLITS:
            if split == name:
                pieces = self.pieces(split)
                length = len(pieces) * (self._views if split == "train" else 1)
                return LazySplit(length, partial(self._sample, split))
        raise unknown_split("worlds/folk", name, SPLITS)

    def book(self, split: Split) -> Book:
        """Return the tunes of a split and what was left out."""
        return self._books[split]

    def pieces(self, split: Split) -> list[Piece]:
        """Return the pieces of a split."""
        if split not in self._pieces:
            book = self._books[split]
            self._pieces[split] = [
                arrange(entry, tune, split, self._seed, player)
                for player in range(self._players if split == "train" else 1)
                for entry, tune in zip(book.entries, book.tunes, strict=True)
            ]
        return self._pieces[split]

    @property
    def notes(self) -> Sequence[str]:
        """Plain sentences on where the tunes come from and what was left out; for reports."""
        where = (
            "Tunes: real, from the ABC files of the package music21; their performance is a program's choice."
            if self.kind == "abc"
            else "Tunes: MADE UP by a program; music21 is not used here (pip install 'mmx[music]' brings real ones)."
        )
        lines = [where]
        if self._soundfont is not None:
            lines.append(f"Played on the instruments of a soundfont: {self._soundfont}.")
        for split, book in self._books.items():
            places = len({entry.collection for entry in book.entries})
            lines.append(
                f"{split}: {len(book.tunes)} tunes of {places} collections (of {book.offered} offered), "
                f"{len(book.unreadable)} unreadable, {book.variants} left out as variants of held-out tunes."
            )
        collections, tunes = tunebook.crossings(self._books)
        lines.append(
            f"Counted on these tunes: {collections} collections stand in two splits, {tunes} tunes share "
            f"{tunebook.RUN} intervals in a row with one of another split."
        )
        if self._players > 1:
            lines.append(f"Training tunes are recorded by {self._players} players each.")
        return lines

    def _sample(self, split: Split, position: int) -> Sample:
        pieces = self.pieces(split)
        view, number = divmod(position, len(pieces))
        piece = pieces[number]
        rng = np.random.default_rng([*piece.seed, view, 1])
        chosen = texts.SOURCES[int(rng.choice(len(texts.SOURCES), p=self._shares))]
        start = float(rng.uniform(0, self._seconds - self._window)) if split == "train" else None
        described = pieces[self._other(number, len(pieces))] if self._shuffled and split == "train" else piece
        fields = LazyFields(
            {
                "audio": partial(self._audio, piece, start),
                "text": partial(texts.text_of, chosen, described.known, rng, filtered=self._filtered),
            }
        )
        targets: dict[str, Any] = {
            "tags": np.array(words.multi_hot(described.known), np.float32),
            "labels": np.concatenate([piece.labels[family] for family in self._catalogue], dtype=np.float32),
            "source": texts.SOURCES.index(chosen),
            "company": BACKINGS.index(piece.manner.backing),
            "recording": number,
            "facts": piece.known,
        }
        return Sample(f"{piece.id}/{view}" if split == "train" else piece.id, fields, targets)

    def _other(self, number: int, count: int) -> int:
        """Return whose texts a recording gets when they are shuffled: a fixed permutation of the recordings."""
        if self._permutation is None:
            self._permutation = np.random.default_rng([self._seed, 99]).permutation(count)
        return int(self._permutation[number])

    def _audio(self, piece: Piece, start: float | None) -> Audio:
        if piece.id not in self._sounds:
            played_T = piece.render(self._seconds, self._rate, self._band)
            self._sounds[piece.id] = np.round(played_T.clip(-1, 1) * 32767).astype(np.int16)
        whole_T = self._sounds[piece.id]
        if start is not None:
            first = round(start * self._rate)
            whole_T = whole_T[first : first + round(self._window * self._rate)]
        return Audio((whole_T.astype(np.float32) / 32767)[None], self._rate)

    def _digest(self) -> str:
        state = hashlib.sha256(
            repr((VERSION, self.kind, self._counts, self._views, self._shares.tolist(), self._seed)).encode()
            + repr(
                (
                    self._players,
                    self._soundfont,
                    self._seconds,
                    self._window,
                    self._rate,
                    self._filtered,
                    self._shuffled,
                    self._catalogue,
                )
            ).encode()
        )
        for book in self._books.values():
            for entry in book.entries:
                state.update(entry.id.encode() + entry.text.encode())
        return state.hexdigest()[:32]


def _shares(sources: Mapping[str, float]) -> np.ndarray:
    unknown = [name for name in sources if name not in texts.SOURCES]
    if unknown:
        hint = did_you_mean(unknown[0], texts.SOURCES)
        raise ConfigError([f"sources: no source {unknown[0]!r}{hint}; sources: {', '.join(texts.SOURCES)}"])
    shares: np.ndarray = np.array([float(sources.get(name, texts.RATIO[name])) for name in texts.SOURCES])
    if not shares.sum() > 0:
        raise ConfigError(["sources: none has a share; give at least one of sf, lf, pl, aset a number above 0"])
    normal: np.ndarray = shares / shares.sum()
    return normal


def _procedural_card() -> Card:
    return replace(
        CARD,
        summary="Tunes made up by a program, played by a program, with noisy texts: the stand-in for real folk tunes.",
        licence="Apache-2.0",
        citation="",
        caveats=("Everything is synthetic: notes, audio and texts.", *CARD.caveats[1:2]),
    )
