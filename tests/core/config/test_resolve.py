"""What a resolved experiment promises, whatever was written."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmx.config.experiment import Experiment
from mmx.config.saved import marked
from mmx.errors import ConfigError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def test_a_part_never_named_still_has_its_defaults(workplace: Workplace) -> None:
    flat = workplace.open().resolve("hear", overrides=["stages.probe.schedule=cosine"]).flat()
    assert flat["stages.probe.optimizer.use"] == "std/adamw"
    assert flat["stages.probe.optimizer.lr"] == 1e-3
    assert flat["stages.probe.schedule.warmup"] == 0
    assert flat["stages.probe.schedule.use"] == "std/cosine"


def test_parameters_of_a_part_that_nobody_named_may_be_set(workplace: Workplace) -> None:
    """Any value that `mmx show` prints can be: the optimizer is there although no file names it."""
    catalog = workplace.open()
    flat = catalog.resolve("hear", overrides=["stages.probe.optimizer.lr=0.5"]).flat()
    assert (flat["stages.probe.optimizer.use"], flat["stages.probe.optimizer.lr"]) == ("std/adamw", 0.5)
    with pytest.raises(ConfigError, match=r"fuser\.width: std/none has no parameter 'width'"):
        catalog.resolve("hear", overrides=["fuser.width=3"])


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
    file.write_text(marked(resolved.to_yaml()), encoding="utf-8")
    restored = catalog.restore(file)
    assert restored.experiment == resolved.experiment
    assert restored.flat() == resolved.flat()
    assert set(resolved.origins) == set(resolved.flat())
    for key, value in chosen.items():
        found = resolved.config
        for step in key.replace("stages.distill", "stages.0").split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
        assert repr(found) == repr(value)


def test_every_problem_at_once_with_its_place_and_the_nearest_right_answer(workplace: Workplace) -> None:
    workplace.shipped = """\
        experiments:
          bad:
            sumary: x
            corpus: {use: toy/clip, clips: 20}
            encoders:
              audio: {use: toy/conv, widht: 0.5, depth: 1.0, layers: [8, a], mode: meen}
              image: {use: toy/mel, freeze: 1, bands: 0}
            heads:
              scene: {use: linear, dims: 3}
            stages:
              - {name: a, trains: [encoders.adio], objective: toy/kl, steps: high}
              - {name: a, trains: heads, objective: toy/kl, stepz: 3}
            task: 3
            settings: {sed: 1, precision: float23}
            seed: 3
    """
    lines = dedent(workplace.shipped).split("\n")

    def at(line: int, text: str) -> str:
        return f"shipped/registry.yaml:{line}:{lines[line - 1].index(text) + 1}"

    with pytest.raises(ConfigError) as caught:
        workplace.open().resolve("bad", overrides=["encoders.image.rate=true"])
    assert list(caught.value.problems) == [
        f"{at(3, 'sumary')}: sumary: unknown key; did you mean 'summary'?",
        f"{at(15, 'seed')}: seed: unknown key; did you mean 'settings.seed'?",
        f"{at(4, 'use')}: corpus: no corpus 'toy/clip'; did you mean 'toy/clips'?; see: mmx ls corpora",
        f"{at(6, 'widht')}: encoders.audio.widht: toy/conv has no parameter 'widht'; "
        "did you mean 'width' or 'weights'?",
        f"{at(6, 'a]')}: encoders.audio.layers.1: should be a valid integer, got 'a'",
        f"{at(6, 'mode')}: encoders.audio.mode: must be one of sum, mean, got 'meen'; did you mean 'mean'?",
        f"{at(6, 'depth')}: encoders.audio.depth: must be int, got 1.0",
        f"{at(7, 'bands')}: encoders.image.bands: must be int, >= 1, got 0",
        "override 'encoders.image.rate=true': encoders.image.rate: must be int, got true",
        f"{at(9, 'dims')}: heads.scene.dims: is filled in by mmx for std/linear and cannot be set",
        f"{at(9, 'use')}: heads.scene.target: is missing (str)",
        f"{at(12, 'stepz')}: stages.1.stepz: unknown key; did you mean 'steps'?",
        f"{at(13, 'task')}: task: must be a task: {{use: plugin/name, parameter: value, ...}}",
        f"{at(14, 'sed')}: settings.sed: unknown key; did you mean 'seed'?",
        f"{at(11, 'encoders.adio')}: stages.0.trains: no part 'encoders.adio'; did you mean 'encoders.audio'?",
        f"{at(12, 'name')}: stages.1.name: a second stage named 'a'",
        f"{at(2, 'bad')}: summary: is missing",
        f"{at(7, 'freeze')}: encoders.image.freeze: should be a valid boolean, got 1",
        f"{at(11, 'steps')}: stages.0.steps: should be a valid integer, got 'high'",
        f"{at(12, '{name')}: stages.1.steps: is missing",
        f"{at(12, 'trains')}: stages.1.trains: should be a valid list, got 'heads'",
        f"{at(14, 'precision')}: settings.precision: must be one of float32, bfloat16, got 'float23'; "
        "did you mean 'float32'?",
    ]


def test_only_a_key_of_the_top_is_taken_for_a_setting(workplace: Workplace) -> None:
    with pytest.raises(ConfigError, match=r"stages\.distill\.precision: unknown key; known: acc") as caught:
        workplace.open().resolve("hear", overrides=["stages.distill.precision=float32"])
    assert "settings.precision" not in str(caught.value)


def test_presets_that_are_no_mapping_are_told(workplace: Workplace) -> None:
    workplace.user = "experiments: {mine: {extends: hear, presets: 3}}\n"
    with pytest.raises(ConfigError, match=r"registry\.yaml:1:\d+: presets: must be a mapping"):
        workplace.open().resolve("mine")
