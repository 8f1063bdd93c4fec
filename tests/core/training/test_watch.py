"""Between gradients and update: a balance is called at every step, sees what it needs, and goes on after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.model.build import Builder, build
from mmx.support.signals import Interrupt, Interrupted
from mmx.training import checkpoint
from mmx.training.engine import Engine
from mmx.training.trainer import Trainer
from tests.core.parts import Watcher


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def made(catalog: Catalog, folder: Path, *overrides: str, preset: str = "smoke") -> tuple[Any, Trainer]:
    given = ["stages.fit.steps=6", "stages.fit.batch_size=16", "settings.log_every=1", "corpus.clips=48", *overrides]
    given += ["corpus.val_clips=16", "corpus.test_clips=16"]
    resolved = catalog.resolve("modality_balance", preset=preset, overrides=given, settings={"device": "cpu"})
    built = build(resolved.experiment, catalog.plugins.registry)
    settings = resolved.experiment.settings
    trainer = Trainer(
        built.model,
        built.stages,
        cache_keys=dict.fromkeys(built.model.encoders, ""),
        engine=Engine(settings),
        builder=Builder(catalog.plugins.registry, settings.seed),
        settings=settings,
        observer=Watcher(),
        interrupt=Interrupt(),
        folder=folder,
        store=None,
    )
    return built, trainer


def test_a_balance_changes_the_update_and_knows_its_epoch(catalog: Catalog, tmp_path: Path) -> None:
    plain, trainer = made(catalog, tmp_path / "plain")
    trainer.fit()
    built, trainer = made(catalog, tmp_path / "ogm", "stages.fit.balance={use: ogm-ge, alpha: 0.8}")
    seen = []
    balance = built.stages[0].updates[0].balance
    own = type(balance).__call__
    type(balance).__call__ = lambda self, step: seen.append(step) or own(self, step)
    try:
        trainer.fit()
    finally:
        type(balance).__call__ = own
    assert [step.number for step in seen] == list(range(6)) and [step.epoch for step in seen] == [0, 0, 0, 1, 1, 1]
    assert set(seen[0].encoders) == {"sensor", "image"} and "encoders.image.layers.0.weight" in seen[0].parameters
    assert seen[0].outputs.heads["label"].shape == (16, 6)
    same = [torch.equal(a, b) for a, b in zip(plain.model.parameters(), built.model.parameters(), strict=True)]
    assert not all(same)
    told = trainer.observer.values[0][2]  # type: ignore[attr-defined]
    assert min(told["modality/sensor/modulation"], told["modality/image/modulation"]) < 1


def test_a_balance_sees_the_same_under_bfloat16(catalog: Catalog, tmp_path: Path) -> None:
    """Rounded logits are still a sum over modalities."""
    found = []
    for precision in ("float32", "bfloat16"):
        given = ["stages.fit.balance={use: ogm, alpha: 0.8}", f"settings.precision={precision}", "stages.fit.steps=1"]
        _, trainer = made(catalog, tmp_path / precision, *given)
        trainer.fit()
        found.append(trainer.observer.values[0][2]["modality/sensor/modulation"])  # type: ignore[attr-defined]
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_a_dropped_modality_is_missing_for_the_model(catalog: Catalog, tmp_path: Path) -> None:
    _, trainer = made(catalog, tmp_path, "stages.fit.balance={use: dropout, p: 0.5}")
    trainer.fit()
    shares = [values["modality/sensor/shown"] for _, _, values, _ in trainer.observer.values]  # type: ignore[attr-defined]
    assert all(0 < share < 1 for share in shares) and len(set(shares)) > 1


def test_blended_weights_go_on_after_a_resume(catalog: Catalog, tmp_path: Path) -> None:
    options = ["stages.fit.balance={use: blend, trial: 3, every: 4}", "settings.log_every=2"]
    whole, trainer = made(catalog, tmp_path / "whole", *options, preset="blend")
    trainer.fit()
    cut, first = made(catalog, tmp_path / "cut", *options, preset="blend")
    stepped = first.observer.stepped

    def stop(done: int) -> None:
        stepped(done)
        first.interrupt.number = 15 if done == 3 else None

    first.observer.stepped = stop  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        first.fit()
    again, second = made(catalog, tmp_path / "cut", *options, preset="blend")
    checkpoint.load_weights(tmp_path / "cut" / "checkpoint", again.model)
    second.fit(checkpoint.load_state(tmp_path / "cut" / "checkpoint"))
    del cut
    for name, each in whole.model.state_dict().items():
        assert torch.equal(each, again.model.state_dict()[name]), name
