"""Catalog: merging, names, files, positions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from mmx.config.saved import marked
from mmx.errors import ConfigError, UnknownNameError
from tests.core.toys.catalog import Workplace, workplace

__all__ = ["workplace"]


def problems(caught: pytest.ExceptionInfo[ConfigError]) -> list[str]:
    return list(caught.value.problems)


def test_lists_experiments_with_what_a_user_wants_to_know(workplace: Workplace) -> None:
    (info,) = workplace.open().experiments()
    assert (info.name, info.summary, info.plugin) == ("hear", "Learn to hear", "mmx")
    assert tuple(info.presets) == ("smoke", "paper")
    assert info.paper == {"title": "Hearing", "year": 2016}
    assert info.origin == "shipped/registry.yaml:2:3"


def test_resolves_with_all_defaults_and_their_origins(workplace: Workplace) -> None:
    resolved = workplace.open().resolve("hear")
    audio = resolved.experiment.encoders["audio"]
    assert audio.use == "toy/conv"
    assert audio.field == "sound"
    assert audio.params == {
        "width": 0.5,
        "layers": [8, 16],
        "mode": "sum",
        "weights": "hub",
        "depth": 4,
        "drop": None,
    }
    assert resolved.origins["encoders.audio.width"] == "shipped/registry.yaml:7:30"
    assert resolved.origins["encoders.audio.depth"].startswith("default of toy/conv (parts.py:")
    assert resolved.origins["fuser.use"] == "default"
    assert resolved.origins["stages.distill.batch_size"] == "default"
    assert resolved.experiment.stages[1].updates[0].optimizer.params == {"lr": 1e-3}
    assert set(resolved.origins) == set(resolved.flat())


def test_flat_calls_stages_by_name_and_keeps_plain_lists_whole(workplace: Workplace) -> None:
    flat = workplace.open().resolve("hear").flat()
    assert flat["stages.distill.steps"] == 10
    assert flat["stages.distill.trains"] == ["encoders.audio", "heads"]
    assert flat["stages.distill.optimizer.use"] == "std/adamw"
    assert flat["name"] == "hear" and flat["preset"] == "default"


@pytest.mark.parametrize(
    ("preset", "overrides"),
    [
        ("default", ()),
        ("smoke", ("settings.threads=1", "encoders.audio.weights=null")),
        ("paper", ("stages.probe.objective={use: toy/weighted, objectives: {a: toy/kl}}", "stages.distill.clip=1")),
        ("default", ("stages=[]", "heads=null")),
        ("default", ("summary='1e-3'", "stages.probe.name=on")),
    ],
)
def test_a_saved_config_restores_to_the_same_experiment(
    workplace: Workplace, preset: str, overrides: tuple[str, ...]
) -> None:
    catalog = workplace.open()
    resolved = catalog.resolve("hear", preset=preset, overrides=overrides, settings={"seed": 7, "device": None})
    file = workplace.folder / "config.yaml"
    file.write_text(marked(resolved.to_yaml()), encoding="utf-8")
    restored = catalog.restore(file)
    assert restored.experiment == resolved.experiment
    assert restored.config == resolved.config
    assert restored.flat() == resolved.flat()
    assert restored.origins["settings.seed"].startswith("config.yaml:")
    assert resolved.experiment.settings.seed == 7
    assert resolved.origins["settings.seed"] == "--seed 7"


def test_restore_takes_overrides_and_refuses_other_files(workplace: Workplace) -> None:
    catalog = workplace.open()
    file = workplace.folder / "config.yaml"
    file.write_text(marked(catalog.resolve("hear").to_yaml()), encoding="utf-8")
    again = catalog.restore(file, overrides=["stages.distill.steps=3"], settings={"seed": 1})
    assert (again.experiment.stages[0].steps, again.experiment.settings.seed) == (3, 1)
    with pytest.raises(ConfigError, match=r"registry.yaml:1:1: name: is missing"):
        catalog.restore(workplace.folder / "shipped/registry.yaml")
    with pytest.raises(ConfigError, match=r"nothing.yaml: cannot be read: No such file"):
        catalog.restore(workplace.folder / "nothing.yaml")


def test_restore_names_the_secrets_that_a_run_folder_lacks(workplace: Workplace) -> None:
    catalog = workplace.open()
    file = workplace.folder / "config.yaml"
    text = catalog.resolve("hear", overrides=["summary='with token=[redacted]'"]).to_yaml()
    file.write_text(marked(text.replace("weights: hub", "weights: '[redacted]'")), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        catalog.restore(file)
    (line,) = problems(caught)
    assert re.match(r"config\.yaml:\d+:\d+: encoders\.audio\.weights: was a secret, which no run folder keeps; ", line)
    given = catalog.restore(file, overrides=["encoders.audio.weights=mine"])
    assert given.experiment.encoders["audio"].params["weights"] == "mine"
    assert catalog.restore(file, unused=("encoders",)).experiment.encoders["audio"].params["weights"] == "[redacted]"


def test_restore_refuses_a_run_of_an_older_version_in_one_line(workplace: Workplace) -> None:
    catalog = workplace.open()
    file = workplace.folder / "runs" / "hear" / "1" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(catalog.resolve("hear").to_yaml(), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        catalog.restore(file)
    assert str(caught.value).endswith(
        "runs/hear/1/config.yaml: written by mmx 0.1, which this version cannot read; run it again, or use mmx==0.1"
    )
    assert "\n" not in str(caught.value)


def test_preset_addresses_stages_by_name_and_null_removes_one(workplace: Workplace) -> None:
    resolved = workplace.open().resolve("hear", preset="smoke")
    assert [(stage.name, stage.steps) for stage in resolved.experiment.stages] == [("distill", 2)]
    assert resolved.experiment.preset == "smoke"
    assert resolved.origins["stages.distill.steps"] == "shipped/registry.yaml:20:34 (preset smoke)"
    assert resolved.experiment.corpus.params["clips"] == 4


def test_layers_win_in_order(workplace: Workplace) -> None:
    workplace.shipped += "defaults: {threads: 1, workers: 1, log_every: 1}\n"
    workplace.shipped = workplace.shipped.replace(
        "    task: {use", "    settings: {workers: 2, seed: 2, log_every: 2}\n    task: {use"
    )
    workplace.user = """
        defaults: {seed: 3, log_every: 3}
        experiments:
          hear:
            encoders.audio.width: 0.25
            settings: {log_every: 4, checkpoint_every: 4}
            presets: {smoke: {settings: {checkpoint_every: 5}}}
    """
    catalog = workplace.open()
    resolved = catalog.resolve("hear", preset="smoke", overrides=["settings.cache=false"], settings={"precision": None})
    settings = resolved.experiment.settings
    assert (settings.threads, settings.workers, settings.seed) == (1, 2, 3)
    assert (settings.log_every, settings.checkpoint_every, settings.cache) == (4, 5, False)
    assert resolved.experiment.encoders["audio"].params["width"] == 0.25
    assert resolved.origins["encoders.audio.width"] == "registry.yaml:5:5"
    assert resolved.origins["settings.cache"] == "override settings.cache=false"
    assert resolved.experiment.corpus.params["clips"] == 4
    over = catalog.resolve("hear", overrides=["settings.seed=8"], settings={"seed": 9})
    assert over.experiment.settings.seed == 9


def test_dotted_keys_at_the_top_of_a_user_file(workplace: Workplace) -> None:
    workplace.user = "experiments.hear.encoders.audio.width: 0.125\nexperiments.hear.stages.probe.steps: 9\n"
    experiment = workplace.open().resolve("hear").experiment
    assert experiment.encoders["audio"].params["width"] == 0.125
    assert experiment.stages[1].steps == 9


def test_another_component_drops_the_parameters_of_the_old_one_in_any_order(workplace: Workplace) -> None:
    catalog = workplace.open()
    for overrides in (["corpus.path=a.csv", "corpus.use=manifest"], ["corpus.use=std/manifest", "corpus.path=a.csv"]):
        corpus = catalog.resolve("hear", preset="smoke", overrides=overrides).experiment.corpus
        assert (corpus.use, corpus.params) == ("std/manifest", {"path": "a.csv"})
    audio = catalog.resolve("hear", overrides=["encoders.audio.use=toy/mel"]).experiment.encoders["audio"]
    assert (audio.field, audio.params) == ("sound", {"bands": 64, "rate": 16000})
    same = catalog.resolve("hear", overrides=["stages.distill.optimizer.use=std/adamw"]).experiment
    assert same.stages[0].updates[0].optimizer.params == {"lr": 0.01}


def test_nested_components_are_checked_named_in_full_and_completed(workplace: Workplace) -> None:
    objective = (
        "{use: toy/weighted, objectives: {a: {use: toy/chain, objectives: [toy/kl, {use: toy/kl, temperature: 2}]}}}"
    )
    overrides = [f"stages.probe.objective={objective}", "encoders.video={use: toy/frames, image: {use: toy/conv}}"]
    resolved = workplace.open().resolve("hear", overrides=overrides)
    chain = resolved.experiment.stages[1].updates[0].objective.params["objectives"]["a"]
    assert [part.params for part in chain.params["objectives"]] == [{"temperature": 1.0}, {"temperature": 2}]
    assert resolved.experiment.encoders["video"].params["image"].params["depth"] == 4
    assert resolved.flat()["stages.probe.objective.objectives.a.objectives.1.temperature"] == 2
    with pytest.raises(ConfigError) as caught:
        workplace.open().resolve(
            "hear",
            overrides=[
                "stages.probe.objective={use: toy/chain, objectives: [{use: toy/kl, temprature: 2}, toy/ll, 3]}",
                "corpus.noise={use: toy/kl}",
            ],
        )
    text = "\n".join(problems(caught))
    assert "stages.probe.objective.objectives.0.temprature: toy/kl has no parameter 'temprature'; did you mean" in text
    assert "stages.probe.objective.objectives.1: no objective 'toy/ll'; did you mean 'toy/kl'?" in text
    assert "stages.probe.objective.objectives.2: must be a component, {use: plugin/name, ...}" in text
    assert "corpus.noise: toy/clips takes no component there" in text


def test_null_unsets_unless_none_is_a_value(workplace: Workplace) -> None:
    catalog = workplace.open()
    resolved = catalog.resolve("hear", overrides=["encoders.audio.width=null", "encoders.audio.weights=null"])
    assert resolved.experiment.encoders["audio"].params["width"] == 1.0
    assert resolved.origins["encoders.audio.width"].startswith("default of toy/conv")
    assert resolved.experiment.encoders["audio"].params["weights"] is None
    assert resolved.origins["encoders.audio.weights"] == "override encoders.audio.weights=null"
    assert "image" not in catalog.resolve("hear", overrides=["encoders.image=null"]).experiment.encoders


def test_append_adds_to_lists_and_to_defaults(workplace: Workplace) -> None:
    catalog = workplace.open()
    resolved = catalog.resolve(
        "hear",
        overrides=["encoders.audio.layers+=[32]", "encoders.audio.layers+=[64]", "stages.distill.trains+=[fuser]"],
    )
    assert resolved.experiment.encoders["audio"].params["layers"] == [8, 16, 32, 64]
    assert resolved.experiment.stages[0].updates[0].trains == ("encoders.audio", "heads", "fuser")
    assert catalog.resolve("hear", overrides=["encoders.audio.layers=[1]"]).flat()["encoders.audio.layers"] == [1]
    with pytest.raises(
        ConfigError, match=r"override 'encoders.audio.width\+=\[1\]': encoders.audio.width: \+= needs a"
    ):
        catalog.resolve("hear", overrides=["encoders.audio.width+=[1]"])


def test_updates(workplace: Workplace) -> None:
    workplace.user = """
        experiments:
          gan:
            extends: hear
            stages:
              - name: play
                steps: 4
                updates:
                  - {trains: [fuser], objective: toy/kl}
                  - {trains: [objective], objective: toy/kl, every: 2, optimizer: sgd}
              - {name: rest, steps: 1, updates: [{trains: [fuser], objective: toy/kl}]}
    """
    catalog = workplace.open()
    resolved = catalog.resolve("gan", overrides=["stages.play.updates.1.optimizer.lr=0.5", "stages.1.trains=[heads]"])
    assert [update.optimizer.params["lr"] for update in resolved.experiment.stages[0].updates] == [1e-3, 0.5]
    assert resolved.flat()["stages.play.updates.1.every"] == 2
    assert resolved.flat()["stages.rest.trains"] == ["heads"]
    with pytest.raises(ConfigError) as caught:
        catalog.resolve(
            "gan",
            overrides=["stages.play.optimizer.lr=1", "stages.play.updates.0.evry=1", "stages.play.updates.7.every=1"],
        )
    assert [line.split(": ", 1)[1] for line in problems(caught)] == [
        "stages.play.updates.7: no such item; there are: 0, 1",
        "stages.play.optimizer: unknown key; known: accumulate, averaged, balanced, batch_size, corpus, keep, name, "
        "patience, split, starts_from, steps, updates, val_split",
        "stages.play.updates.0.evry: unknown key; did you mean 'every'?",
    ]


def test_frozen_encoders_cannot_learn(workplace: Workplace) -> None:
    with pytest.raises(
        ConfigError, match=r"stages.probe.trains: encoders.image is frozen \(shipped/registry.yaml:8:29\)"
    ):
        workplace.open().resolve("hear", overrides=["stages.probe.trains=[encoders.image]"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.audio.width=1", "encoder: unknown key; did you mean 'encoders'?"),
        ("encoders.adio.width=1", "encoders.adio: must be an encoder: {use: plugin/name, parameter: value, ...}"),
        ("stages.distil.steps=1", "stages.distil: no such item; did you mean 'distill'?"),
        ("name=x", "name: unknown key"),
        ("extends=x", "extends: unknown key"),
        ("encoders.audio.__class__=os:system", "encoders.audio.__class__: toy/conv has no parameter '__class__'"),
        ("encoders.audio.use=os:system", "encoders.audio: no encoder 'os:system'"),
        ("task.use=posix/system", "task: no task 'posix/system'"),
        ("encoders.Bad Name={use: toy/mel}", "must be key=value"),
        ("encoders.BAD={use: toy/mel}", "encoders.BAD: string should match pattern"),
        ("settings.max_unreadable=2", "settings.max_unreadable: should be less than or equal to 1, got 2"),
        ("encoders.audio.width=4", "encoders.audio.width: must be float, > 0, < 4, got 4"),
        ("stages.distill.objective=null", "stages.distill.objective: is missing"),
        ("encoders=null", "encoders: is missing"),
        ("settings=3", "settings: should be a valid mapping, got 3"),
        ("stages.distill={updates: []}", "stages.distill.updates: list should have at least 1 item, not 0, got []"),
        ("stages.0=3", "stages.0: should be a valid mapping, got 3"),
        ("corpus={use: {a: 1}}", "corpus: must be a corpus: {use: plugin/name, parameter: value, ...}"),
        ("stages={distill: {steps: '5'}}", "stages.distill.steps: should be a valid integer, got '5'"),
        ("paper.yeer=1", "paper.yeer: unknown key; did you mean 'year'?"),
        ("encoders.audio=3", "encoders.audio: must be an encoder"),
        ("stages.0.batch_size=0", "stages.distill.batch_size: should be greater than or equal to 1, got 0"),
    ],
)
def test_bad_overrides(workplace: Workplace, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        workplace.open().resolve("hear", overrides=[override])
    assert any(line.startswith(f"override {override!r}: ") or "is missing" in line for line in problems(caught))
    assert any(message in line for line in problems(caught)), problems(caught)
    assert all("\n" not in line for line in problems(caught))


def test_unknown_names(workplace: Workplace) -> None:
    workplace.plugins.registry.failed = ["sound"]
    catalog = workplace.open()
    with pytest.raises(UnknownNameError) as caught:
        catalog.resolve("heer")
    assert str(caught.value) == (
        "no experiment 'heer'; did you mean 'hear'?; plugins that failed to load: sound (mmx plugins); see: mmx ls"
    )
    with pytest.raises(UnknownNameError) as caught:
        catalog.resolve("hear", preset="smok")
    assert str(caught.value) == (
        "experiment 'hear' has no preset 'smok'; did you mean 'smoke'?; presets: default, smoke, paper"
    )
    with pytest.raises(UnknownNameError):
        catalog.resolve("other:hear")


PLUGIN_FILE = """
    experiments:
      {name}: {{extends: "mmx:hear", summary: of {plugin}}}
"""


def test_two_plugins_with_one_experiment_are_both_reachable(workplace: Workplace) -> None:
    workplace.plugin_files = {plugin: PLUGIN_FILE.format(name="twin", plugin=plugin) for plugin in ("a", "b")}
    workplace.user = 'experiments: {"b:twin": {settings: {seed: 4}}, solo: {extends: "a:twin"}}'
    catalog = workplace.open()
    assert catalog.names() == ["a:twin", "b:twin", "hear", "solo"]
    with pytest.raises(UnknownNameError, match=r"comes from several plugins; say which: a:twin or b:twin"):
        catalog.resolve("twin")
    assert catalog.resolve("a:twin").experiment.summary == "of a"
    twin = catalog.resolve("b:twin").experiment
    assert (twin.name, twin.summary, twin.settings.seed) == ("b:twin", "of b", 4)
    assert catalog.resolve("solo").experiment.summary == "of a"
    assert catalog.resolve("mmx:hear").experiment.name == "hear"


def test_an_entry_of_the_user_with_a_contested_name_stands_alone(workplace: Workplace) -> None:
    workplace.plugin_files = {plugin: PLUGIN_FILE.format(name="twin", plugin=plugin) for plugin in ("a", "b")}
    workplace.user = 'experiments: {twin: {extends: "b:twin", summary: mine}}'
    catalog = workplace.open()
    assert catalog.resolve("twin").experiment.summary == "mine"
    assert catalog.resolve("a:twin").experiment.summary == "of a"


def test_bad_defaults_are_reported_where_they_stand(workplace: Workplace) -> None:
    workplace.user = "defaults: {sed: 1, workers: -1}"
    with pytest.raises(ConfigError) as caught:
        workplace.open().resolve("hear")
    assert problems(caught) == [
        "registry.yaml:1:12: settings.sed: unknown key; did you mean 'seed'?",
        "registry.yaml:1:20: settings.workers: should be greater than or equal to 0, got -1",
    ]


def test_listing_and_resolving_leave_heavy_libraries_alone(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from mmx.config.catalog import Catalog
        import mmx.config.catalog
        catalog = Catalog.open(Path.cwd())
        catalog.experiments()
        heavy = {"torch", "numpy", "mlflow", "transformers", "rich"}
        assert not (heavy | {"pydantic"}) & set(sys.modules), "listing"
        mmx.config.catalog.Resolved
        for entry in catalog.plugins.registry.entries():
            if entry.plugin == "std" and entry.kind == "optimizer":
                from mmx.registry.schema import signature
                from mmx.registry.validation import problems
                try:
                    problems(signature(entry.target), {}, name=entry.name)
                except Exception as error:
                    assert "cannot import" in str(error)
        assert not heavy & set(sys.modules), "validating"
    """
    subprocess.run([sys.executable, "-c", dedent(code)], check=True, cwd=tmp_path)
