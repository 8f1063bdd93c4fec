"""Late fusion against its equations, in loops over samples, and against scikit-learn's estimators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from mmx.errors import PortError
from mmx.types import Batch, Features
from mmx_std.fusers.late import LateEnsemble, Stacked

DIMS = {"image": 4, "audio": 3, "text": 2}
CLASSES = {"label": ["cat", "dog", "owl"], "caption": None}
B = 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make_features(dims: dict[str, int] = DIMS, count: int = B) -> dict[str, Features]:
    return {name: Features(torch.randn(count, size)) for name, size in dims.items()}


def make_batch(**present: list[bool]) -> Batch:
    return Batch(ids=[str(i) for i in range(B)], present={name: torch.tensor(rows) for name, rows in present.items()})


def softmax(logits: Tensor) -> list[float]:
    powers = [math.exp(value) for value in logits.tolist()]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("mean", ["mean", "log-mean"])
@pytest.mark.parametrize("weights", ["learned", "uniform", {"audio": 3.0, "image": 1.0, "text": 0.0}])
def test_late_ensemble_averages_probabilities(mean: str, weights: Any) -> None:
    fuser = LateEnsemble(DIMS, CLASSES, weights=weights, mean=mean)
    names = ["audio", "image", "text"]
    shares = dict.fromkeys(names, 1 / 3)
    if isinstance(weights, dict):
        shares = {"audio": 0.75, "image": 0.25, "text": 0.0}
    if weights == "learned":
        with torch.no_grad():
            fuser.raw_weights_M.copy_(torch.tensor([0.5, -1.0, 2.0]))
        shares = dict(zip(names, softmax(fuser.raw_weights_M), strict=True))
    features = make_features()
    present = [True, True, False, True, True]
    joint = fuser(features, make_batch(image=present))["joint"].pooled_BD
    for row in range(B):
        there = [name for name in names if name != "image" or present[row]]
        total = sum(shares[name] for name in there)
        probabilities = {name: softmax(fuser.classifiers[name](features[name].pooled_BD[row])) for name in there}
        for index in range(3):
            if mean == "mean":
                expected = math.log(sum(shares[n] / total * probabilities[n][index] for n in there))
            else:
                expected = sum(shares[n] / total * math.log(probabilities[n][index]) for n in there)
            assert joint[row, index].item() == pytest.approx(expected, abs=1e-5)


def test_late_ensemble_learns_its_weights() -> None:
    fuser = LateEnsemble(DIMS, CLASSES)
    joint = fuser(make_features(), make_batch())["joint"]
    nn.functional.cross_entropy(joint.pooled_BD, torch.zeros(B, dtype=torch.long)).backward()
    assert fuser.raw_weights_M.grad.abs().sum() > 0
    assert torch.allclose(joint.layers["weights"].sum(dim=1), torch.ones(B))


@pytest.mark.parametrize("weights", [{"audio": 1.0}, {"audio": -1.0, "image": 1, "text": 1}, dict.fromkeys(DIMS, 0.0)])
def test_late_ensemble_refuses_weights_that_do_not_fit(weights: dict[str, float]) -> None:
    with pytest.raises(PortError, match="audio, image, text"):
        LateEnsemble(DIMS, CLASSES, weights=weights)


def test_a_sample_with_only_weightless_modalities_still_gets_an_answer() -> None:
    fuser = LateEnsemble(DIMS, CLASSES, weights={"audio": 1.0, "image": 0.0, "text": 0.0})
    features = make_features()
    fused = fuser(features, make_batch(audio=[False] * B, image=[False] * B))
    expected = fuser.classifiers["text"](features["text"].pooled_BD).log_softmax(dim=1)
    assert torch.allclose(fused["joint"].pooled_BD, expected, atol=1e-6)


def test_largest_probability() -> None:
    fuser = LateEnsemble(DIMS, CLASSES, weights={"audio": 1.0, "image": 2.0, "text": 0.0}, mean="max")
    features = make_features()
    fused = fuser(features, make_batch(image=[True, False, True, True, True]))
    for row in range(B):
        there = ["audio"] if row == 1 else ["audio", "image"]
        each = [softmax(fused[name].pooled_BD[row]) for name in there]
        expected = [max(p[k] for p in each) for k in range(3)]
        torch.testing.assert_close(fused["joint"].pooled_BD[row].exp(), torch.tensor(expected))


def test_votes_are_counted_and_probabilities_break_ties() -> None:
    """The most voted class; between equal shares the one with the higher mean probability."""
    fuser = LateEnsemble(DIMS, CLASSES, weights="uniform", mean="vote")
    ties = 0
    for _ in range(40):
        features = make_features()
        fused = fuser(features, make_batch())
        for row in range(B):
            each = [softmax(fused[name].pooled_BD[row]) for name in sorted(DIMS)]
            votes = [sum(max(range(3), key=p.__getitem__) == k for p in each) for k in range(3)]
            best = max(range(3), key=lambda k: (votes[k], sum(p[k] for p in each)))
            ties += votes.count(max(votes)) > 1
            assert int(fused["joint"].pooled_BD[row].argmax()) == best
            torch.testing.assert_close(fused["joint"].pooled_BD[row].exp().sum(), torch.tensor(1.0))
    assert ties > 10


def test_confidence_is_minus_the_entropy() -> None:
    fuser = LateEnsemble(DIMS, CLASSES, weights="confidence")
    fused = fuser(make_features(), make_batch(text=[True, False, True, True, True]))
    for row in range(B):
        there = ["audio", "image"] if row == 1 else ["audio", "image", "text"]
        each = {name: softmax(fused[name].pooled_BD[row]) for name in there}
        power = {name: math.exp(sum(p * math.log(p) for p in each[name])) for name in there}
        mixed = [sum(power[n] * each[n][k] for n in there) / sum(power.values()) for k in range(3)]
        torch.testing.assert_close(fused["joint"].pooled_BD[row].exp(), torch.tensor(mixed))


def test_stacking_is_the_logistic_regression_on_log_odds() -> None:
    """Trained to the end, the regression finds what scikit-learn's finds on the same log-odds."""
    fuser = Stacked({"audio": 3, "image": 4}, CLASSES)
    features = make_features({"audio": 3, "image": 4}, 60)
    batch = Batch([str(i) for i in range(60)], targets={})
    truth = (features["audio"].pooled_BD[:, 0] + features["image"].pooled_BD[:, 1] > 0).long()
    fused = fuser(features, batch)
    rows = []
    for i in range(60):
        row: list[float] = []
        for name in ("audio", "image"):
            logs = [math.log(p) for p in softmax(fused[name].pooled_BD[i])]
            row += [value - sum(logs) / 3 for value in logs]
        rows.append(row)
    reference = LogisticRegression(C=1.0, max_iter=2000).fit(np.array(rows), truth.numpy())
    optimizer = torch.optim.LBFGS(fuser.regression.parameters(), max_iter=300, tolerance_change=1e-12)
    # Two of three classes occur: scikit-learn's binary regression is the softmax's difference of two rows, w = b - a
    # with a penalty of |w|^2 / 2; the smallest pair of rows with that difference has |a|^2 + |b|^2 = |w|^2 / 2.

    def closure() -> Tensor:
        optimizer.zero_grad()
        weight = fuser.regression.weight
        logits = fuser(features, batch)["joint"].pooled_BD[:, :2]
        loss = nn.functional.cross_entropy(logits, truth, reduction="sum") + (weight[:2] ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        found = fuser(features, batch)["joint"].pooled_BD[:, :2].softmax(dim=1).numpy()
    np.testing.assert_allclose(found, reference.predict_proba(np.array(rows)), atol=2e-3)


def test_stacking_learns_from_the_part_that_has_not_seen_the_fold() -> None:
    names = ["audio", "audio-0", "audio-1", "image"]
    fuser = Stacked(dict.fromkeys(names, 3), CLASSES, folds={"audio": ["audio-0", "audio-1"]})
    features = make_features(dict.fromkeys(names, 3))
    batch = Batch(list("abcde"), targets={"fold": torch.tensor([0, 1, 1, 0, 1])})
    fused = fuser(features, batch)

    def odds(name: str, row: int) -> Tensor:
        log = fused[name].pooled_BD[row].log_softmax(0)
        return log - log.mean()

    def expected(row: int, audio: str) -> Tensor:
        return fuser.regression(torch.cat([odds(audio, row), odds("image", row)]))

    for row, fold in enumerate([0, 1, 1, 0, 1]):
        torch.testing.assert_close(fused["joint"].pooled_BD[row], expected(row, f"audio-{fold}"))
    fuser.eval()
    judged = fuser(features, batch)
    torch.testing.assert_close(judged["joint"].pooled_BD[0], expected(0, "audio"))
    with pytest.raises(PortError, match="did you mean"):
        Stacked(dict.fromkeys(names, 3), CLASSES, folds={"audio": ["audio-00"]})
