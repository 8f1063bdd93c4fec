"""The monitor: its numbers recomputed by hand, and that a run is the same with and without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.model.build import Builder, build
from mmx.support.seeding import derive
from mmx.support.signals import Interrupt
from mmx.training.engine import Engine
from mmx.training.monitor import Monitor
from mmx.training.trainer import Trainer
from mmx.training.updates import Step, trained
from tests.core.parts import Watcher

NAMES = ("sensor", "image")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


class Plain:
    """An objective that can only be asked for its loss."""

    def __init__(self, objective: Any) -> None:
        self.loss, self.needs = objective, objective.needs

    def __call__(self, outputs: Any, batch: Any) -> Any:
        return self.loss(outputs, batch)


SEVEN = ("stages.fit.steps=7", "settings.log_every=2", "fuser.use=std/gated", "heads.label.dropout=0.3")


def fitted(
    catalog: Catalog, folder: Path, *overrides: str, experiment: str = "early_fusion"
) -> tuple[dict[str, torch.Tensor], Watcher]:
    resolved = catalog.resolve(experiment, preset="smoke", overrides=overrides, settings={"device": "cpu"})
    built = build(resolved.experiment, catalog.plugins.registry)
    watcher = Watcher()
    settings = resolved.experiment.settings
    Trainer(
        built.model,
        built.stages,
        cache_keys={name: name for name in built.model.encoders},
        engine=Engine(settings),
        builder=Builder(catalog.plugins.registry, settings.seed),
        settings=settings,
        observer=watcher,
        interrupt=Interrupt(),
        folder=folder,
        store=None,
    ).fit()
    return {name: each.clone() for name, each in built.model.state_dict().items()}, watcher


def test_a_run_is_the_same_with_and_without_it_and_it_looks_when_it_is_time(catalog: Catalog, tmp_path: Path) -> None:
    off, silent = fitted(catalog, tmp_path / "off", "settings.monitor_every=0", *SEVEN)
    on, told = fitted(catalog, tmp_path / "on", "settings.monitor_every=3", *SEVEN)
    assert all(torch.equal(each, on[name]) for name, each in off.items())
    assert not any("modality" in name for _, _, values, _ in silent.values for name in values)
    looked = [step for _, step, values, _ in told.values if any("modality" in name for name in values)]
    assert looked == [2, 4, 7], "steps 0, 3 and 6, told at the next logging step; 6 is the last one too"
    for name in NAMES:
        assert {key.rpartition("/")[2] for key in told.values[0][2] if f"/{name}/" in key} == {
            *("score", "ratio", "gradient", "update"),
        }
    assert [v["loss"] for _, _, v, _ in silent.values] == [v["loss"] for _, _, v, _ in told.values]


def stepped(catalog: Catalog, *overrides: str) -> tuple[Any, Any, Monitor, Any]:
    experiment = catalog.resolve("early_fusion", preset="smoke", overrides=overrides).experiment
    built = build(experiment, catalog.plugins.registry)
    update = built.stages[0].updates[0]
    step = Step(built.model, update)
    step.keeps = True
    batch = built.model.prepare(list(built.corpus.split("train"))[:12])
    step(batch)["loss"].backward()
    return built, batch, Monitor(step, trained(update, built.model)), step


def test_scores_are_those_of_one_slice_of_the_last_layer(catalog: Catalog) -> None:
    """Of a concatenation below a linear head: softmax(W_m z_m + b) at the true class, and their ratio."""
    head = ["heads.label.use=std/linear", "heads.label.target=label"]
    built, batch, monitor, step = stepped(catalog, *head)
    told = monitor.alone(step.outputs, batch)
    weight, bias = built.model.heads["label"].parameters()
    columns = {"image": weight[:, :32], "sensor": weight[:, 32:]}
    means = {}
    for name in NAMES:
        logits = step.outputs.encoded[name].pooled_BD @ columns[name].T + bias
        means[name] = sum(float(row.softmax(0)[y]) for row, y in zip(logits, batch.targets["label"], strict=True)) / 12
        assert float(told[f"modality/{name}/score"]) == pytest.approx(means[name], rel=1e-5)
    assert float(told["modality/image/ratio"]) == pytest.approx(means["image"] / means["sensor"], rel=1e-5)
    assert built.model.fuser.training and built.model.heads["label"].training


def test_gradients_and_updates(catalog: Catalog) -> None:
    built, _, monitor, _ = stepped(catalog)
    for name in NAMES:
        squares = sum(float(each.grad.square().sum()) for each in built.model.encoders[name].parameters())
        assert float(monitor.gradients()[f"modality/{name}/gradient"]) == pytest.approx(squares**0.5, rel=1e-4)
    before = monitor.weights()
    with torch.no_grad():
        for each in built.model.encoders["image"].parameters():
            each.mul_(1.01)
    moved = monitor.moved(before)
    assert float(moved["modality/image/update"]) == pytest.approx(0.01, rel=1e-3)
    assert float(moved["modality/sensor/update"]) == 0


def test_parts_that_cannot_do_without_a_modality_are_not_asked_again(catalog: Catalog) -> None:
    built, batch, monitor, step = stepped(catalog)
    built.model.fuser.forward = lambda features, batch: {"joint": features["image"] and features["sensor"]}
    assert monitor.alone(step.outputs, batch) == {}
    assert {number for number, _ in monitor.failed} == {"score", "loss"}


HARD = ["settings.precision=bfloat16", "stages.fit.accumulate=2", "stages.fit.balance.use=std/dropout"]


@pytest.mark.parametrize(
    ("experiment", "stage", "given"),
    [
        ("early_fusion", "fit", ["fuser.use=std/gated", "heads.label.dropout=0.3", *HARD]),
        ("clip", "align", []),  # compares modalities
        ("vilbert", "pretrain", ["settings.precision=bfloat16"]),  # a loss alone
    ],
)
def test_no_kind_of_look_changes_a_run(
    catalog: Catalog, tmp_path: Path, experiment: str, stage: str, given: list[str]
) -> None:
    given = [f"stages.{stage}.steps=4", "settings.log_every=1", *given]
    off, silent = fitted(catalog, tmp_path / "off", "settings.monitor_every=0", *given, experiment=experiment)
    on, told = fitted(catalog, tmp_path / "on", "settings.monitor_every=1", *given, experiment=experiment)
    assert all(torch.equal(each, on[name]) for name, each in off.items())
    for (_, _, was, chance), (_, _, now, seen_chance) in zip(silent.values, told.values, strict=True):
        assert {**now, **was} == {**now, "items_per_second": was["items_per_second"]} and chance == seen_chance
        assert len({key for key in now if key.rpartition("/")[2] in ("score", "found", "loss") and "/" in key}) > 1


def test_a_loss_alone_is_that_with_the_others_features_of_other_samples(catalog: Catalog) -> None:
    """Recomputed: the features of the others move by one cycle through the batch; given ones do not move."""
    _, batch, monitor, step = stepped(catalog, "heads.label.use=std/linear", "heads.label.target=label")
    objective = step.objective
    monitor.objective = Plain(objective)
    told = monitor.alone(step.outputs, batch)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(derive(0, "monitor")))
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    weight, bias = step.model.heads["label"].parameters()
    own = {name: step.outputs.encoded[name].pooled_BD for name in NAMES}
    losses = {}
    for name, other in (("image", "sensor"), ("sensor", "image")):
        joint = torch.cat([(own | {other: own[other][partner]})[each] for each in ("image", "sensor")], 1)
        losses[name] = float(torch.nn.functional.cross_entropy(joint @ weight.T + bias, batch.targets["label"]))
        assert float(told[f"modality/{name}/loss"]) == pytest.approx(losses[name], rel=1e-5)
    assert float(told["modality/image/ratio"]) == pytest.approx(losses["sensor"] / losses["image"], rel=1e-5)
    monitor.objective.given = ["sensor"]
    told = monitor.alone(step.outputs, batch)
    assert [key for key in told if key.endswith("loss")] == ["modality/sensor/loss"], "sensor is compared with"


def test_weights_of_the_fuser_stand_in_for_those_of_an_encoder_that_has_none(catalog: Catalog) -> None:
    experiment = catalog.resolve("looking_to_listen", preset="smoke").experiment
    built = build(experiment, catalog.plugins.registry)
    update = built.stages[1].updates[0]
    monitor = Monitor(Step(built.model, update), trained(update, built.model))
    stream = list(built.model.fuser.stream.parameters())
    assert [id(each) for each in monitor.learning["faces"]] == [id(each) for each in stream]
    assert monitor.learning["voices"] == []


def test_one_modality_is_not_monitored(catalog: Catalog) -> None:
    assert not stepped(catalog, "encoders.image=null", "task.tasks.robust=null")[2].fused
    assert stepped(catalog)[2].fused
