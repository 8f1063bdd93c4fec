"""The front door: what the package registers, and that its experiment has the controls it should."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mmx_vatt
from mmx.config.catalog import Catalog
from mmx.model.build import build
from mmx.model.built import Built
from mmx.registry.registry import Registrar, Registry

ROOT = Path(__file__).parents[3]
SMALL = ["corpus.clips=16", "corpus.test_clips=4", "task.recordings=null", "task.images=null"]
PRESETS = [
    "default", "shuffled", "video-audio", "video-text", "flat", "linear", "agnostic", "agnostic-wide",
    "drop-0", "drop-75",
    "one-text", "joint-positions", "absolute-text", "symmetric", "asymmetric", "learned-temperature", "mel", "code",
]  # fmt: skip


@cache
def catalog() -> Catalog:
    return Catalog.open(ROOT)


def built(preset: str, *overrides: str) -> Built:
    resolved = catalog().resolve("vatt", preset=preset, overrides=[*SMALL, *overrides])
    return build(resolved.experiment, catalog().plugins.registry)


def test_the_import_is_light() -> None:
    code = "import sys; import mmx_vatt; assert not {'torch', 'numpy', 'mlflow', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_parts_can_be_loaded() -> None:
    registry = Registry()
    mmx_vatt.mmx_register(Registrar(registry, plugin="vatt", distribution="mmx"))
    names = {entry.name for entry in registry.entries()}
    assert names == {
        "vatt/video", "vatt/audio", "vatt/words", "vatt/common-spaces", "vatt/mil-nce", "vatt/judge",
    }  # fmt: skip
    assert all(entry.load() for entry in registry.entries())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_of_every_preset_goes_through(preset: str) -> None:
    import torch

    parts = built(preset)
    stage = parts.stages[0]
    samples = stage.corpus.split("train")
    batch = parts.model.prepare([samples[i] for i in range(6)], parts.model.plan(stage.needs()).encoders)
    objective = stage.updates[0].objective
    shown = objective.view(batch, torch.Generator().manual_seed(0))
    losses = objective(parts.model(shown, stage.needs()), shown)
    assert torch.isfinite(losses["loss"])


def test_the_wide_agnostic_model_is_as_large_as_three_backbones() -> None:
    sizes = {
        name: sum(p.numel() for p in built(name).model.parameters())
        for name in ("default", "agnostic", "agnostic-wide")
    }
    assert sizes["agnostic"] < 0.6 * sizes["default"]
    assert sizes["agnostic-wide"] == pytest.approx(sizes["default"], rel=0.03)


@pytest.mark.parametrize("preset", ["paper", "paper-medium", "paper-large", "paper-agnostic"])
def test_full_scale_presets_have_the_papers_numbers(preset: str) -> None:
    experiment = catalog().resolve("vatt", preset=preset).experiment
    (stage,) = experiment.stages
    assert (stage.steps, stage.batch_size) == (500_000, 2048)
    video, audio, text = (experiment.encoders[name].params for name in ("video", "audio", "text"))
    assert (video["frames"], video["side"], list(video["patch"])) == (32, 224, [4, 16, 16])
    assert (audio["rate"], audio["seconds"], audio["patch"]) == (48_000, 3.2, 128)
    assert (text["vocabulary"], text["words"], text["neighbours"]) == (65_536, 16, 5)
    assert (experiment.fuser.params["fine"], experiment.fuser.params["coarse"]) == (512, 256)


def test_fine_tuning_is_a_second_stage_without_dropped_tokens() -> None:
    parts = built("finetune", "stages.pretrain.steps=1")
    assert [stage.spec.name for stage in parts.stages] == ["pretrain", "finetune"]
    assert parts.stages[1].updates[0].objective.view is not None
    assert parts.stages[1].needs() == ("heads.label", "targets.object")
