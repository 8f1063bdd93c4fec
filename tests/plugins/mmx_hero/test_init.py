"""The front door, and that every preset of the experiment builds and takes a step."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

import mmx_hero
from mmx.config.catalog import Catalog
from mmx.model.build import build
from mmx.model.built import Built
from mmx.registry.registry import Registrar, Registry

ROOT = Path(__file__).parents[3]
SMALL = [
    "corpus.episodes=20", "corpus.side=32", "corpus.val_episodes=2", "corpus.test_episodes=4",
    "encoders.frames.image.weights=null", "encoders.frames.image.image_size=32", "fuser.width=16", "fuser.hidden=16",
]  # fmt: skip
PRESETS = [
    "default", "no-subtitles", "no-video", "flat", "no-align", "shuffled-subtitles", "no-residual", "context",
    "vsm-only", "few", "mffr", "in-batch", "lse", "answers", "inference", "captions",
]  # fmt: skip


@cache
def catalog() -> Catalog:
    return Catalog.open(ROOT)


def built(preset: str, overrides: list[str]) -> Built:
    return build(catalog().resolve("hero", preset=preset, overrides=overrides).experiment, catalog().plugins.registry)


def test_the_import_is_light() -> None:
    code = (
        "import sys; import mmx_hero, mmx.types; "
        "heavy = {'torch', 'numpy', 'scipy', 'mlflow', 'transformers', 'timm'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_parts_can_be_loaded() -> None:
    registry = Registry()
    mmx_hero.mmx_register(Registrar(registry, plugin="hero", distribution="mmx"))
    entries = list(registry.entries())
    assert len(entries) == 17
    assert all(entry.load() for entry in entries)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_a_step(preset: str) -> None:
    parts = built(preset, SMALL)
    for stage in parts.stages:
        samples = stage.corpus.split(stage.spec.split)
        batch = parts.model.prepare([samples[0], samples[1]], parts.model.plan(stage.needs()).encoders)
        objective = stage.updates[0].objective
        shown = objective.view(batch, torch.Generator().manual_seed(0)) if hasattr(objective, "view") else batch
        losses = objective(parts.model(shown, stage.needs()), shown)
        losses["loss"].backward()
        assert torch.isfinite(losses["loss"])


def test_trained_controls_are_as_large_as_the_model() -> None:
    sizes = {
        preset: sum(p.numel() for name, p in built(preset, SMALL).model.named_parameters() if "masks" not in name)
        for preset in ("default", "no-subtitles", "no-video", "flat", "vsm-only")
    }
    assert len(set(sizes.values())) == 1, "but for what stands for hidden frames, where none is ever hidden"


def test_tasks_are_drawn_as_the_paper_says() -> None:
    objective = built("default", SMALL).stages[0].updates[0].objective
    drawn = [objective.draw(torch.Generator().manual_seed(seed)) for seed in range(1400)]
    counts = {name: drawn.count(name) / 200 for name in ("mlm", "mfm", "fom", "vsm")}
    assert counts["mlm"] == pytest.approx(2, abs=0.3)
    assert counts["mfm"] == pytest.approx(2, abs=0.3)
    assert counts["fom"] == pytest.approx(1, abs=0.25)
    assert counts["vsm"] == pytest.approx(2, abs=0.3)


def test_the_papers_scale_has_the_papers_sizes() -> None:
    experiment = catalog().resolve("hero", preset="paper").experiment
    fuser, stage = experiment.fuser.params, experiment.stages[0]
    defaults = {"width": 768, "layers": 6, "temporal_layers": 3, "heads": 12, "hidden": 3072, "vocabulary": 50272}
    assert all(fuser.get(name) in (None, value) for name, value in defaults.items())
    assert (stage.steps, stage.batch_size, stage.accumulate) == (100_000, 32, 2)
    turn = stage.updates[0]
    assert turn.optimizer.params["lr"] == 3e-5
    assert turn.schedule is not None
    assert turn.schedule.params["warmup"] == 10_000


def test_the_size_of_the_vocabulary_is_set_in_one_place() -> None:
    made = built("default", [*SMALL, "encoders.subtitles.vocabulary=40"])
    model, objective = made.model, made.stages[0].updates[0].objective
    assert model.encoders["queries"].vocabulary == model.fuser.text.words.num_embeddings == 40
    assert len(model.heads["words"].bias) == objective.objectives.parts["mlm"].vocabulary == 40
