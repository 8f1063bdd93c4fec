"""Gradient-Blending: weights against the formula, and trials that leave no trace."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmx.errors import ConfigError
from mmx_std.balance.blending import Blend, blend_weights
from mmx_std.objectives.prediction import CrossEntropy
from tests.core.training.test_trials import samples, trials
from tests.plugins.mmx_std.balance.toys import CLASSES


def test_weights_against_the_formula() -> None:
    old = {"train": {"a": 1.0, "b": 1.2, "c": 1.0}, "val": {"a": 1.1, "b": 1.3, "c": 1.0}}
    new = {
        "a": {"train": {"a": 0.5, "b": 9, "c": 9}, "val": {"a": 0.9, "b": 9, "c": 9}},
        "b": {"train": {"a": 9, "b": 0.9, "c": 9}, "val": {"a": 9, "b": 1.1, "c": 9}},
        "c": {"train": {"a": 9, "b": 9, "c": 0.1}, "val": {"a": 9, "b": 9, "c": 1.4}},
    }
    # a: G = .2, O = (.9 - .5) - (1.1 - 1.0) = .3; b: G = .2, O = (1.1 - .9) - (1.3 - 1.2) = .1; c: G < 0.
    raw = {"a": 0.2 / 0.3**2, "b": 0.2 / 0.1**2, "c": 0.0}
    found = blend_weights(dict.fromkeys("abc", old), new)
    assert found == pytest.approx({name: value / sum(raw.values()) for name, value in raw.items()})
    assert blend_weights({"c": old}, {"c": new["c"]}) == {"c": 1.0}


def test_weights_are_set_once_offline_and_again_online_and_survive_a_resume() -> None:
    found, offline, online = trials(samples()), Blend(trial=2), Blend(trial=2, every=2)
    for balance in (offline, online):
        seen = []
        for number in range(4):
            found.number = number
            balance.before(found)
            weights = dict(found.objective.weights)
            assert sum(weights.values()) == pytest.approx(1)
            seen.append(weights)
            assert balance(SimpleNamespace()) == {f"blend/{name}": value for name, value in weights.items()}
        assert seen[0] == seen[1]
    restored = Blend(trial=2)
    restored.load_state_dict(offline.state_dict())
    found.objective.weights.update(joint=5.0)
    found.number = 3
    restored.before(found)
    assert torch.equal(restored.found_K, offline.found_K)
    assert found.objective.weights["joint"] == pytest.approx(float(offline.found_K[1]))


def test_it_needs_several_losses() -> None:
    found = trials(samples())
    found.step = SimpleNamespace(objective=CrossEntropy(CLASSES))  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="std/weighted"):
        Blend().before(found)
