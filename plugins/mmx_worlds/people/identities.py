"""`worlds/identities`: synthetic people with one voice and one face each, which share known causes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Audio, Card, LazyFields, LazySplit, Sample, unknown_split
from mmx_worlds.faces import drawing, landmarks
from mmx_worlds.people import inference, traits
from mmx_worlds.people.speakers import numbers_of
from mmx_worlds.people.traits import Person
from mmx_worlds.speech import synthesis, utterance

VERSION: Final = 1
"""Part of the digest: raise it when the same parameters would give other samples."""
SPLITS: Final = ("train", "val", "test")
SEXES: Final = ("female", "male")
DECADES: Final = ("20s", "30s", "40s", "50s", "60s", "70s")
BUILDS: Final = ("small", "medium", "large")
SHAPES: Final = ("short", "middling", "long")
SKINS: Final = ("light", "middle", "dark")
STUDIO: Final = drawing.Light(0.0, 1.0, 0.0, (0.62, 0.66, 0.70))
"""The light of portraits."""
_THIRD: Final = 0.4307
"""A standard normal number is below minus this, between, or above this with one third each."""

CARD: Final = Card(
    title="Identities",
    summary="Drawn faces and synthesised voices of people who do not exist; sex, age, size and length shape both.",
    licence="Apache-2.0",
    synthetic=True,
    caveats=(
        "All people are synthetic: faces are drawn, voices synthesised; results do not carry over to real people.",
        "How voices and faces go together was defined by us, not measured; it does not describe human biology.",
        "Two sexes, equally frequent, ages uniform: a simplification, not a description of people.",
        "Skin, hair and eyes are independent of the voice on purpose; no accent, origin or ethnicity is modelled.",
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting that all samples share: length and rate of voices, side of images, images per album, and the seed."""

    seconds: float
    rate: int
    side: int
    photos: int
    seed: int


class Identities:
    """Unlimited people with a voice and a face each.

    Fields: `voice` (audio, words without meaning), `face` (a photo: some pose, light and expression), `portrait` (the
    same face still, from the front, in even light), `album` (several photos). Targets: `person` (a number; people of
    train, val and test are disjoint), `sex`, `age` (decades), `build` (thirds of size), `shape` (thirds of length),
    `skin` (thirds; independent of the voice), `years`, `causes` (float32 (C,)), `voice_traits` and `face_traits`
    (float32, see `mmx_worlds.people.traits`), `landmarks` (float32 (L, 2) of the portrait, -1..1). A sample depends on
    seed, split and index alone; consecutive samples are of different people.

    Beyond a corpus's own, there is what a task needs for the best possible score: `affinity`,
    `affinity_of_causes`, `faces_given_voice` (all from `mmx_worlds.people.inference`), and `landmark_names`.

    Args:
        people: People in split train.
        val_people: People in split val, one sample each.
        test_people: People in split test, one sample each.
        takes: Recordings and photos of each person in split train.
        seconds: Length of a recording.
        rate: Audio samples per second.
        side: Height and width of the images in pixels.
        photos: Photos in an album.
        seed: What the people are drawn from.
    """

    fields: Mapping[str, str] = {"voice": "audio", "face": "image", "portrait": "image", "album": "images"}
    targets: Mapping[str, Sequence[str] | None] = {
        "person": None,
        "sex": SEXES,
        "age": DECADES,
        "build": BUILDS,
        "shape": SHAPES,
        "skin": SKINS,
        "years": None,
        "causes": None,
        "voice_traits": None,
        "face_traits": None,
        "landmarks": None,
    }
    landmark_names = landmarks.NAMES
    card = CARD

    def __init__(
        self,
        people: Annotated[int, Field(ge=2)] = 1000,
        val_people: Annotated[int, Field(ge=2)] = 200,
        test_people: Annotated[int, Field(ge=2)] = 400,
        takes: Annotated[int, Field(ge=1)] = 1,
        seconds: Annotated[float, Field(ge=0.4, le=60)] = 3.0,
        rate: Annotated[int, Field(ge=4000, le=48000, multiple_of=250)] = 16000,
        side: Annotated[int, Field(ge=16, le=512)] = 48,
        photos: Annotated[int, Field(ge=1, le=64)] = 4,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._people = dict(zip(SPLITS, (people, val_people, test_people), strict=True))
        self._lengths = {"train": people * takes, "val": val_people, "test": test_people}
        self._setting = Setting(float(seconds), rate, side, photos, seed)
        facts = (VERSION, self._people, self._lengths, self._setting)
        self.digest = sha256(repr(("identities", facts)).encode()).hexdigest()[:32]

    def split(self, name: str) -> Sequence[Sample]:
        """Return the samples of "train", "val" or "test", rendered on access.

        Raises:
            DataError: No such split.
        """
        if name not in SPLITS:
            raise unknown_split("worlds/identities", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def affinity(self, voice_NV: np.ndarray, face_MF: np.ndarray) -> np.ndarray:
        """Return how much more likely each face is with each voice than by chance (N, M), as a logarithm; exact."""
        return inference.affinity(voice_NV, face_MF)

    def affinity_of_causes(self, causes_NC: np.ndarray, face_MF: np.ndarray) -> np.ndarray:
        """Return the same given the causes themselves (N, M)."""
        return inference.affinity_of_causes(causes_NC, face_MF)

    def faces_given_voice(self, voice_V: np.ndarray, count: int, seed: int) -> Sequence[np.ndarray]:
        """Return photos, uint8 (side, side, 3), of `count` people who might have a voice with these traits."""
        rng = np.random.default_rng((self._setting.seed, seed, 7))
        faces_NF = inference.faces_given_voice(rng, np.asarray(voice_V, np.float64), count)
        return [photo(face_F, self._setting.side, rng) for face_F in faces_NF]

    def _sample(self, split: str, position: int) -> Sample:
        number, overall = numbers_of(self._people, split, position)
        setting, where = self._setting, (SPLITS.index(split), number, position)
        makers: dict[str, Callable[[], Any]] = {
            "voice": partial(voice_of, setting, *where),
            "face": partial(photo_of, setting, *where, 0),
            "portrait": partial(portrait_of, setting, *where[:2]),
            "album": partial(_album, setting, *where),
        }
        name = f"identity-{split}-{setting.seed}-{position:05d}"
        return Sample(name, LazyFields(makers), truth(person_of(setting.seed, *where[:2]), overall))


@lru_cache(maxsize=16384)
def person_of(seed: int, split: int, number: int) -> Person:
    """Return a person by the world's seed, the split's place and the person's place in it."""
    return traits.draw_person(np.random.default_rng((seed, split, number, 31)))


def voice_of(setting: Setting, split: int, number: int, position: int) -> Audio:
    """Return a recording: the person speaks words in any order."""
    voice = traits.voice_of(person_of(setting.seed, split, number).voice_V)
    rng = np.random.default_rng((setting.seed, split, position, 32))
    spoken = utterance.compose(rng, voice, setting.seconds)
    return Audio(synthesis.speak(spoken, voice, setting.seconds, setting.rate, rng)[None], setting.rate)


def portrait_of(setting: Setting, split: int, number: int) -> np.ndarray:
    """Return the face still, from the front, in even light: uint8 (side, side, 3)."""
    look = traits.look_of(person_of(setting.seed, split, number).face_F)
    still = np.zeros(1)
    motion = drawing.Motion(np.zeros((1, 3), np.float32), still, still, still, np.zeros((1, 2)), 1.0)
    return np.asarray(drawing.render(look, motion, STUDIO, setting.side)[0])


def photo_of(setting: Setting, split: int, number: int, position: int, place: int) -> np.ndarray:
    """Return a photo of a person: uint8 (side, side, 3)."""
    rng = np.random.default_rng((setting.seed, split, position, 33 + place))
    return photo(person_of(setting.seed, split, number).face_F, setting.side, rng)


def photo(face_F: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a face in some pose, light and expression, eyes open: uint8 (side, side, 3)."""
    lips_T3 = np.array([[rng.uniform(0, 0.5), rng.uniform(-0.4, 0.6), rng.uniform(0, 1)]], np.float32)
    motion = drawing.draw_motion(rng, lips_T3, 25.0)
    motion.lids_T[:] = 0.0
    return np.asarray(drawing.render(traits.look_of(face_F), motion, drawing.draw_light(rng), side)[0])


def truth(person: Person, number: int) -> dict[str, Any]:
    """Return the targets of a sample of person `number`."""
    sex, _, size, length = person.causes_C.tolist()
    skin = person.face_F[list(traits.FACE).index("skin")]
    decade = int((person.years - traits.YOUNGEST) / 10)
    return {
        "person": number,
        "sex": int(sex > 0),
        "age": min(decade, len(DECADES) - 1),
        "build": int(np.searchsorted((-_THIRD, _THIRD), size)),
        "shape": int(np.searchsorted((-_THIRD, _THIRD), length)),
        "skin": int(np.searchsorted((-_THIRD, _THIRD), skin)),
        "years": person.years,
        "causes": person.causes_C.astype(np.float32),
        "voice_traits": person.voice_V.astype(np.float32),
        "face_traits": person.face_F.astype(np.float32),
        "landmarks": landmarks.landmarks(traits.look_of(person.face_F)),
    }


def _album(setting: Setting, split: int, number: int, position: int) -> tuple[np.ndarray, ...]:
    return tuple(photo_of(setting, split, number, position, place) for place in range(setting.photos))
