"""Overfitting one batch: what can learn does, what cannot is named, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmx.config.experiment import Settings
from mmx.registry.registry import Registrar
from mmx.testing import Finding
from mmx.testing.overfit import ITEMS, STEPS, check_overfit
from mmx.training.trainer import Trainer
from mmx.types import Batch, Losses, Outputs
from tests.core.parts import Entropy, experiment, registry


class Noise(Entropy):
    """Gives the same loss whatever the model says."""

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        logits: Tensor = outputs.heads["label"]
        return {"loss": 1.0 + 0.0 * logits.sum()}


class Watched(Entropy):
    """Notes which items it was shown."""

    seen: set[tuple[str, ...]] = set()  # noqa: RUF012

    def __call__(self, outputs: Outputs, batch: Batch) -> Losses:
        Watched.seen.add(tuple(sorted(batch.ids)))
        return super().__call__(outputs, batch)


def found(**changes: Any) -> list[Finding]:
    known = registry()
    registrar = Registrar(known, "f", "faults 0")
    registrar.objective("f/noise", f"{__name__}:Noise")
    registrar.objective("f/watched", f"{__name__}:Watched")
    return list(check_overfit(experiment(**changes), known))


def test_a_stage_overfits_its_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (finding,) = found(stage={"steps": 1})
    assert finding.ok and not finding.skipped
    assert finding.what == "stage fit: overfits one batch"
    before, after = (float(part.split()[0]) for part in finding.detail.removeprefix("loss ").split(" before, "))
    assert after < 0.2 * before
    assert finding.detail.endswith(f"after {STEPS} steps on {ITEMS} items")
    assert list(tmp_path.iterdir()) == []


def test_items_are_read_once_and_by_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Settings] = []

    class Noting(Trainer):
        def __init__(self, *args: Any, settings: Settings, **others: Any) -> None:
            trained.append(settings)
            super().__init__(*args, settings=settings, **others)

    monkeypatch.setattr("mmx.testing.overfit.Trainer", Noting)
    found(stage={"steps": 1})
    (settings,) = trained
    assert (settings.cache_samples, settings.workers) == (ITEMS, 0)
    assert vars(settings).keys() == Settings.model_fields.keys(), "a setting of another name changes nothing"


def test_only_the_first_items_are_shown() -> None:
    Watched.seen.clear()
    found(stage={"objective": "f/watched", "batch_size": 4})
    assert Watched.seen == {("n0", "n1", "n2", "n3")}


@pytest.mark.parametrize(
    "stage", [{"objective": "f/noise"}, {"optimizer": {"use": "t/sgd", "lr": 1e-9}}], ids=["loss", "rate"]
)
def test_what_cannot_learn_is_told(stage: dict[str, Any]) -> None:
    (finding,) = found(stage=stage)
    assert not finding.ok


def test_stages_without_steps_are_left_out_and_rivals_not_judged() -> None:
    assert found(stage={"steps": 0}) == []
    update = {"trains": ["heads"], "objective": "f/noise", "optimizer": {"use": "t/sgd"}}
    (finding,) = found(stages=[{"name": "duel", "steps": 3, "batch_size": 8, "updates": [update, update]}])
    assert (finding.ok, finding.skipped) == (True, True)


def test_the_same_seed_gives_the_same_numbers() -> None:
    torch.manual_seed(1)
    one = found()
    torch.manual_seed(2)
    assert found() == one
