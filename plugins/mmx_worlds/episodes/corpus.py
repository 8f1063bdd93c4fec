"""`worlds/episodes`: videos of several shots with subtitles; questions need both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache, partial
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from mmx import Card, LazyFields, LazySplit, Sample, Video, unknown_split
from mmx_worlds.collage import compose
from mmx_worlds.collage.cutouts import sprite, sprite_size
from mmx_worlds.episodes.story import ASKING, DEEDS, EVENTS, NAMES, REASONS, Story, draw_story, drawings
from mmx_worlds.real import index
from mmx_worlds.real.links import SCENES, materials

VERSION: Final = 2
"""Part of the digest: raise it when the same parameters would give other episodes."""
SPLITS: Final = ("train", "annotated", "val", "test")
ANSWERS: Final = ("0", "1", "2", "3", "4")
TRUTHS: Final = ("false", "true")

CARD: Final = Card(
    title="Episodes",
    summary="Short videos of four shots: frames show the things, subtitles alone name who uses them, how and why.",
    licence="Public domain, CC0-1.0 and (three photos) CC-BY-2.0, file by file in the media manifest",
    synthetic=True,
    caveats=(
        "Drawings and photos are real; what happens, and every sentence, is made by a program from a few templates.",
        "People are not shown: there is only a thing before a photo.",
        "Train, val and test share the drawings; their photos are disjoint.",
        "24 names, 24 things, 24 reasons: the same name and thing meet in several episodes of a split.",
    ),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Setting that all episodes share: frames, seconds per frame, side in pixels, how often things are named."""

    frames: int
    period: float
    side: int
    mention: float
    rate: int


class Episodes:
    """Episodes of four events, with subtitles, and with questions about them.

    Each event shows a thing before a photo; its subtitles name who does something with it, and why, and seldom the
    thing. Between events the frames show the place, without subtitles. Two events of an episode show the same
    kind of thing.

    Fields: `frames` (video), `subtitles` (cues), `queries` (cues: a sentence about each event, with its time),
    `captions` (cues: a full description of each event), `question` (text: a question and five answers, parted by bars),
    `statement` (text). Targets: `answer` (number of the right answer), `truth` (of the statement), `moment` (float32
    (2,): start and end of what the question is about), `events` (as plain values), `files` (media
    used). An episode depends on seed, split and index alone.

    Of split `train` only every `annotate`-th episode has queries, captions, question and statement; the others are
    videos with subtitles, as they come. Split `annotated` is those of `train` that have them.

    Args:
        episodes: Episodes in split train.
        val_episodes: Episodes in split val.
        test_episodes: Episodes in split test.
        annotate: Every so many episodes of train are annotated.
        frames: Length in frames.
        period: Seconds per frame.
        rate: Images per frame; more than one makes a video that moves.
        side: Height and width of the images in pixels.
        mention: How often a subtitle names the visible thing.
        seed: What the episodes are drawn from.
    """

    fields: Mapping[str, str] = {
        "frames": "video",
        "subtitles": "cues",
        "queries": "cues",
        "captions": "cues",
        "question": "text",
        "statement": "text",
    }
    targets: Mapping[str, Sequence[str] | None] = {
        "answer": ANSWERS,
        "truth": TRUTHS,
        "moment": None,
        "events": None,
        "files": None,
    }
    card = CARD

    def __init__(
        self,
        episodes: Annotated[int, Field(ge=1)] = 1500,
        val_episodes: Annotated[int, Field(ge=1)] = 100,
        test_episodes: Annotated[int, Field(ge=1)] = 300,
        annotate: Annotated[int, Field(ge=1)] = 1,
        frames: Annotated[int, Field(ge=2 * EVENTS, le=100)] = 12,
        period: Annotated[float, Field(gt=0, le=10)] = 1.5,
        rate: Annotated[int, Field(ge=1, le=30)] = 1,
        side: Annotated[int, Field(ge=16, le=512)] = 64,
        mention: Annotated[float, Field(ge=0, le=1)] = 0.25,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._shape = Shape(frames, float(period), side, float(mention), rate)
        self._lengths = {
            "train": episodes,
            "annotated": len(range(0, episodes, annotate)),
            "val": val_episodes,
            "test": test_episodes,
        }
        self._annotate, self._seed = annotate, seed
        used = [file for files in drawings().values() for file in files]
        photos = places()
        used += [file for files in photos.values() for file in files]
        texts = (DEEDS, NAMES, REASONS, ASKING)
        self.digest = index.digest(
            used, "episodes", VERSION, asdict(self._shape), self._lengths, annotate, seed, photos, texts
        )

    def split(self, name: str) -> Sequence[Sample]:
        """Return the episodes of "train", "annotated" (a part of train), "val" or "test"."""
        if name not in SPLITS:
            raise unknown_split("worlds/episodes", name, SPLITS)
        return LazySplit(self._lengths[name], partial(self._sample, name))

    def _sample(self, split: str, position: int) -> Sample:
        if split == "annotated":
            split, position = "train", position * self._annotate
        shape, annotated = self._shape, split != "train" or position % self._annotate == 0
        stream = (self._seed, SPLITS.index(split), position)
        story = story_of(stream, shape)
        fields = LazyFields(
            {
                "frames": partial(render, stream, shape, split),
                "subtitles": partial(_as_is, story.subtitles),
                "queries": partial(_as_is, story.queries if annotated else ()),
                "captions": partial(_as_is, story.captions if annotated else ()),
                "question": partial(_as_is, story.question if annotated else ""),
                "statement": partial(_as_is, story.statement if annotated else ""),
            }
        )
        return Sample(f"{split}-{self._seed}-{position:06d}", fields, _truth(stream, story, shape, split, annotated))


@lru_cache(maxsize=4096)
def story_of(stream: tuple[int, ...], shape: Shape) -> Story:
    """Return the story of an episode."""
    rng = np.random.default_rng((*stream, 0))
    return draw_story(rng, frames=shape.frames, period=shape.period, mention=shape.mention)


@cache
def places() -> Mapping[str, Sequence[str]]:
    """Return the photos of each split: none is in two of them."""
    found = {split: [f for scene in SCENES for f in parts.places[scene]] for split, parts in materials().items()}
    return {name: sorted(files) for name, files in found.items()}


@dataclass(frozen=True, slots=True)
class Shot:
    """Images of one place, with a thing before it or without: which, how large, and how both move."""

    photo: str
    camera: compose.Path
    drawing: str
    longest: int
    mirrored: bool
    path: compose.Path
    frames: int


def shots_of(stream: tuple[int, ...], shape: Shape, split: str) -> list[Shot]:
    """Return the shots of an episode in order: an event is one, and so is what lies between two events."""
    rng = np.random.default_rng((*stream, 1))
    story, photos, drawn = story_of(stream, shape), places()[split], drawings()
    shots: list[Shot] = []
    now = 0
    for event in [*story.events, None]:
        begin = shape.frames if event is None else event.first
        if begin > now:
            shots.append(_shot(rng, photos, "", shape, begin - now))
        if event is not None:
            images = drawn[DEEDS[event.deed].thing]
            shots.append(_shot(rng, photos, images[int(rng.integers(len(images)))], shape, event.frames))
            now = event.first + event.frames
    return shots


def _shot(rng: np.random.Generator, photos: Sequence[str], drawing: str, shape: Shape, frames: int) -> Shot:
    return Shot(
        photo=photos[int(rng.integers(len(photos)))],
        camera=compose.draw_path(rng, reach=0.8, sway=0.1),
        drawing=drawing,
        longest=round(rng.uniform(0.75, 0.95) * shape.side),
        mirrored=bool(rng.random() < 0.5),
        path=compose.draw_path(rng),
        frames=frames,
    )


def render(stream: tuple[int, ...], shape: Shape, split: str) -> Video:
    """Render the images of an episode: `rate` per frame, shot after shot."""
    pieces = []
    for shot in shots_of(stream, shape, split):
        photo_HWC = compose.backdrop(shot.photo, shape.side)
        count, room = shot.frames * shape.rate, photo_HWC.shape[0] - shape.side
        images_THWC = compose.pan(photo_HWC, compose.positions(shot.camera, count, (room, room)), shape.side)
        if shot.drawing:
            height, width = sprite_size(shot.drawing, shot.longest)
            corners_T2 = compose.positions(shot.path, count, (shape.side - width, shape.side - height))
            compose.paste(images_THWC, sprite(shot.drawing, shot.longest, mirrored=shot.mirrored), corners_T2)
        pieces.append(images_THWC)
    return Video(np.concatenate(pieces), shape.rate / shape.period)


def _truth(stream: tuple[int, ...], story: Story, shape: Shape, split: str, annotated: bool) -> dict[str, Any]:
    about = story.events[story.about]
    events = [
        {"start": e.start, "end": e.end, "name": e.name, "thing": DEEDS[e.deed].thing, "reason": e.reason}
        for e in story.events
    ]
    return {
        "answer": story.answer if annotated else -1,
        "truth": int(story.truth) if annotated else -1,
        "moment": np.array([about.start, about.end], np.float32),
        "events": events,
        "files": files_of(stream, shape, split),
    }


@lru_cache(maxsize=4096)
def files_of(stream: tuple[int, ...], shape: Shape, split: str) -> tuple[str, ...]:
    """Return the media of an episode, photos and drawings in order of time."""
    return tuple(f for shot in shots_of(stream, shape, split) for f in (shot.photo, shot.drawing) if f)


def _as_is(value: Any) -> Any:
    return value
