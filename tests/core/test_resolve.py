"""What a resolved experiment promises, whatever was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmx.experiment import Experiment
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def test_a_part_never_named_still_has_its_defaults(workplace: Workplace) -> None:
    flat = workplace.open().resolve("hear", overrides=["stages.probe.schedule=cosine"]).flat()
    assert flat["stages.probe.optimizer.use"] == "std/adamw"
    assert flat["stages.probe.optimizer.lr"] == 1e-3
    assert flat["stages.probe.schedule.warmup"] == 0
    assert flat["stages.probe.schedule.use"] == "std/cosine"


def test_the_experiment_is_frozen_and_says_the_same_as_the_config(workplace: Workplace) -> None:
    resolved = workplace.open().resolve("hear")
    with pytest.raises(ValueError, match="frozen"):
        resolved.experiment.summary = "x"  # type: ignore[misc]
    assert Experiment.model_validate(resolved.config) == resolved.experiment
    assert list(resolved.config)[:3] == ["name", "preset", "summary"]


def test_optional_keys_without_a_value_are_left_out(workplace: Workplace) -> None:
    config = workplace.open().resolve("hear").config
    assert "clip" not in config["stages"][0]
    assert "threads" not in config["settings"]
    assert "field" not in config["encoders"]["image"]
    assert config["encoders"]["audio"]["drop"] is None


VALUES = {
    "encoders.audio.width": st.floats(0.01, 3.9),
    "encoders.audio.layers": st.lists(st.integers(-5, 500), max_size=4),
    "encoders.audio.mode": st.sampled_from(["sum", "mean"]),
    "encoders.audio.weights": st.none() | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    "encoders.audio.drop": st.none() | st.floats(0, 1),
    "stages.distill.steps": st.integers(0, 10**9),
    "stages.1.batch_size": st.integers(1, 512),
    "summary": st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1),
    "settings.seed": st.integers(0, 2**31),
    "corpus.noise": st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.floats(-1, 1), max_size=3),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.fixed_dictionaries({}, optional=VALUES))
def test_overrides_round_trip_through_a_saved_config(workplace: Workplace, chosen: dict[str, object]) -> None:
    catalog = workplace.open()
    texts = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in chosen.items()]
    resolved = catalog.resolve("hear", overrides=texts)
    file = Path(workplace.folder, "config.yaml")
    file.write_text(resolved.to_yaml(), encoding="utf-8")
    restored = catalog.restore(file)
    assert restored.experiment == resolved.experiment
    assert restored.flat() == resolved.flat()
    assert set(resolved.origins) == set(resolved.flat())
    for key, value in chosen.items():
        found = resolved.config
        for step in key.replace("stages.distill", "stages.0").split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
        assert repr(found) == repr(value)
