"""Exact inference of a face from a voice: the upper bound for any model of `worlds/identities`.

Given the sex s, causes and traits are jointly normal. Write w for the weights of sex, W for those of the other causes,
and D for the diagonal of what is a trait's own. Then for the traits v of a voice, f of a face, or both stacked,

    x | s ~ N(w s, W W^T + D^2),        p(x) = 1/2 sum over s of N(x; w s, W W^T + D^2).

**The best ranking.** A gallery holds one face of the speaker and M - 1 of others, in random order. Given the voice and
all faces, the odds that face j is the speaker's are proportional to p(v, f_j) / (p(v) p(f_j)), for all other factors
are the same for every j. Ranking by this ratio therefore has the largest possible recall at every K. It is given the
traits themselves; an image and a recording are made from traits and chance alone and carry no more information (data
processing), so no model of images and recordings can do better on average. `affinity` is its logarithm.

**The best feature.** Of all guesses at a face's features phi(f) from a voice, the conditional mean E[phi(f) | v] has
the least squared error. With features that a network computes there is no formula for it; its draws are exact:
s, then the other causes given s and v, then f given all (`faces_given_voice`).

Shape legend: N and M people, T traits, C causes, K causes but sex.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import logsumexp

from mmx_worlds.people.traits import FACE, VOICE, Weights, draw_traits, mixture

_SEXES: Final = (-1.0, 1.0)


def affinity(voice_NV: np.ndarray, face_MF: np.ndarray) -> np.ndarray:
    """Return log p(v, f) / (p(v) p(f)) for every voice and every face (N, M)."""
    both = {**{f"v_{name}": row for name, row in VOICE.items()}, **{f"f_{name}": row for name, row in FACE.items()}}
    count, other = len(voice_NV), len(face_MF)
    pairs = np.concatenate([np.repeat(voice_NV, other, 0), np.tile(face_MF, (count, 1))], axis=1)
    joint_NM = log_density(pairs, both).reshape(count, other)
    return np.asarray(joint_NM - log_density(voice_NV, VOICE)[:, None] - log_density(face_MF, FACE)[None, :])


def affinity_of_causes(causes_NC: np.ndarray, face_MF: np.ndarray) -> np.ndarray:
    """Return log p(f | causes) / p(f) (N, M): the same given the causes themselves."""
    weights_FC, own_F = mixture(FACE)
    distance_NMF = (face_MF[None] - (causes_NC @ weights_FC.T)[:, None]) / own_F
    given_NM = -0.5 * (distance_NMF**2).sum(-1) - np.log(own_F).sum() - 0.5 * len(own_F) * np.log(2 * np.pi)
    return np.asarray(given_NM - log_density(face_MF, FACE)[None, :])


def log_density(traits_NT: np.ndarray, table: dict[str, Weights]) -> np.ndarray:
    """Return log p of traits (N,): a mixture of two normal distributions."""
    return np.asarray(logsumexp(_by_sex(traits_NT, table), axis=1) - np.log(2.0))


def faces_given_voice(rng: np.random.Generator, voice_V: np.ndarray, count: int) -> np.ndarray:
    """Draw traits of faces (count, F) from p(f | v): faces that go with this voice."""
    by_sex_S = _by_sex(voice_V[None], VOICE)[0]
    chance_S = np.exp(by_sex_S - logsumexp(by_sex_S))
    sex_N = rng.choice(_SEXES, count, p=chance_S / chance_S.sum())
    weights_VC, own_V = mixture(VOICE)
    inner_VK = weights_VC[:, 1:]
    covariance_KK = np.linalg.inv(np.eye(inner_VK.shape[1]) + inner_VK.T @ (inner_VK / own_V[:, None] ** 2))
    rest_NV = voice_V - sex_N[:, None] * weights_VC[:, 0]
    mean_NK = rest_NV / own_V**2 @ inner_VK @ covariance_KK
    drawn_NK = mean_NK + rng.standard_normal(mean_NK.shape) @ np.linalg.cholesky(covariance_KK).T
    return draw_traits(rng, np.concatenate([sex_N[:, None], drawn_NK], axis=1), FACE)


def _by_sex(traits_NT: np.ndarray, table: dict[str, Weights]) -> np.ndarray:
    """Return log N(x; w s, W W^T + D^2) for both sexes (N, 2)."""
    weights_TC, own_T = mixture(table)
    covariance_TT = weights_TC[:, 1:] @ weights_TC[:, 1:].T + np.diag(own_T**2)
    lower_TT = np.linalg.cholesky(covariance_TT)
    constant = np.log(np.diag(lower_TT)).sum() + 0.5 * len(own_T) * np.log(2 * np.pi)
    columns = []
    for sex in _SEXES:
        whitened_TN = np.linalg.solve(lower_TT, (traits_NT - sex * weights_TC[:, 0]).T)
        columns.append(-0.5 * (whitened_TN**2).sum(0) - constant)
    return np.stack(columns, axis=1)
