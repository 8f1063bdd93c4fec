"""Whose limits an experiment has: those of the plugins that bring its task, model and losses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mmx.config.experiment import Experiment
from mmx.runs.caveats import caveats
from mmx.types import Card


def plugins(**limits: tuple[str, ...] | None) -> Any:
    cards = {name: None if each is None else Card(name, "", "MIT", caveats=each) for name, each in limits.items()}
    return SimpleNamespace(records=[SimpleNamespace(name=name, card=card) for name, card in cards.items()])


def experiment(**changes: Any) -> Experiment:
    config: dict[str, Any] = {
        "name": "x",
        "summary": "x",
        "corpus": "world/shapes",
        "encoders": {"image": {"use": "std/conv2d"}, "audio": {"use": "other/ears"}},
        "stages": [{"name": "s", "steps": 1, "trains": ["encoders"], "objective": "loss/far"}],
        "task": "paper/judge",
    }
    return Experiment.model_validate({**config, **changes})


def test_the_tasks_plugin_comes_first_and_each_limit_once() -> None:
    known = plugins(std=("s",), loss=("l", "both"), other=("o",), paper=("p", "both"), world=("w",), unused=("u",))
    assert caveats(known, experiment()) == ["p", "both", "o", "l"]


def test_without_cards_there_are_none() -> None:
    assert caveats(plugins(paper=None), experiment(encoders={"image": "std/conv2d"}, stages=[])) == []
