"""Stories: subtitles and frames hold different facts, and every question has one answer."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmx_worlds.episodes.story import DEEDS, EVENTS, NAMES, REASONS, Story, draw_story, drawings
from mmx_worlds.real.index import lookup

THINGS = [deed.thing for deed in DEEDS]


def stories(count: int, *, mention: float = 0.25, frames: int = 12) -> list[Story]:
    return [
        draw_story(np.random.default_rng(seed), frames=frames, period=1.5, mention=mention) for seed in range(count)
    ]


def test_every_thing_has_drawings_of_its_own() -> None:
    found = drawings()
    assert list(found) == THINGS
    assert all(len(files) >= 3 for files in found.values())
    every = [file for files in found.values() for file in files]
    assert len(every) == len(set(every))
    assert all(lookup(file).kind == "clipart" for file in every)
    assert len({deed.does for deed in DEEDS}) == len({deed.do for deed in DEEDS}) == len(DEEDS)


def test_two_people_do_the_same_for_different_reasons() -> None:
    for story in stories(100):
        counts = Counter(event.deed for event in story.events)
        assert sorted(counts.values()) == [1, 1, 2]
        assert len({event.name for event in story.events}) == EVENTS
        assert len({event.reason for event in story.events}) == EVENTS


@pytest.mark.parametrize("frames", [8, 9, 12, 30])
def test_events_fit_into_the_video_in_order(frames: int) -> None:
    for story in stories(60, frames=frames):
        now, until = 0, 0.0
        for event in story.events:
            assert event.first >= now
            assert event.start >= until
            until = event.end
            assert event.frames in (1, 2, 3)
            assert abs(event.start - event.first * 1.5) <= 0.31
            assert abs(event.end - (event.first + event.frames) * 1.5) <= 0.31
            now = event.first + event.frames
        assert now <= frames
        assert story.events[-1].end <= frames * 1.5


def test_subtitles_lie_within_their_event_and_tell_name_and_reason() -> None:
    said_things = total = 0
    for story in stories(300):
        for event in story.events:
            own = [cue for cue in story.subtitles if event.start <= cue.start < event.end]
            assert len(own) == 2
            assert all(event.start - 1e-3 <= cue.start < cue.end <= event.end + 1e-3 for cue in own)
            text = " ".join(cue.text for cue in own)
            assert all(event.name in cue.text for cue in own)
            assert event.reason in own[1].text
            thing = DEEDS[event.deed].thing
            said_things += thing in own[0].text.replace(",", " ").split()
            total += 1
            assert not any(name in text for name in NAMES if name != event.name)
    assert 0.17 < said_things / total < 0.33
    assert list(story.subtitles) == sorted(story.subtitles, key=lambda cue: cue.start)


def test_without_mentions_no_subtitle_names_a_thing_or_a_deed() -> None:
    for story in stories(200, mention=0.0):
        text = " ".join(cue.text for cue in story.subtitles).lower().replace(",", " ").split()
        assert not {deed.thing for deed in DEEDS} & set(text)
        assert not {deed.does for deed in DEEDS} & set(text)


def test_queries_name_who_and_what_but_not_why() -> None:
    for story in stories(50):
        assert len(story.queries) == len(story.captions) == EVENTS
        for event, query, caption in zip(story.events, story.queries, story.captions, strict=True):
            assert event.name in query.text
            assert DEEDS[event.deed].thing in query.text
            assert event.reason not in query.text
            assert event.reason in caption.text
            assert (query.start, query.end) == (caption.start, caption.end) == (event.start, event.end)


def test_a_question_has_five_answers_of_which_one_is_right() -> None:
    places, kinds = Counter[int](), Counter[str]()
    for story in stories(600):
        question, *answers = story.question.split(" | ")
        event = story.events[story.about]
        assert len(set(answers)) == 5
        right = answers[story.answer]
        deed = DEEDS[event.deed]
        kind = "who" if question.startswith("who") else "what" if question.startswith("what") else "why"
        kinds[kind] += 1
        assert right == {"who": event.name, "what": f"{deed.do} the {deed.thing}", "why": event.reason}[kind]
        places[story.answer] += 1
        # Without a name only what happens once in the episode is asked about.
        if event.name not in question:
            assert sum(other.deed == event.deed for other in story.events) == 1
        if kind == "why":
            assert {other.reason for other in story.events} <= set(answers) | {right}
    assert min(places.values()) > 80
    assert set(kinds) == {"who", "what", "why"}


def test_statements_are_true_half_of_the_time() -> None:
    found = stories(400)
    assert 0.42 < np.mean([story.truth for story in found]) < 0.58
    for story in found:
        name = next(name for name in NAMES if name in story.statement)
        event = next(event for event in story.events if event.name == name)
        assert (DEEDS[event.deed].thing in story.statement) is story.truth
    assert len(REASONS) == len(set(REASONS)) == 24
