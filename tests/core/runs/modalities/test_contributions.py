"""Contributions at test, recomputed by hand, and what is asked where a task has no score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmx.config.catalog import Catalog
from mmx.data.ablation import without
from mmx.model.build import build
from mmx.runs.evaluate import context_of
from mmx.runs.modalities.contributions import contributions
from mmx.runs.progress import Quiet
from mmx.training.engine import Engine


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("empty"))


def asked(catalog: Catalog, name: str, folder: Path, *overrides: str) -> tuple[Any, Any]:
    resolved = catalog.resolve(name, preset="smoke", overrides=overrides, settings={"device": "cpu"})
    built = build(resolved.experiment, catalog.plugins.registry)
    context = context_of(built, catalog.plugins, folder, Quiet(), Engine(resolved.experiment.settings))
    return built, contributions(built, context)


def test_the_mean_probability_of_the_true_class_with_and_without(catalog: Catalog, tmp_path: Path) -> None:
    built, found = asked(catalog, "early_fusion", tmp_path)
    samples = built.corpus.split("test")
    assert found.items == len(samples) == 48 and found.better == "higher"
    batch = built.model.eval().prepare([samples[i] for i in range(48)])
    truth = batch.targets["label"]

    def mean(shown: Any) -> float:
        logits = built.model(shown).heads["label"].softmax(1)
        return sum(float(logits[i, truth[i]]) for i in range(48)) / 48

    assert found.own == pytest.approx(mean(batch), abs=1e-5)
    for field in ("sensor", "image"):
        assert found.without[field]["removed"] == pytest.approx(mean(without(batch, [field])), abs=1e-5)
        assert set(found.without[field]) == {"removed", "shuffled", "noised"}
        assert len({found.own, *found.without[field].values()}) == 4
    assert found.numbers()["test/modality/sensor/removed"] == found.without["sensor"]["removed"]
    assert set(found.as_json()) == {"measure", "better", "own", "items", "without"}


def test_a_task_without_a_score_is_answered_by_the_loss(catalog: Catalog, tmp_path: Path) -> None:
    """Pairs of images and texts: there is no class; words take no noise."""
    _, found = asked(catalog, "vse", tmp_path)
    assert found.measure == "loss of stage align" and found.better == "lower"
    assert found.without["text"]["noised"] is None
    assert found.without["image"]["noised"] is not None
    assert all(isinstance(each["shuffled"], float) and each["removed"] is None for each in found.without.values())


def test_one_modality_contributes_everything(catalog: Catalog, tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert asked(catalog, "early_fusion", tmp_path, "encoders.image=null", "task.tasks.robust=null")[1] is None


def test_a_loss_that_hides_words_is_asked_on_its_own_view(catalog: Catalog, tmp_path: Path) -> None:
    """Without the view there is nothing hidden to name; the same words are hidden at every call."""
    _, found = asked(catalog, "vlbert", tmp_path)
    assert found.measure == "loss of stage pretrain" and found.own > 0
    assert set(found.without) == {"text", "regions"}
    assert all(each["removed"] not in (None, found.own) for each in found.without.values()), "fused: zeros in its place"
    assert asked(catalog, "vlbert", tmp_path)[1].own == pytest.approx(found.own)
