"""Stages that go back: to the weights of an earlier stage, or to new ones; corpora that a trained model makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.errors import DataError, UserError
from mmx.model.build import build
from mmx.model.model import Model
from mmx.registry.registry import Registrar
from mmx.support.signals import Interrupted
from mmx.training import checkpoint
from mmx.types import Sample
from tests.core.parts import Line, experiment, registry
from tests.core.training.test_trainer import StopAt, same, trainer, weights

SEEN: list[dict[str, torch.Tensor]] = []


class Labelled(Line):
    """Numbers whose class is what an earlier stage says."""

    def __init__(self, trained: Callable[[str], Callable[[], Model]], *, by: str = "one") -> None:
        super().__init__()
        self.model = trained(by)

    def split(self, name: str) -> Sequence[Sample]:
        if name != "train":
            raise DataError(f"no split {name!r}")
        model = self.model()
        assert not model.training and not any(each.requires_grad for each in model.parameters())
        SEEN.append(weights(model))
        says = model(model.prepare(self.samples)).heads["label"].argmax(1).tolist()
        return [Sample(each.id, each.fields, {"label": say}) for each, say in zip(self.samples, says, strict=True)]


def stages(**third: Any) -> list[dict[str, Any]]:
    stage = {"batch_size": 8, "trains": ["encoders", "heads"], "objective": "t/entropy", "optimizer": {"use": "t/sgd"}}
    names = [("one", 4, {}), ("two", 5, {}), ("three", 6, third)]
    return [{**stage, "name": name, "steps": steps, **more} for name, steps, more in names]


def specified(**third: Any) -> Any:
    return experiment(stages=stages(**third))


def with_labelled() -> Any:
    found = registry()
    Registrar(found, "t", "tests 0").corpus("t/labelled", f"{__name__}:Labelled")
    return found


def after(spec: Any, folder: Path, count: int) -> dict[str, torch.Tensor]:
    """The weights after the first stages alone."""
    run = trainer(experiment(stages=[stage.model_dump() for stage in spec.stages[:count]]), folder)
    run.fit()
    return weights(run.model)


def noting(built: Any) -> list[dict[str, torch.Tensor]]:
    """Note the weights that each stage begins with."""
    first: list[dict[str, torch.Tensor]] = []
    begin = built.milestones.begin

    def noted(*given: Any) -> None:
        begin(*given)
        first.append(weights(built.model))

    built.milestones.begin = noted
    return first


def test_a_stage_starts_from_an_earlier_one_or_from_new_weights(tmp_path: Path) -> None:
    for place, start in (("one", "one"), ("new", "untrained")):
        spec = specified(starts_from=start)
        built = build(spec, registry())
        begins = weights(built.model) if start == "untrained" else after(specified(), tmp_path / f"{place}-part", 1)
        run = trainer(spec, tmp_path / place, built)
        run.milestones = built.milestones
        first = noting(built)
        run.fit()
        assert same(first[2], begins) and not same(weights(built.model), begins)
    assert [path.name for path in (tmp_path / "one" / "milestones").iterdir()] == ["one.safetensors"]
    assert not (tmp_path / "new" / "milestones").exists()


def test_a_resumed_run_goes_back_to_the_same_weights(tmp_path: Path) -> None:
    spec = specified(starts_from="one")
    whole = trainer(spec, tmp_path / "whole")
    whole.fit()
    stopped = trainer(spec, tmp_path / "run")
    stopped.observer = StopAt(5)  # the end of the second stage
    with stopped.interrupt.handled(), pytest.raises(Interrupted):
        stopped.fit()
    resumed = trainer(spec, tmp_path / "run")
    checkpoint.load_weights(tmp_path / "run" / "checkpoint", resumed.model)
    resumed.fit(checkpoint.load_state(tmp_path / "run" / "checkpoint"))
    assert same(weights(resumed.model), weights(whole.model))


def test_the_corpus_of_a_stage_is_made_by_the_model_of_an_earlier_one(tmp_path: Path) -> None:
    spec = specified(corpus={"use": "t/labelled"})
    built = build(spec, with_labelled())
    with pytest.raises(DataError, match="'one' are not there yet"):
        built.stages[2].corpus.split("train")
    SEEN.clear()
    run = trainer(spec, tmp_path / "run", built)
    run.milestones = built.milestones
    run.fit()
    expected = after(specified(), tmp_path / "part", 1)
    assert SEEN and all(same(each, expected) for each in SEEN)


def test_only_earlier_stages_can_be_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stages\.three\.starts_from: no stage 'ones' before it; did you mean 'one'"):
        build(specified(starts_from="ones"), registry())
    with pytest.raises(UserError, match=r"stages\.three\.corpus: no stage 'three' before it"):
        build(specified(corpus={"use": "t/labelled", "by": "three"}), with_labelled())
