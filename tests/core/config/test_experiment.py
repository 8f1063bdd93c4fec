"""The schema of an experiment: short forms, strictness, immutability."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mmx.config.experiment import EncoderPart, Experiment, Part, Settings, Stage
from tests.core.parts import experiment


def test_a_part_is_written_flat_or_by_its_name() -> None:
    assert Part.model_validate("std/none") == Part(use="std/none")
    flat = Part.model_validate({"use": "a/b", "width": 2, "inner": [{"use": "c/d", "x": 1}], "plain": {"k": 1}})
    assert flat.params["inner"] == [Part(use="c/d", params={"x": 1})]
    assert flat.params["plain"] == {"k": 1} and flat.params["width"] == 2


def test_an_encoder_keeps_its_own_keys_apart_from_parameters() -> None:
    part = EncoderPart.model_validate({"use": "a/b", "field": "sound", "freeze": True, "width": 2})
    assert (part.field, part.freeze, part.params) == ("sound", True, {"width": 2})


def test_a_stage_with_one_update_is_written_flat() -> None:
    flat: dict[str, Any] = {"name": "fit", "steps": 3, "trains": ["heads"], "objective": "a/b", "clip": 1.0}
    nested = {"name": "fit", "steps": 3, "updates": [{"trains": ["heads"], "objective": "a/b", "clip": 1.0}]}
    assert Stage.model_validate(flat) == Stage.model_validate(nested)
    assert Stage.model_validate(flat).updates[0].optimizer.use == "std/adamw"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": {"steps": "5"}},
        {"stage": {"steps": -1}},
        {"stage": {"unknown": 1}},
        {"stage": {"val_split": "test"}},
        {"stage": {"val_split": "all"}},
        {"stage": {"keep": "first"}},
        {"stage": {"patience": 0}},
        {"settings": {"seed": True}},
        {"settings": {"precision": "half"}},
        {"encoders": {}},
        {"encoders": {"No Name": "t/numbers"}},
        {"extra": 1},
    ],
)
def test_nothing_is_guessed(change: dict[str, Any]) -> None:
    experiment()
    with pytest.raises(ValidationError):
        experiment(**change)


def test_a_resolved_experiment_cannot_be_changed() -> None:
    spec: Experiment = experiment()
    with pytest.raises(ValidationError):
        spec.name = "other"  # type: ignore[misc]
    assert Settings() == Settings(seed=0, device="auto")
