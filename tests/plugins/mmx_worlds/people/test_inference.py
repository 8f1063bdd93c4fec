from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from mmx_worlds.people import inference
from mmx_worlds.people.traits import FACE, VOICE, draw_causes, draw_traits, mixture


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    causes = draw_causes(rng, 300)
    return causes, draw_traits(rng, causes, VOICE), draw_traits(rng, causes, FACE)


def test_density_is_the_mixture_of_two_normal_ones(people: tuple[np.ndarray, ...]) -> None:
    weights, own = mixture(VOICE)
    covariance = weights[:, 1:] @ weights[:, 1:].T + np.diag(own**2)
    parts = [multivariate_normal(sex * weights[:, 0], covariance).logpdf(people[1]) for sex in (-1, 1)]
    assert np.allclose(inference.log_density(people[1], VOICE), logsumexp(parts, axis=0) - np.log(2))


def test_affinity_is_what_integrating_over_the_causes_gives() -> None:
    """p(v, f) = sum over sexes and integral over the other causes of p(v | c) p(f | c) p(c), here on a grid."""
    rng = np.random.default_rng(1)
    voice, face = (draw_traits(rng, draw_causes(rng, 2), table) for table in (VOICE, FACE))
    axis = np.linspace(-5, 5, 47)
    others = np.stack([plane.ravel() for plane in np.meshgrid(axis, axis, axis)], 1)
    causes = np.concatenate([np.insert(others, 0, sex, axis=1) for sex in (-1.0, 1.0)])
    prior = norm.logpdf(others).sum(1) + 3 * np.log(axis[1] - axis[0]) - np.log(2)
    prior = np.concatenate([prior, prior])

    def given(traits: np.ndarray, table: dict[str, tuple[float, ...]]) -> np.ndarray:
        weights, own = mixture(table)
        return norm.logpdf(traits[:, None], causes @ weights.T, own).sum(-1)

    of_voice, of_face = given(voice, VOICE), given(face, FACE)
    joint = logsumexp(of_voice[:, None] + of_face[None] + prior, axis=-1)
    apart = logsumexp(of_voice + prior, axis=-1)[:, None] + logsumexp(of_face + prior, axis=-1)[None]
    assert np.allclose(inference.affinity(voice, face), joint - apart, atol=1e-5)


def test_affinity_of_causes_is_the_ratio_of_densities(people: tuple[np.ndarray, ...]) -> None:
    causes, _, face = (each[:20] for each in people)
    weights, own = mixture(FACE)
    given = np.array([norm.logpdf(face, cause @ weights.T, own).sum(-1) for cause in causes])
    assert np.allclose(inference.affinity_of_causes(causes, face), given - inference.log_density(face, FACE)[None])


def recall(scores: np.ndarray, k: int) -> float:
    return float(((scores > np.diag(scores)[:, None]).sum(1) < k).mean())


def test_nothing_ranks_better_than_the_truth_and_the_ceiling_is_below_one(people: tuple[np.ndarray, ...]) -> None:
    causes, voice, face = people
    best, knowing = inference.affinity(voice, face), inference.affinity_of_causes(causes, face)
    weights, _ = mixture(FACE)
    inner, _ = mixture(VOICE)
    guess = voice @ np.linalg.pinv(inner).T @ weights.T
    plain = -((guess[:, None] - face[None]) ** 2).sum(-1)
    for k in (1, 10):
        assert k / 300 < recall(plain, k) < recall(best, k) < recall(knowing, k)
    assert recall(knowing, 1) < 1


def test_faces_of_a_voice_have_the_conditional_mean() -> None:
    """Checked against people who happen to have nearly the same two main traits of the voice."""
    rng = np.random.default_rng(2)
    causes = draw_causes(rng, 400_000)
    voice, face = draw_traits(rng, causes, VOICE), draw_traits(rng, causes, FACE)
    asked = np.array([0.8, 0.3, 0.0, 0.5, 0.2, 0.0])
    # Importance weights narrow the crowd down to this voice in every trait.
    log_weights = -0.5 * (((voice - asked) / 0.35) ** 2).sum(1)
    weights = np.exp(log_weights - log_weights.max())
    drawn = inference.faces_given_voice(rng, asked, 40_000)
    effective = weights.sum() ** 2 / (weights**2).sum()
    assert effective > 200
    expected = weights @ face / weights.sum()
    assert np.abs(drawn.mean(0) - expected).max() < 4 / np.sqrt(effective) + 0.08
