from __future__ import annotations

import numpy as np

from mmx_worlds.people.traits import (
    CAUSES,
    FACE,
    OLDEST,
    VOICE,
    YOUNGEST,
    Person,
    draw_causes,
    draw_person,
    draw_traits,
    look_of,
    mixture,
    voice_of,
)


def many(count: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    causes = draw_causes(rng, count)
    return causes, draw_traits(rng, causes, VOICE), draw_traits(rng, causes, FACE)


def test_traits_have_variance_one_and_the_weights_that_are_written_down() -> None:
    causes, voice, face = many()
    for traits, table in ((voice, VOICE), (face, FACE)):
        assert np.allclose(traits.std(0), 1, atol=0.03)
        for place, weights in enumerate(table.values()):
            found = [np.mean(traits[:, place] * causes[:, cause]) for cause in range(len(CAUSES))]
            assert np.allclose(found, weights, atol=0.03)


def test_voice_and_face_share_the_causes_and_nothing_else() -> None:
    causes, voice, face = many()
    voice_weights, _ = mixture(VOICE)
    face_weights, _ = mixture(FACE)
    rest_of_voice = voice - causes @ voice_weights.T
    rest_of_face = face - causes @ face_weights.T
    correlation = np.corrcoef(rest_of_voice.T, rest_of_face.T)[: len(VOICE), len(VOICE) :]
    assert np.abs(correlation).max() < 0.04


def test_no_trait_is_made_of_more_than_there_is() -> None:
    for table in (VOICE, FACE):
        _, own = mixture(table)
        assert np.isfinite(own).all()
        assert (own > 0.2).all(), "something of every trait is its own: no perfect score"


def test_skin_hair_and_eyes_are_the_faces_own() -> None:
    assert not any(any(FACE[name]) for name in ("skin", "hair", "iris"))


def test_the_same_state_gives_the_same_person() -> None:
    one, other = (draw_person(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.voice_V, other.voice_V)
    assert np.array_equal(one.face_F, other.face_F)


def test_voices_and_faces_follow_the_traits_monotonely() -> None:
    low = [voice_of(np.eye(len(VOICE))[0] * value).pitch for value in (-2, -1, 0, 1, 2)]
    assert low == sorted(low, reverse=True)
    assert 80 < low[-1] < low[0] < 270
    wide = [look_of(np.eye(len(FACE))[0] * value).wide for value in (-2, 0, 2)]
    assert wide == sorted(wide)


def test_extreme_traits_still_give_a_face_and_a_voice() -> None:
    for value in (-9.0, 9.0):
        look, voice = look_of(np.full(len(FACE), value)), voice_of(np.full(len(VOICE), value))
        assert all(0 <= each <= 1 for colour in (look.skin, look.hair, look.lips, look.iris) for each in colour)
        assert min(look.eye, look.brow, look.nose, look.mouth, look.lip) > 0
        assert min(voice.pitch, voice.tempo, voice.tract, voice.breath) > 0


def test_ages_are_uniform() -> None:
    causes, voice, face = many(4000)
    years = [Person(c, v, f).years for c, v, f in zip(causes, voice, face, strict=True)]
    assert min(years) >= YOUNGEST
    assert max(years) <= OLDEST
    assert np.allclose(np.histogram(years, 6, (YOUNGEST, OLDEST))[0] / 4000, 1 / 6, atol=0.03)
