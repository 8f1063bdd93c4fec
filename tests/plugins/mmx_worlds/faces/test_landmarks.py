from __future__ import annotations

import numpy as np

from mmx_worlds.faces import drawing
from mmx_worlds.faces.landmarks import NAMES, landmarks
from mmx_worlds.people.traits import FACE, look_of

SIDE = 160


def portrait(face: np.ndarray) -> np.ndarray:
    still = np.zeros(1)
    motion = drawing.Motion(np.zeros((1, 3)), still, still, still, np.zeros((1, 2)), 1.0)
    return drawing.render(look_of(face), motion, drawing.Light(0, 1, 0, (0, 0, 1)), SIDE)[0].astype(float)


def places(face: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, (landmarks(look_of(face)) + 1) * SIDE / 2, strict=True))


def trait(name: str, value: float) -> np.ndarray:
    face = np.zeros(len(FACE))
    face[list(FACE).index("glasses")] = -3
    face[list(FACE).index(name)] = value
    return face


def test_every_name_has_a_place_in_the_image() -> None:
    found = landmarks(look_of(np.zeros(len(FACE))))
    assert found.shape == (len(NAMES), 2)
    assert len(set(NAMES)) == len(NAMES)
    assert np.abs(found).max() < 1


def test_eyes_are_bright_between_their_corners_and_lips_red_between_theirs() -> None:
    for value in (-1.5, 0.0, 1.5):
        face = trait("apart", value)
        image, at = portrait(face), places(face)
        inner, outer = at["eye_right_inner"], at["eye_right_outer"]
        x, y = (0.75 * outer + 0.25 * inner).round().astype(int)
        assert image[y, x].min() > 140, "the white of the eye"
        lip = (0.5 * (at["lip_top"] + at["mouth_top"])).round().astype(int)
        red, green, _ = image[lip[1], lip[0]]
        assert red > 1.3 * green


def test_the_outline_is_where_skin_ends() -> None:
    """Between ears and chin there is skin inside of the outline, and none of it outside."""
    for name, value in (("wide", 1.5), ("wide", -1.5), ("jaw", 1.5), ("jaw", -1.5)):
        face = trait(name, value)
        face[list(FACE).index("short_hair")] = 3
        image, at = portrait(face), places(face)
        x, y = at["outline_right_3"]
        row = image[round(float(y))]
        assert row[int(x) - 3, 0] > row[int(x) - 3, 2], "skin"
        assert row[int(x) + 4, 2] > row[int(x) + 4, 0], "the blue backdrop"


def test_landmarks_follow_their_traits() -> None:
    wide, narrow = places(trait("wide_mouth", 2)), places(trait("wide_mouth", -2))
    assert np.ptp([wide["mouth_left"][0], wide["mouth_right"][0]]) > np.ptp(
        [narrow["mouth_left"][0], narrow["mouth_right"][0]]
    )
    assert places(trait("long_nose", 2))["nose_base"][1] > places(trait("long_nose", -2))["nose_base"][1]
    assert places(trait("high_hairline", 2))["hairline"][1] < places(trait("high_hairline", -2))["hairline"][1]
