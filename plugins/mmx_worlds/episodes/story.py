"""Story of an episode: actors, actions, objects, times and reasons, and the texts about them.

Frames show the object of an action, which subtitles hardly ever name; subtitles alone name the actor and the reason.
In every episode two people do the same, for different reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mmx import Cue
from mmx_worlds.real.index import of_kind


@dataclass(frozen=True, slots=True)
class Deed:
    """An action on a thing: names of the thing and of the action, and the drawings that show the thing."""

    thing: str
    does: str
    do: str
    labels: Sequence[str]


DEEDS: Final = (
    Deed("fish", "feeds", "feed", ("orange fish", "brown fish", "green fish", "grey angelfish", "yellow fish")),
    Deed("bird", "paints", "paint", ("black bird", "owl", "seagull", "gull", "swan", "flying eagle")),
    Deed("cat", "strokes", "stroke", ("cat", "sleeping cat", "kitten")),
    Deed("dog", "calls", "call", ("dog on a leash", "dog head", "puppy")),
    Deed("insect", "studies", "study", ("ladybird", "bee", "dragonfly", "green grasshopper", "ant", "green mantis")),
    Deed("butterfly", "follows", "follow", ("four butterflies", "black butterfly", "orange butterfly")),
    Deed("house", "visits", "visit", ("country house", "green house", "blue house", "red house")),
    Deed("car", "washes", "wash", ("off-road car", "racing car", "van")),
    Deed("flowers", "waters", "water", ("red tulips", "sunflower", "red flower", "yellow flowers", "pink flower")),
    Deed("hat", "wears", "wear", ("brown hat", "sombrero", "purple hat", "baseball cap")),
    Deed("shoes", "polishes", "polish", ("tennis shoes", "hiking boot", "sport shoe", "ice skate")),
    Deed("cake", "bakes", "bake", ("pink cake", "birthday cake with candles", "cherry pie", "slice of apple pie")),
    Deed("pizza", "orders", "order", ("slice of pizza",)),
    Deed("fruit", "peels", "peel", ("red apple", "peach", "plum", "pear", "watermelon", "bananas")),
    Deed("coffee", "pours", "pour", ("cup of coffee", "teapot", "purple teapot")),
    Deed("ball", "throws", "throw", ("volleyball", "football", "baseball", "black billiard ball")),
    Deed("guitar", "tunes", "tune", ("acoustic guitar", "electric guitar", "cello", "celtic harp")),
    Deed("trumpet", "plays", "play", ("trombone", "trumpet", "french horn", "saxophone")),
    Deed("drum", "beats", "beat", ("djembe drum", "drum kit", "maracas")),
    Deed("camera", "repairs", "repair", ("camera", "video camera", "film camera")),
    Deed("lamp", "lights", "light", ("desk lamp", "table lamp", "light bulb", "red lantern")),
    Deed("key", "finds", "find", ("key", "black key", "bunch of keys")),
    Deed("tools", "borrows", "borrow", ("hammer", "hand saw", "screwdriver and wrench", "garden shears")),
    Deed("letter", "reads", "read", ("sheet of paper", "parchment scroll", "envelope", "clipboard")),
)
"""All actions."""
NAMES: Final = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo",
    "Mia", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tina", "Ulf", "Vera", "Walter", "Yara", "Zoe",
)  # fmt: skip
REASONS: Final = (
    "guests arrive at noon", "the doctor said so", "it was a bet", "school begins tomorrow", "nobody else wanted to",
    "the rain has stopped", "grandmother asked for it", "the neighbours complained", "there is a prize for it",
    "the holidays are over", "it helps against worry", "the boss is away", "a friend is sad", "it brings good luck",
    "the radio is broken", "the train was late", "winter is coming", "it was a promise", "the museum is closed",
    "the brother forgot again", "money is short", "the film starts soon", "an uncle inherited everything",
    "the village has a festival",
)  # fmt: skip
PRESENTING: Final = ("there is {name}", "{name} is here again", "look, {name} came early", "hello {name}")
MENTIONING: Final = ("{name} and the {thing}, as always", "look, {name} with the {thing}")
TELLING: Final = ("{name} says {reason}", "for {name} {reason}", "you know {name}, {reason}")
ASKING: Final = ("{name} {does} the {thing}", "it is {name} who {does} the {thing}", "the {thing} that {name} {does}")
EVENTS: Final = 4
"""Events of an episode; two of them are the same deed."""
JITTER: Final = 0.2
"""Cuts are off the grid of frames by up to this share of a frame."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens.

    Attributes:
        deed: Index in `DEEDS`.
        name: Who does it.
        reason: Why.
        first: First frame that shows it.
        frames: How many frames.
        start: When it begins, in seconds.
        end: When it ends, in seconds.
    """

    deed: int
    name: str
    reason: str
    first: int
    frames: int
    start: float
    end: float

    def filled(self, template: str) -> str:
        """Return a sentence about it."""
        deed = DEEDS[self.deed]
        return template.format(name=self.name, reason=self.reason, thing=deed.thing, does=deed.does, do=deed.do)


@dataclass(frozen=True, slots=True)
class Story:
    """Events of one episode, and its subtitles, questions and captions.

    Attributes:
        events: In order of time.
        subtitles: The dialogue.
        queries: A sentence about each event, with its time.
        captions: All that is true of each event, with its time.
        question: A question and five answers, parted by bars.
        answer: Number of the right answer.
        about: Number of the event that the question is about.
        statement: A sentence about one event.
        truth: Whether it is true.
    """

    events: Sequence[Event]
    subtitles: tuple[Cue, ...]
    queries: tuple[Cue, ...]
    captions: tuple[Cue, ...]
    question: str
    answer: int
    about: int
    statement: str
    truth: bool


def drawings() -> Mapping[str, Sequence[str]]:
    """Return thing -> the drawings that show it, sorted."""
    by_label: dict[str, list[str]] = {}
    for media in of_kind("clipart"):
        by_label.setdefault(media.label, []).append(media.file)
    return {deed.thing: sorted(f for label in deed.labels for f in by_label.get(label, ())) for deed in DEEDS}


def draw_story(rng: np.random.Generator, *, frames: int, period: float, mention: float) -> Story:
    """Draw an episode.

    Args:
        rng: Source of chance.
        frames: Its length in frames; at least two per event.
        period: Seconds per frame.
        mention: How often a subtitle names the visible thing.
    """
    events = _events(rng, frames, period)
    queries = tuple(Cue(event.start, event.end, event.filled(_pick(rng, ASKING))) for event in events)
    annotation = "{name} {does} the {thing} because {reason}"
    question, answer, about = _question(rng, events)
    statement, truth = _statement(rng, events)
    return Story(
        events=events,
        subtitles=tuple(cue for event in events for cue in _spoken(rng, event, mention)),
        queries=queries,
        captions=tuple(Cue(event.start, event.end, event.filled(annotation)) for event in events),
        question=question,
        answer=answer,
        about=about,
        statement=statement,
        truth=truth,
    )


def _events(rng: np.random.Generator, frames: int, period: float) -> list[Event]:
    kinds = [int(kind) for kind in rng.choice(len(DEEDS), EVENTS - 1, replace=False)]
    deeds = [kinds[0], *kinds]  # the first deed is done twice, by two people
    rng.shuffle(deeds)
    names = [NAMES[int(i)] for i in rng.choice(len(NAMES), EVENTS, replace=False)]
    reasons = [REASONS[int(i)] for i in rng.choice(len(REASONS), EVENTS, replace=False)]
    lengths = rng.integers(2, 4, EVENTS)
    while lengths.sum() > frames:
        lengths[int(lengths.argmax())] -= 1
    gaps = rng.multinomial(frames - int(lengths.sum()), np.full(EVENTS + 1, 1 / (EVENTS + 1)))
    events: list[Event] = []
    first = 0
    for place in range(EVENTS):
        first += int(gaps[place])
        length = int(lengths[place])
        start, end = (np.array([first, first + length]) + rng.uniform(-JITTER, JITTER, 2)) * period
        start, end = max(0.0, float(start)), min(frames * period, float(end))
        if events and not gaps[place]:  # from one event to the next there is one cut
            start = events[-1].end
        events.append(Event(deeds[place], names[place], reasons[place], first, length, start, end))
        first += length
    return events


def _spoken(rng: np.random.Generator, event: Event, mention: float) -> list[Cue]:
    """Return two subtitles that lie within an event: the actor, seldom with the thing; and the actor and the reason."""
    length = event.end - event.start
    begin, stop = event.start + rng.uniform(0.02, 0.12) * length, event.end - rng.uniform(0.02, 0.12) * length
    lines = [_pick(rng, MENTIONING if rng.random() < mention else PRESENTING), _pick(rng, TELLING)]
    cuts = [begin, begin + rng.uniform(0.4, 0.6) * (stop - begin), stop]
    return [
        Cue(round(float(cuts[i]), 3), round(float(cuts[i + 1]), 3), event.filled(text)) for i, text in enumerate(lines)
    ]


def _question(rng: np.random.Generator, events: Sequence[Event]) -> tuple[str, int, int]:
    """Return a question with five answers, the right one's number, and the event it is about.

    Wrong answers are right ones about the other events of the episode, then others.
    """
    counts = [sum(other.deed == event.deed for other in events) for event in events]
    about = int(rng.integers(len(events)))
    event = events[about]
    if counts[about] > 1:  # the deed alone does not identify the event
        form = int(rng.integers(2))
        question = ("why does {name} {do} the {thing}?", "what does {name} do?")[form]
    else:
        form = int(rng.integers(3))
        question = ("why does somebody {do} the {thing}?", "what does {name} do?", "who {does} the {thing}?")[form]
    kinds = ("{reason}", "{do} the {thing}", "{name}")
    pools = (REASONS, [f"{deed.do} the {deed.thing}" for deed in DEEDS], NAMES)
    right = event.filled(kinds[form])
    near = [other.filled(kinds[form]) for other in events]
    rest = [pools[form][int(i)] for i in rng.permutation(len(pools[form]))]
    wrong = [each for each in dict.fromkeys([*near, *rest]) if each != right][:4]
    place = int(rng.integers(5))
    order = [wrong[int(i)] for i in rng.permutation(4)]
    answers = [*order[:place], right, *order[place:]]
    return " | ".join([event.filled(question), *answers]), place, about


def _statement(rng: np.random.Generator, events: Sequence[Event]) -> tuple[str, bool]:
    """Return a true sentence about an event, or one with the thing of one event and the name of another."""
    about, truth = int(rng.integers(len(events))), bool(rng.random() < 0.5)
    event = events[about]
    template = _pick(rng, ASKING[:2])
    if truth:
        return event.filled(template), True
    others = [other for other in events if other.deed != event.deed]
    deed = DEEDS[others[int(rng.integers(len(others)))].deed]
    return template.format(name=event.name, does=deed.does, thing=deed.thing), False


def _pick(rng: np.random.Generator, texts: Sequence[str]) -> str:
    return texts[int(rng.integers(len(texts)))]
